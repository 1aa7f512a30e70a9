#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

struct proposed_claim {
  std::string id;        // "c1"
  std::string document;  // empty: none
  std::string text;
};

struct proposed_relation {
  std::string from;
  std::string kind;  // supports, refutes or contradicts
  std::string to;
};

/// What a proposer wrote, taken apart:
///   CLAIM[c1] (Document 4983): Cerebral white matter ...
///   CLAIM[c2]: ...
///   RELATION: c2 supports c1
/// Lines that begin with CLAIM or RELATION and do not follow the form are counted as malformed;
/// other text is allowed.
struct proposal {
  std::vector<proposed_claim> claims;
  std::vector<proposed_relation> relations;
  std::vector<std::string> documents;  // cited anywhere, each once, in order of first appearance
  std::int64_t malformed = 0;
};

/// Citations are `(Document 4983)`, `Document 123:`, `[DocID: x]`, `[ref:x]` and `[123:0]`
/// (document and sentence); the document of a CLAIM line always is one. Ids are letters, digits,
/// "_", "-" and, but at their end, ".".
proposal parse_proposal(std::string_view text);

}  // namespace nsai::stages

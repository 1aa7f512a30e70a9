#pragma once

#include <string>

#include "messages/field_list.hpp"

namespace nsai::stages {

/// Where the parts of a data set lie; an empty path: that part is not there. All are JSON lines in
/// SciFact's format.
struct dataset_paths {
  static constexpr char const* type_name = "dataset_paths";
  std::string claims;       // {"id", "claim", "evidence", "cited_doc_ids"}
  std::string corpus;       // {"doc_id", "title", "abstract"}
  std::string predictions;  // {"id", "evidence": {doc: {"label", "sentences"}}}
  std::string outputs;      // {"id", "output"}: what a proposer wrote about the claim

  static constexpr auto fields() {
    using d = dataset_paths;
    return std::tuple{field{"claims", &d::claims}, field{"corpus", &d::corpus},
                      field{"predictions", &d::predictions}, field{"outputs", &d::outputs}};
  }
};

}  // namespace nsai::stages

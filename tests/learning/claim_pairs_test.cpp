#include "stages/learning/claim_pairs.hpp"

#include <set>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

corpus three_documents() {
  return corpus{{{"1", "", {"One."}}, {"2", "", {"Two."}}, {"3", "", {}}}};
}

gold_claim claim_with(std::string id, std::vector<std::string> cited,
                      std::map<std::string, std::vector<rationale>> evidence = {}) {
  gold_claim claim;
  claim.id = id;
  claim.claim = "claim " + id;
  claim.cited_doc_ids = std::move(cited);
  claim.evidence = std::move(evidence);
  return claim;
}

}  // namespace

TEST_CASE("a pair for each cited document, once; its label is that of its first rationale") {
  auto const texts = three_documents();
  auto const found =
      pairs_of({claim_with("a", {"2", "1", "2"},
                           {{"1", {{{0}, verdict::contradict}, {{0}, verdict::support}}}}),
                claim_with("b", {}, {{"2", {{{0}, verdict::support}}}, {"1", {}}})},
               texts);
  REQUIRE(found.pairs.size() == 4);
  CHECK(found.pairs[0].evidence->id == "2");
  CHECK(found.pairs[0].label == verdict::nei);
  CHECK(found.pairs[1].label == verdict::contradict);
  CHECK(found.pairs[2].evidence->id == "1");  // evidence that is not cited, in order of ids
  CHECK(found.pairs[2].label == verdict::nei);
  CHECK(found.pairs[3].label == verdict::support);
  CHECK(found.counts.at("pairs") == 4);
  CHECK(found.counts.at("NEI") == 2);
}

TEST_CASE("documents that the corpus lacks and those without a sentence are counted, no error") {
  auto const texts = three_documents();
  auto const found = pairs_of({claim_with("a", {"77", "78"}), claim_with("b", {"77", "1"}),
                               claim_with("c", {"3"}), claim_with("d", {})},
                              texts);
  CHECK(found.pairs.size() == 1);
  CHECK(found.counts.at("missing_documents") == 2);  // each once
  CHECK(found.counts.at("empty_documents") == 1);
  CHECK(found.counts.at("claims_without_pair") == 3);
  CHECK(found.counts.at("claims") == 4);
}

TEST_CASE("a split keeps claims and documents that hang together on one side, about the share") {
  std::vector<abstract> documents;
  for (int i = 0; i < 60; ++i)
    documents.push_back({std::to_string(i), "", {"Text."}});
  corpus const texts{documents};
  std::vector<claim_pair> pairs;
  for (int c = 0; c < 100; ++c)
    for (int d = 0; d < 1 + c % 2; ++d)
      pairs.push_back({std::to_string(c), "claim", texts.find(std::to_string((c * 7 + d * 3) % 60)),
                       static_cast<verdict>(c % 3)});
  // Documents of the pairs (7c) and (7c + 3) chain much of this together; a second half does not.
  for (int c = 100; c < 400; ++c)
    pairs.push_back({std::to_string(c), "claim",
                     &texts.documents()[static_cast<std::size_t>(c % 60)],
                     static_cast<verdict>(c % 3)});
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    CAPTURE(seed);
    auto const sides = split_by_document(pairs, 0.2, seed);
    CHECK(sides.first.size() + sides.second.size() == pairs.size());
    std::set<std::string> claims, seen;
    for (auto const i : sides.first) {
      claims.insert(pairs[i].claim_id);
      seen.insert(pairs[i].evidence->id);
    }
    for (auto const i : sides.second) {
      CHECK_FALSE(claims.contains(pairs[i].claim_id));
      CHECK_FALSE(seen.contains(pairs[i].evidence->id));
    }
    CHECK(split_by_document(pairs, 0.2, seed).second == sides.second);
  }
}

TEST_CASE("a split of pairs that share nothing takes the share of every label") {
  std::vector<abstract> documents;
  for (int i = 0; i < 300; ++i)
    documents.push_back({std::to_string(i), "", {"Text."}});
  corpus const texts{documents};
  std::vector<claim_pair> pairs;
  for (std::size_t i = 0; i < 300; ++i)
    pairs.push_back({std::to_string(i), "claim", &texts.documents()[i],
                     i < 150   ? verdict::support
                     : i < 240 ? verdict::nei
                               : verdict::contradict});
  auto const sides = split_by_document(pairs, 0.2, 4);
  std::map<verdict, int> labels;
  for (auto const i : sides.second)
    ++labels[pairs[i].label];
  CHECK(labels[verdict::support] == 30);
  CHECK(labels[verdict::nei] == 18);
  CHECK(labels[verdict::contradict] == 12);
  CHECK(split_by_document(pairs, 0.2, 5).second != sides.second);
  CHECK(split_by_document(pairs, 0, 5).second.empty());
  CHECK(split_by_document({}, 0.2, 5).first.empty());
}

#pragma once

#include <map>
#include <string>
#include <vector>

#include "stages/corpus.hpp"
#include "stages/scifact.hpp"

namespace nsai::stages {

/// A claim beside one document that it cites: what a verifier judges.
struct claim_pair {
  std::string claim_id;
  std::string claim;
  abstract const* evidence = nullptr;  // of the corpus, which lives longer
  verdict label = verdict::nei;
};

/// `counts`: claims, pairs, pairs of each label, missing_documents (cited or evidence, not in the
/// corpus: no pair), empty_documents (without a sentence: no pair), claims_without_pair.
struct claim_pairs {
  std::vector<claim_pair> pairs;
  std::map<std::string, std::int64_t> counts;
};

/// Each claim with each document that it cites or has evidence in, once, in the order of the
/// claims. The label is that of the document's first rationale, as for label_scores; without one
/// NEI.
claim_pairs pairs_of(std::vector<gold_claim> const& claims, corpus const& texts);

/// Positions of `pairs` on two sides: about `share` of each label goes to the second. Claims that
/// share a document, and documents that share a claim, stay on one side, so that nothing of the
/// second side is seen from the first. Equal seeds give equal sides.
struct two_sides {
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> second;
};
two_sides split_by_document(std::vector<claim_pair> const& pairs, double share, std::uint64_t seed);

}  // namespace nsai::stages

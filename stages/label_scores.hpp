#pragma once

#include "stages/scifact.hpp"

namespace nsai::stages {

/// What precision and recall are made of. An empty denominator gives 0.
struct tally {
  std::int64_t correct = 0;
  std::int64_t retrieved = 0;
  std::int64_t relevant = 0;

  double precision() const;
  double recall() const;
  double f1() const;  // 2PR / (P + R)
};

/// The four scores of SciFact (Wadden et al. 2020, section 4). A document's gold label is that of
/// its first rationale.
///   abstract_label_only    retrieved: predicted documents that are not NEI; relevant: gold
///                          evidence documents; correct: the document is gold and the label equal
///   abstract_rationalized  the same, and one gold rationale lies wholly among the first three
///                          predicted sentences
///   sentence_selection     retrieved: predicted sentences of documents that are not NEI; relevant:
///                          the sentences of all gold rationales; correct: in a gold rationale all
///                          of whose sentences were predicted
///   sentence_label         the same, and the label is equal
struct label_scores {
  tally abstract_label_only;
  tally abstract_rationalized;
  tally sentence_selection;
  tally sentence_label;
};

/// Predictions of claims that are not in `claims` count as nothing; a claim without a prediction as
/// one with no document.
label_scores score_labels(std::vector<gold_claim> const& claims,
                          std::vector<prediction> const& predictions);

/// {"abstract_label_only": {"precision", "recall", "f1"}, ...}
json to_json(label_scores const& scores);

}  // namespace nsai::stages

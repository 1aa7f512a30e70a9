#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stages/corpus.hpp"
#include "stages/proposer_text.hpp"
#include "stages/scifact.hpp"
#include "stages/text/scorer.hpp"

namespace nsai::stages {

/// Documents that are cited for a claim, by its id.
using citations = std::map<std::string, std::set<std::string>>;

/// Gold evidence documents of the claim (those with a rationale) are all cited.
bool all_gold_is_cited(gold_claim const& claim, citations const& cited);

/// What the texts are scored with.
struct proposer_texts {
  corpus const& documents;
  tfidf_index const& index;  // of the documents; it finds the sentences of the evidence
  text_scorer& scorer;
  std::size_t batch_size = 32;  // pairs a call of the scorer
  bool entailment = true;       // which of the two the scorer is asked for
  bool similarity = true;
  compute_hooks hooks;
};

/// One proposal with the id of the gold claim that it is about.
struct parsed_output {
  std::string id;
  proposal parts;
};

/// Means over gold claims. Those with outputs count: a claim's own score is the mean over the
/// claims that were proposed for it, 0 where its outputs propose none. A claim whose gold evidence
/// documents are not all cited counts with 0, also without an output; others without an output do
/// not count.
struct proposer_scores {
  std::optional<double> entailment;
  std::optional<double> similarity;
  std::int64_t claims = 0;            // that the means are over
  std::int64_t pairs = 0;             // that the scorer was asked for entailment
  std::int64_t without_evidence = 0;  // proposed claims with no sentence as evidence: entailment 0
};

/// entailment: P(evidence entails the proposed claim). The evidence are the three sentences (all
/// where there are fewer) with the largest cosine to it (of equal ones the earlier), in the order
/// of the document, among those of the document that the CLAIM line names; of all documents that
/// the output cites where it names none.
/// similarity: of the proposed claim and the gold claim.
proposer_scores score_proposals(dataset const& data, std::vector<parsed_output> const& outputs,
                                citations const& cited, proposer_texts const& texts);

/// entailment: P(evidence entails the gold claim), where the evidence are the predicted sentences
/// of all documents that are not NEI. Claims with no such document count only when gated.
proposer_scores score_predictions(dataset const& data, citations const& cited,
                                  proposer_texts const& texts);

}  // namespace nsai::stages

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "stages/cns/chirality.hpp"
#include "stages/cns/claim_graph.hpp"
#include "stages/text/scorer.hpp"

/// What an antagonist finds in claims and their relations, without files and options.
namespace nsai::stages {

struct antagonist_settings {
  double contradiction_threshold = 0.5;  // least P(contradicts) of a new contradiction
  double high_threshold = 0.8;           // from here on a contradiction is of high severity
  std::size_t neighbours = 5;            // nearest claims that each claim is compared with
  double weak_validity = 0.5;            // mean validity below it is weak evidence
  std::size_t most_cycles = 1000;        // flagged
};

struct flagged {
  std::vector<claim_flag> flags;
  std::vector<claim_relation> found;  // contradictions that no relation said before
  std::int64_t compared_pairs = 0;
  std::int64_t pairs_beyond_limit = 0;  // of one question that were not compared (pair_batch.hpp)
  bool all_cycles = true;  // false: there are more, or longer ones (claim_graph::cycles)
};

// clang-format off
/// Flags in the order of the kinds below, of a kind in the order of the claims. Throws
/// compute_stopped.
///
///   contradiction      a pair that a relation calls refuted or contradictory, or whose
///                      P(contradicts), the larger of both directions, reaches the threshold.
///                      Compared are pairs of one question (of more than 100 claims those near one
///                      another: pair_batch.hpp), those of such relations, and of each claim its
///                      nearest neighbours by TF-IDF. score: that probability; chirality:
///                      chirality.hpp, with a polarity conflict where one of the two has one. high:
///                      score >= high_threshold, or >= the threshold and a polarity conflict;
///                      medium: score >= the threshold; low: only a relation says so
///   polarity_conflict  score: 2 * min / (supporting + refuting claims). high: a supporting and a
///                      refuting claim have evidence; else medium
///   cycle              an elementary directed cycle. score 1. high: it refutes somewhere; else
///                      medium
///   no_evidence        score 1. medium: the claim supports or refutes another; else low
///   weak_evidence      mean validity below weak_validity; score: 1 - that mean. medium: below half
///                      of it; else low
///   single_source      one source for a claim that supports or refutes another. score 1, low
///   uncited            evidence of a document that is not in `documents` (where there are any).
///                      score: the share of such evidence, medium
///
/// `index` is one of the claims' texts, in the order of the SNOs.
// clang-format on
flagged find_flags(narrative const& on, std::set<std::string> const& documents, text_scorer& scorer,
                   tfidf_index const& index, chirality_measure const& measure,
                   antagonist_settings const& settings, compute_hooks const& hooks);

/// The graph of all claims and relations.
claim_graph graph_of(narrative const& on);

}  // namespace nsai::stages

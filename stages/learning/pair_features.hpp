#pragma once

#include <array>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "stages/compute.hpp"
#include "stages/learning/claim_pairs.hpp"
#include "stages/npy.hpp"
#include "stages/text/tfidf.hpp"

namespace nsai::stages {

/// What the network sees of a claim and an abstract; with b buckets:
///
///   b columns      hashed n-grams of the claim (compute::hashed_ngrams, content words and
///                  pairs of them), times `ngram_scale`
///   b columns      likewise of the evidence
///   then           `pair_cue_names`: 1 or 0 times `cue_scale`
///   then           `pair_score_names`, each in [-1, 1]
///
/// The evidence is the two sentences that match the claim best: by coverage of the claim (sum of
/// idf over shared content words / that of the claim's) plus cosine with it (idf weights); idf as
/// in tfidf_index, over the documents of the pair's corpus.
///
/// The scales were chosen by cross-validation on the 236 pairs of SciFact's training claims at hand
/// (five folds by document, six times, the defaults of training; mean accuracy / macro-F1):
///
///   n-grams times   none         0.15         0.3          0.5
///   cues 1          0.663/0.660  0.672/0.668  0.667/0.664  0.650/0.646
///   cues 0.4        0.652/0.648  0.667/0.663  0.657/0.653  0.643/0.636
///
/// Words as they stand instead of content words were no better, n-grams unscaled worse (0.616).
inline constexpr std::array pair_score_names{
    "coverage",           // of the claim by the whole abstract
    "best_coverage",      // by the best sentence
    "best_cosine",        // with it
    "second_coverage",    // by the second best
    "best_three",         // by the best three together
    "unmatched",          // share of the claim's content words that the abstract lacks
    "bigrams",            // share of the claim's pairs of content words that the abstract has
    "best_bigrams",       // that the best sentence has
    "has_numbers",        // 1: the claim has a word with a digit
    "unmatched_numbers",  // share of those that the abstract lacks
    "position",           // of the best sentence, 0 first to 1 last
    "agreement",          // words of up and down near shared words in the best three sentences:
                          // (those as the claim says - the others) / all; the other way round when
                          // the claim is negated an odd number of times
    "raw_agreement",      // without that turn
    "no_direction"        // 1: there are none of them
};

inline constexpr std::array pair_cue_names{
    "claim_rises",  "claim_falls",    "claim_level",    "no_negation",
    "one_negation", "more_negations", "claim_negation", "claim_up",
    "claim_down",   "claim_good",     "claim_bad",      "evidence_negation",
    "evidence_up",  "evidence_down",  "evidence_good",  "evidence_bad"};

struct pair_reading {
  std::array<float, pair_score_names.size()> scores{};
  std::array<bool, pair_cue_names.size()> cues{};
  std::string claim;               // content words for hashing, with spaces between
  std::string evidence;            // likewise, of the sentences of `best`
  std::vector<std::int64_t> best;  // up to two sentences, best first; of equal ones the earlier
};

/// Reads pairs beside one corpus; it keeps no reference to it.
class pair_reader {
 public:
  explicit pair_reader(corpus const& texts);
  /// The document has at least one sentence.
  pair_reading read(claim_pair const& pair) const;

 private:
  struct comparison;

  double idf(std::string const& word) const;
  double weight(std::set<std::string> const& words) const;  // sum of their idf
  comparison compare(claim_pair const& pair) const;

  tfidf_index index_;
};

inline constexpr float ngram_scale = 0.15F;
inline constexpr float cue_scale = 1;

/// Columns of the features of pairs.
std::size_t pair_columns(std::uint32_t buckets);

/// pairs × pair_columns(buckets).
matrix pair_features(std::span<pair_reading const> readings, std::uint32_t buckets, compute& device,
                     compute_hooks const& hooks);

/// Hashed single words of claim and abstract together, for the plain baseline.
matrix bag_of_words(std::span<claim_pair const> pairs, compute& device, compute_hooks const& hooks);

}  // namespace nsai::stages

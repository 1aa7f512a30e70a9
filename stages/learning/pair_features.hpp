#pragma once

#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "stages/compute.hpp"
#include "stages/learning/claim_pairs.hpp"
#include "stages/npy.hpp"

namespace nsai::stages {

/// What the network sees of a claim and an abstract. A bag of their words says next to nothing
/// about whether one entails the other, and there are few claims to learn from; what is seen is how
/// the two meet:
///
///   columns 0 .. buckets - 1   hashed n-grams (compute::hashed_ngrams, single tokens) of the
///   pair's
///                              tokens: which cues the claim has and which the evidence (negation,
///                              up, down, good, bad: cue_words.hpp), whether the claim has more
///                              words of up or of down, and its negations (0, 1, 2 and more)
///   columns from buckets on    `pair_score_names`, each in [-1, 1]
///
/// The evidence is the two sentences that match the claim best: by coverage of the claim (sum of
/// idf over shared content words / that of the claim's) plus cosine with it (idf weights);
/// idf = ln((1 + n) / (1 + df)) + 1 over the n documents of the pair's corpus. The features were
/// chosen by cross-validation on SciFact's training claims, folds by document; words of the texts
/// as further features did worse there.
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

struct pair_reading {
  std::array<float, pair_score_names.size()> scores{};
  std::string tokens;              // for hashing, with spaces between
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

  std::map<std::string, std::int64_t> documents_with_;
  double documents_ = 0;
};

/// pairs × (buckets + pair_score_names.size()).
matrix pair_features(std::span<pair_reading const> readings, std::uint32_t buckets, compute& device,
                     compute_hooks const& hooks);

/// Hashed single words of claim and abstract together, for the plain baseline.
matrix bag_of_words(std::span<claim_pair const> pairs, compute& device, compute_hooks const& hooks);

}  // namespace nsai::stages

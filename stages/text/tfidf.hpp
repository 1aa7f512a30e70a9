#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nsai::stages {

/// The weights tf · idf of a text's content words by word_key, in the order of the keys.
struct word_bag {
  std::vector<std::pair<std::uint64_t, double>> weights;
  double squared = 0;  // sum of the squares of the weights
};

/// In [0, 1]; symmetric to the last bit; 1 for equal bags, 0 where nothing is shared or one is
/// empty.
double cosine(word_bag const& a, word_bag const& b);

/// Texts as bags of content words (words.hpp), weighted by tf · idf with
/// idf = ln((1 + n) / (1 + df)) + 1 over the n texts of the collection (a word that none of them
/// has: df 0), compared by cosine. Salton and Buckley 1988, "Term-weighting approaches in automatic
/// text retrieval".
class tfidf_index {
 public:
  tfidf_index() = default;  // of no texts: every word weighs the same
  explicit tfidf_index(std::span<std::string_view const> texts);

  std::size_t size() const { return texts_.size(); }

  struct hit {
    std::size_t text = 0;
    double cosine = 0;
  };
  /// The up to k texts of the collection with the largest cosine above 0, best first; of equal ones
  /// the lower position first. The cosine is that of `similarity`.
  std::vector<hit> nearest(std::string_view query, std::size_t k) const;

  /// Cosine of two texts, in [0, 1]; symmetric; 1 for equal bags of words, 0 where nothing is
  /// shared or one has no content word.
  double similarity(std::string_view a, std::string_view b) const;

  /// Of a content word's key, at least 1.
  double idf(std::uint64_t word) const;

  word_bag bag_of(std::string_view text) const;
  /// Of the keys of content words, in any order, repeats counted.
  word_bag bag_of(std::vector<std::uint64_t> words) const;

 private:
  struct posting {
    std::uint32_t text = 0;
    std::uint32_t count = 0;
  };
  struct word {
    double idf = 1;
    std::vector<posting> in;  // by text
  };
  std::unordered_map<std::uint64_t, word> words_;
  double unknown_idf_ = 1;
  std::vector<double> texts_;  // of each the sum of its squared weights
};

}  // namespace nsai::stages

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

/// Texts as bags of content words, weighted by tf · idf with idf = ln((1 + n) / (1 + df)) + 1 over
/// the n texts of the collection (a word that none of them has: df 0), of length 1. Salton and
/// Buckley 1988, "Term-weighting approaches in automatic text retrieval".
class tfidf_index {
 public:
  tfidf_index() = default;  // of no texts: every word weighs the same
  explicit tfidf_index(std::span<std::string_view const> texts);

  std::size_t size() const;

  struct hit {
    std::size_t text = 0;
    double cosine = 0;
  };
  /// The up to k texts of the collection with the largest cosine above 0, best first; of equal ones
  /// the lower position first.
  std::vector<hit> nearest(std::string_view query, std::size_t k) const;

  /// Cosine of two texts, in [0, 1]; symmetric; 1 for equal bags of words, 0 where nothing is shared
  /// or one has no content word.
  double similarity(std::string_view a, std::string_view b) const;
};

}  // namespace nsai::stages

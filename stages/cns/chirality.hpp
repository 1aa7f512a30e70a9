#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "stages/cns/sno.hpp"
#include "stages/compute.hpp"

/// How far thesis and antithesis are apart.
namespace nsai::stages {

/// 1 / (variance of each column over all rows + 1e-6), of the population.
std::vector<double> inverse_variances(matrix_view embeddings);

/// sqrt(sum of (a_i - b_i)^2 * w_i): the Fisher-Rao distance of two normal distributions with the
/// same diagonal covariance, w_i the inverse variances. All three are equally long.
double fisher_rao_distance(std::span<float const> a, std::span<float const> b,
                           std::span<double const> inverse_variances);

/// |both| / |either| of the sources of two claims' evidence; 0 where neither has any.
double evidence_overlap(sno const& a, sno const& b);

enum class polarity { agrees, conflicts };

/// min(1, 0.6 * d / (d + 1) + 0.2 * (1 - overlap) + 0.25 where the polarity conflicts). In [0, 1]
/// for d >= 0 and an overlap in [0, 1]; grows with d, falls with the overlap.
double chirality(double distance, double overlap, polarity sides);

/// Claims as hashed 1- and 2-grams in 256 buckets, one row each (compute::hashed_ngrams): without
/// a model, and the same on CPU and GPU within their tolerance. Rows have length 1, so of two texts
/// without a common word the distance is about sqrt(2 / 256 / variance).
inline constexpr std::uint32_t embedding_buckets = 256;
std::vector<float> embed_claims(std::span<sno const> snos, compute& device,
                                compute_hooks const& hooks);

/// Chirality of pairs among `snos`, with the variances over all of them.
class chirality_measure {
 public:
  chirality_measure(std::span<sno const> snos, std::vector<float> embeddings);

  matrix_view embeddings() const { return {rows_.data(), snos_.size(), embedding_buckets}; }
  double of(std::size_t a, std::size_t b, polarity sides) const;

 private:
  std::span<sno const> snos_;
  std::vector<float> rows_;
  std::vector<double> weights_;
};

}  // namespace nsai::stages

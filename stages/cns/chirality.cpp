#include "stages/cns/chirality.hpp"

#include <algorithm>
#include <cmath>

#include "stages/text/words.hpp"

namespace nsai::stages {

std::vector<double> inverse_variances(matrix_view embeddings) {
  std::vector<double> mean(embeddings.columns), inverse(embeddings.columns);
  auto const rows = static_cast<double>(std::max<std::size_t>(embeddings.rows, 1));
  for (std::size_t r = 0; r < embeddings.rows; ++r)
    for (std::size_t c = 0; c < embeddings.columns; ++c)
      mean[c] += embeddings.row(r)[c] / rows;
  for (std::size_t r = 0; r < embeddings.rows; ++r)
    for (std::size_t c = 0; c < embeddings.columns; ++c)
      inverse[c] += std::pow(embeddings.row(r)[c] - mean[c], 2) / rows;
  for (auto& each : inverse)
    each = 1 / (each + 1e-6);
  return inverse;
}

double fisher_rao_distance(std::span<float const> a, std::span<float const> b,
                           std::span<double const> inverse_variances) {
  double sum = 0;
  for (std::size_t i = 0; i < inverse_variances.size(); ++i) {
    auto const apart = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += apart * apart * inverse_variances[i];
  }
  return std::sqrt(sum);
}

double evidence_overlap(sno const& a, sno const& b) {
  std::vector<std::string> from_a, from_b;
  for (auto const& each : a.evidence)
    from_a.push_back(each.source);
  for (auto const& each : b.evidence)
    from_b.push_back(each.source);
  return jaccard(std::move(from_a), std::move(from_b));
}

double chirality(double distance, double overlap, polarity sides) {
  auto const sum = 0.6 * distance / (distance + 1) + 0.2 * (1 - overlap) +
                   (sides == polarity::conflicts ? 0.25 : 0);
  return std::min(1.0, sum);
}

std::vector<float> embed_claims(std::span<sno const> snos, compute& device,
                                compute_hooks const& hooks) {
  if (snos.empty())
    return {};
  std::vector<std::string_view> texts;
  texts.reserve(snos.size());
  for (auto const& each : snos)
    texts.push_back(each.claim);
  return device.hashed_ngrams(texts, {embedding_buckets, 2}, hooks);
}

chirality_measure::chirality_measure(std::span<sno const> snos, std::vector<float> embeddings)
    : snos_(snos), rows_(std::move(embeddings)), weights_(inverse_variances(this->embeddings())) {}

double chirality_measure::of(std::size_t a, std::size_t b, polarity sides) const {
  auto const row = [this](std::size_t i) {
    return std::span{rows_}.subspan(i * embedding_buckets, embedding_buckets);
  };
  return chirality(fisher_rao_distance(row(a), row(b), weights_),
                   evidence_overlap(snos_[a], snos_[b]), sides);
}

}  // namespace nsai::stages

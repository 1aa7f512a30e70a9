#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// similarity {queries, corpus, k, precision}: of each query the k rows of the corpus with the
/// largest cosine similarity, into scores.npy and indices.npy of the artifacts; the result holds
/// those of the first queries.
std::unique_ptr<stage> make_similarity();

/// ngram_features {texts, field, buckets, longest}: hashed word n-grams of texts, into
/// features.npy of the artifacts.
std::unique_ptr<stage> make_ngram_features();

}  // namespace nsai::stages

#include "stages/text/tfidf.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "stages/text/words.hpp"
#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

tfidf_index index_over(std::vector<std::string> const& texts) {
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  return tfidf_index{views};
}

std::string random_text(std::mt19937_64& random, std::size_t most) {
  std::string text;
  for (auto words = random() % (most + 1); words > 0; --words)
    text += "w" + std::to_string(random() % 12) + "x ";
  return text;
}

}  // namespace

TEST_CASE("worked by hand: two texts, one shared word") {
  // n = 2. idf(cell) = ln(3/3) + 1 = 1; idf(gene) = idf(protein) = ln(3/2) + 1 = 1.405465108.
  // "gene cell" and "protein cell": 1·1 / (1 + 1.405465108²) = 1 / 2.975332170 = 0.336096926.
  auto const index = index_over({"gene cell", "protein cell"});
  CHECK(index.size() == 2);
  CHECK(index.idf(word_key("cell")) == 1.0);
  CHECK(index.idf(word_key("gene")) == doctest::Approx(1.405465108).epsilon(1e-9));
  // A word of no text: ln(3/1) + 1.
  CHECK(index.idf(word_key("mouse")) == doctest::Approx(2.098612289).epsilon(1e-9));
  CHECK(index.similarity("gene cell", "protein cell") ==
        doctest::Approx(0.336096926).epsilon(1e-8));
  auto const hits = index.nearest("the gene cells", 5);
  REQUIRE(hits.size() == 2);
  CHECK(hits[0].text == 0);
  CHECK(hits[0].cosine == 1.0);
  CHECK(hits[1].cosine == doctest::Approx(0.336096926).epsilon(1e-8));
}

TEST_CASE("without texts every word weighs the same: the plain cosine") {
  tfidf_index const index;
  // (2, 1) and (1, 0): 2 / sqrt(5).
  CHECK(index.similarity("gene gene cell", "gene") == doctest::Approx(2 / std::sqrt(5.0)));
  CHECK(index.similarity("gene", "cell") == 0.0);
  CHECK(index.similarity("", "") == 0.0);
  CHECK(index.similarity("the of", "gene") == 0.0);
  CHECK(index.nearest("gene", 3).empty());
}

TEST_CASE("of equal texts the lower position comes first, and k bounds the hits") {
  auto const index = index_over({"liver", "heart valve", "heart valve", "heart"});
  auto const hits = index.nearest("heart valve", 2);
  REQUIRE(hits.size() == 2);
  CHECK(hits[0].text == 1);
  CHECK(hits[1].text == 2);
  CHECK(index.nearest("heart", 0).empty());
  CHECK(index.nearest("heart", 10).size() == 3);
}

TEST_CASE("random texts: bounded, symmetric, 1 for the same words, nearest is what a scan finds") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> texts;
    for (auto count = random() % 30; count > 0; --count)
      texts.push_back(random_text(random, 8));
    auto const index = index_over(texts);
    auto const query = random_text(random, 6);
    std::vector<tfidf_index::hit> scan;
    for (std::size_t t = 0; t < texts.size(); ++t) {
      auto const cosine = index.similarity(query, texts[t]);
      CHECK(cosine >= 0);
      CHECK(cosine <= 1);
      CHECK(cosine == index.similarity(texts[t], query));
      if (!texts[t].empty())
        CHECK(index.similarity(texts[t], texts[t]) == 1.0);
      if (cosine > 0)
        scan.push_back({t, cosine});
    }
    std::stable_sort(scan.begin(), scan.end(),
                     [](auto const& a, auto const& b) { return a.cosine > b.cosine; });
    auto const hits = index.nearest(query, texts.size());
    REQUIRE(hits.size() == scan.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
      CHECK(hits[i].text == scan[i].text);
      CHECK(hits[i].cosine == scan[i].cosine);
    }
  }
}

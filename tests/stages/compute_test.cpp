#include "stages/compute.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <doctest/doctest.h>

#include "messages/field_list.hpp"
#include "stages/ngram_hash.hpp"
#include "tests/support/numbers.hpp"

using namespace nsai;
using namespace nsai::stages;
using nsai::tests::cosine;
using nsai::tests::noise;

namespace {

std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (char const c : text)
    hash = hash_byte(hash, static_cast<unsigned char>(c));
  return hash;
}

std::vector<std::uint32_t> all_rows(std::size_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

double mean_loss(std::vector<float> const& logits, std::span<std::uint32_t const> labels) {
  auto const classes = logits.size() / labels.size();
  double loss = 0;
  for (std::size_t r = 0; r < labels.size(); ++r) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c)
      sum += std::exp(static_cast<double>(logits[r * classes + c]));
    loss += std::log(sum) - logits[r * classes + labels[r]];
  }
  return loss / static_cast<double>(labels.size());
}

}  // namespace

TEST_CASE("the most similar rows are those of the definition, best first") {
  std::uint64_t const seed = 11;
  CAPTURE(seed);
  std::size_t const columns = 37;
  auto const queries = noise(70 * columns, seed);
  auto const corpus = noise(300 * columns, seed + 1);
  auto const found = cpu_compute().most_similar(
      {queries.data(), 70, columns}, {corpus.data(), 300, columns}, 5, precision::fp32, {});
  REQUIRE(found.k == 5);
  for (std::size_t q = 0; q < 70; ++q) {
    std::vector<double> scores;
    for (std::size_t c = 0; c < 300; ++c)
      scores.push_back(cosine(queries.data() + q * columns, corpus.data() + c * columns, columns));
    auto sorted = scores;
    std::sort(sorted.rbegin(), sorted.rend());
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(found.scores[q * 5 + i] == doctest::Approx(sorted[i]).epsilon(1e-5));
      CHECK(scores[found.indices[q * 5 + i]] == doctest::Approx(sorted[i]).epsilon(1e-5));
    }
  }
}

TEST_CASE(
    "of equal scores the lower index comes first; a small corpus gives fewer; zeros score 0") {
  std::vector<float> const queries{1, 0, 0, 0};
  std::vector<float> const corpus{2, 0, 1, 1, 5, 0, 0, 0};
  auto const found = cpu_compute().most_similar({queries.data(), 2, 2}, {corpus.data(), 4, 2}, 9,
                                                precision::fp32, {});
  REQUIRE(found.k == 4);
  CHECK(std::vector<std::uint32_t>(found.indices.begin(), found.indices.begin() + 4) ==
        std::vector<std::uint32_t>{0, 2, 1, 3});
  CHECK(found.scores[2] == doctest::Approx(std::sqrt(0.5)));
  CHECK(found.scores[3] == 0);
  // The second query is zeros: similar to nothing.
  CHECK(std::vector<std::uint32_t>(found.indices.begin() + 4, found.indices.end()) ==
        std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(found.scores[4] == 0);
}

TEST_CASE("similarity refuses what does not fit, with its field") {
  std::vector<float> const some(12, 1.0F);
  auto const ask = [&](std::size_t columns, std::size_t rows, std::size_t k) {
    cpu_compute().most_similar({some.data(), 2, 3}, {some.data(), rows, columns}, k,
                               precision::fp32, {});
  };
  CHECK_THROWS_WITH_AS(
      ask(2, 3, 1),
      "corpus: 2 columns beside the queries' 3 is not allowed; expected as many, and at least one",
      shape_error);
  CHECK_THROWS_AS(ask(3, 0, 1), shape_error);
  CHECK_THROWS_WITH_AS(ask(3, 2, 0), "k: 0 is not allowed; expected 1 to 1024", shape_error);
  CHECK_THROWS_AS(ask(3, 2, 1025), shape_error);
}

TEST_CASE("an operation that is stopped ends with compute_stopped") {
  std::stop_source source;
  source.request_stop();
  compute_hooks hooks;
  hooks.stop = source.get_token();
  std::vector<float> const some(12, 1.0F);
  matrix_view const m{some.data(), 4, 3};
  CHECK_THROWS_AS(cpu_compute().most_similar(m, m, 1, precision::fp32, hooks), compute_stopped);
  CHECK_THROWS_AS(cpu_compute().distances(m, hooks), compute_stopped);
}

TEST_CASE("distances are Euclidean: 3, 4, 5") {
  std::vector<float> const points{0, 0, 3, 0, 3, 4};
  auto const d = cpu_compute().distances({points.data(), 3, 2}, {});
  CHECK(d == std::vector<float>{0, 3, 5, 3, 0, 4, 5, 4, 0});
}

TEST_CASE("words are hashed as published FNV-1a, in lower case, with n-grams over one space") {
  CHECK(hash_of("a") == 0xe40c292cU);       // from the hash's own test vectors
  CHECK(hash_of("FooBar") == 0xbf9cf968U);  // "foobar"
  std::vector<std::string_view> const texts{"Foo,  bar", "", "foo foo"};
  auto const f = cpu_compute().hashed_ngrams(texts, {64, 2}, {});
  REQUIRE(f.size() == 3 * 64);
  std::vector<float> expected(64, 0.0F);
  for (auto const* gram : {"foo", "bar", "foo bar"})
    expected[hash_of(gram) % 64] += sign_of(hash_of(gram));
  double length = 0;
  for (auto const x : expected)
    length += x * x;
  for (std::size_t i = 0; i < 64; ++i) {
    CHECK(f[i] == doctest::Approx(expected[i] / std::sqrt(length)));
    CHECK(f[64 + i] == 0);
  }
  // Twice "foo" and once "foo foo".
  auto const at = hash_of("foo") % 64;
  REQUIRE(at != hash_of("foo foo") % 64);
  CHECK(std::abs(f[128 + at]) == doctest::Approx(2 / std::sqrt(5.0)));
  CHECK_THROWS_AS(cpu_compute().hashed_ngrams(texts, {60, 2}, {}), shape_error);
  CHECK_THROWS_AS(cpu_compute().hashed_ngrams(texts, {64, 5}, {}), shape_error);
}

TEST_CASE("a fresh network depends on its seed alone and stays within the bound") {
  network_shape const shape{20, 7, 3};
  auto const net = fresh_network(shape, 5);
  CHECK(net.parameters == fresh_network(shape, 5).parameters);
  CHECK(net.parameters != fresh_network(shape, 6).parameters);
  CHECK(net.parameters.size() == 7 * 21 + 3 * 8);
  float const bound = std::sqrt(6.0F / 20.0F);
  for (std::size_t i = 0; i < 7 * 20; ++i)
    CHECK(std::abs(net.parameters[i]) <= bound);
  CHECK(net.parameters[7 * 20] == 0);
}

TEST_CASE("a step follows the loss's slope: Adam's first moments against differences of the loss") {
  network_shape const shape{6, 5, 3};
  auto const inputs = noise(4 * 6, 3);
  std::vector<std::uint32_t> const labels{0, 2, 1, 2};
  examples const on{{inputs.data(), 4, 6}, labels};
  auto net = fresh_network(shape, 9);
  auto t = cpu_compute().train(net, on);
  auto const loss = t->step(all_rows(4), 1e-3F);
  CHECK(loss ==
        doctest::Approx(mean_loss(cpu_compute().train(net, on)->logits(on.inputs), labels)));
  auto const after = t->state();
  CHECK(after.steps == 1);
  for (std::size_t i = 0; i < shape.parameters(); ++i) {
    float const apart = 1e-3F;
    auto up = net;
    auto down = net;
    up.parameters[i] += apart;
    down.parameters[i] -= apart;
    auto const slope = (mean_loss(cpu_compute().train(up, on)->logits(on.inputs), labels) -
                        mean_loss(cpu_compute().train(down, on)->logits(on.inputs), labels)) /
                       (2 * apart);
    CAPTURE(i);
    CHECK(std::abs(after.first_moments[i] / 0.1 - slope) < 2e-3);
  }
}

TEST_CASE("training learns what no line divides, and goes on from its state as if never stopped") {
  std::vector<float> const inputs{0, 0, 0, 1, 1, 0, 1, 1};
  std::vector<std::uint32_t> const labels{0, 1, 1, 0};
  examples const on{{inputs.data(), 4, 2}, labels};
  auto whole = cpu_compute().train(fresh_network({2, 8, 2}, 1), on);
  auto first = cpu_compute().train(fresh_network({2, 8, 2}, 1), on);
  for (int i = 0; i < 300; ++i)
    whole->step(all_rows(4), 0.02F);
  for (int i = 0; i < 150; ++i)
    first->step(all_rows(4), 0.02F);
  auto second = cpu_compute().train(first->state(), on);
  for (int i = 0; i < 150; ++i)
    second->step(all_rows(4), 0.02F);
  CHECK(whole->state().parameters == second->state().parameters);
  CHECK(mean_loss(whole->logits(on.inputs), labels) < 0.05);
}

TEST_CASE("training refuses labels, rows and networks that do not fit") {
  std::vector<float> const inputs(6, 1.0F);
  std::vector<std::uint32_t> const labels{0, 1};
  examples const on{{inputs.data(), 2, 3}, labels};
  auto const train = [&](network_state net, examples const& e) {
    return cpu_compute().train(std::move(net), e);
  };
  CHECK_THROWS_AS(train(fresh_network({4, 2, 2}, 1), on), shape_error);
  CHECK_THROWS_AS(train(fresh_network({3, 2, 1}, 1), on), shape_error);
  auto broken = fresh_network({3, 2, 2}, 1);
  broken.first_moments.pop_back();
  CHECK_THROWS_AS(train(broken, on), shape_error);
  auto t = train(fresh_network({3, 2, 2}, 1), on);
  CHECK_THROWS_WITH_AS(t->step(std::vector<std::uint32_t>{2}, 0.1F),
                       "rows: 2 is not allowed; expected less than 2", shape_error);
  CHECK_THROWS_AS(t->step({}, 0.1F), shape_error);
}

TEST_CASE("the probe of a CPU measures its memory and its products, and says what it has none of") {
  auto const rates = cpu_compute().rates({});
  CHECK(rates.device == "cpu");
  CHECK(rates.copy_gb_per_s > 0);
  CHECK(rates.fp32_tflops > 0);
  CHECK(rates.launch_us == 0);
  CHECK(rates.missing.size() == 1);
}

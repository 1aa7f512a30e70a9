// Every operation against its CPU twin: on a GPU, and with smaller sizes on the emulator.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <doctest/doctest.h>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/owners.hpp"
#include "stages/gpu.hpp"
#include "tests/support/numbers.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::stages;
using nsai::tests::noise;

namespace {

bool const may_skip = (nsai::tests::all_may_skip(), true);

#ifdef NSAI_EMULATED_GPU
constexpr bool emulated = true;
#else
constexpr bool emulated = false;
#endif

bool no_gpu() {
  auto const why = why_no_gpu();
  return nsai::tests::cannot_run(why.empty() ? "" : "no GPU: " + why);
}

bool no_cublas() {
  return no_gpu() || nsai::tests::cannot_run(cuda::cublas::why_missing());
}

/// The largest difference, relative to the largest value.
double apart(std::vector<float> const& a, std::vector<float> const& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(std::isfinite(b[i]));
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    size = std::max(size, std::abs(static_cast<double>(a[i])));
  }
  return size > 0 ? worst / size : worst;
}

void compare_similarity(std::size_t queries, std::size_t corpus, std::size_t columns, std::size_t k,
                        precision p, double tolerance) {
  std::uint64_t const seed = queries * 31 + corpus * 7 + columns + k;
  CAPTURE(queries);
  CAPTURE(corpus);
  CAPTURE(columns);
  CAPTURE(k);
  auto const q = noise(queries * columns, seed);
  auto const c = noise(corpus * columns, seed + 1);
  matrix_view const qs{q.data(), queries, columns};
  matrix_view const cs{c.data(), corpus, columns};
  auto const cpu = cpu_compute().most_similar(qs, cs, k, precision::fp32, {});
  auto const gpu = gpu_compute().most_similar(qs, cs, k, p, {});
  REQUIRE(gpu.k == cpu.k);
  CHECK(apart(cpu.scores, gpu.scores) < tolerance);
  // Each index has the score that is told for it, and no index comes twice.
  for (std::size_t r = 0; r < queries; ++r) {
    std::vector<std::uint32_t> seen(gpu.indices.begin() + r * gpu.k,
                                    gpu.indices.begin() + (r + 1) * gpu.k);
    std::sort(seen.begin(), seen.end());
    REQUIRE(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    REQUIRE(seen.back() < corpus);
    for (std::size_t i = 0; i < gpu.k; i += 7) {
      auto const at = r * gpu.k + i;
      auto const score = nsai::tests::cosine(qs.row(r), cs.row(gpu.indices[at]), columns);
      REQUIRE(std::abs(score - gpu.scores[at]) < tolerance);
    }
  }
}

}  // namespace

TEST_CASE("similarity: tiles, odd sizes, large k") {
  if (no_cublas())
    return;
  compare_similarity(3, 5, 4, 10, precision::fp32, 1e-4);
  compare_similarity(1, emulated ? 17'001 : 40'001, 16, 1, precision::fp32, 1e-4);
  compare_similarity(emulated ? 1 : 33, emulated ? 17'000 : 20'000, 65, 100, precision::fp32, 1e-4);
  compare_similarity(emulated ? 20 : 5'000, 1'023, 32, 17, precision::fp32, 1e-4);
  compare_similarity(emulated ? 1 : 9, emulated ? 18'000 : 33'000, 24, 1024, precision::fp32, 1e-4);
  compare_similarity(emulated ? 1 : 64, 17'000, 128, 32, precision::tf32, 5e-3);
}

TEST_CASE("similarity: equal rows come by their index, over tiles, whatever their number") {
  if (no_cublas())
    return;
  std::size_t const columns = 8;
  std::size_t const corpus = emulated ? 20'000 : 50'000;
  std::vector<float> c(corpus * columns);
  for (std::size_t r = 0; r < corpus; ++r)
    c[r * columns + r % 5] = 1;  // rows of five kinds
  std::vector<float> q(columns);
  q[3] = 1;
  auto const found = gpu_compute().most_similar({q.data(), 1, columns}, {c.data(), corpus, columns},
                                                50, precision::fp32, {});
  for (std::uint32_t i = 0; i < 50; ++i) {
    CHECK(found.scores[i] == 1);
    CHECK(found.indices[i] == 3 + 5 * i);
  }
  std::vector<float> const zeros(columns);
  auto const nothing = gpu_compute().most_similar(
      {zeros.data(), 1, columns}, {c.data(), corpus, columns}, 50, precision::fp32, {});
  for (std::uint32_t i = 0; i < 50; ++i) {
    CHECK(nothing.scores[i] == 0);
    CHECK(nothing.indices[i] == i);
  }
}

TEST_CASE("distances: one point, odd counts and dimensions, several bands of tiles") {
  if (no_gpu())
    return;
  for (auto const& [count, columns] : {std::pair<std::size_t, std::size_t>{1, 3},
                                       {2, 1},
                                       {127, 8},
                                       {130, 17},
                                       {emulated ? 301 : 1'001, 384}}) {
    CAPTURE(count);
    CAPTURE(columns);
    auto const points = noise(count * columns, count + columns);
    matrix_view const p{points.data(), count, columns};
    auto const gpu = gpu_compute().distances(p, {});
    CHECK(apart(cpu_compute().distances(p, {}), gpu) < 1e-5);
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(gpu[i * count + i] == 0);
      for (std::size_t j = 0; j < i; ++j)
        REQUIRE(gpu[i * count + j] == gpu[j * count + i]);
    }
  }
}

TEST_CASE("n-grams: the same features, for texts of any bytes") {
  if (no_gpu())
    return;
  std::mt19937_64 random{4};
  std::vector<std::string> texts{"", " ", "one", "One one ONE", "caf\xc3\xa9 au lait, s'il"};
  for (int i = 0; i < (emulated ? 20 : 300); ++i) {
    std::string text(random() % 3'000, ' ');
    for (auto& c : text)
      c = static_cast<char>(random() % 4 == 0 ? ' ' : random() % 256);
    texts.push_back(std::move(text));
  }
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  for (ngram_shape const shape : {ngram_shape{4096, 2}, {1, 1}, {emulated ? 512U : 65'536U, 4}})
    CHECK(apart(cpu_compute().hashed_ngrams(views, shape, {}),
                gpu_compute().hashed_ngrams(views, shape, {})) < 1e-5);
}

namespace {

/// 50 steps of both, on batches of any size.
void compare_training() {
  network_shape const shape{100, 33, 3};
  std::size_t const count = 70;
  auto const inputs = noise(count * shape.inputs, 8);
  std::vector<std::uint32_t> labels(count);
  for (std::size_t i = 0; i < count; ++i)
    labels[i] = static_cast<std::uint32_t>(i * i % 3);
  examples const on{{inputs.data(), count, shape.inputs}, labels};
  auto cpu = cpu_compute().train(fresh_network(shape, 2), on);
  auto gpu = gpu_compute().train(fresh_network(shape, 2), on);
  CHECK(apart(cpu->logits(on.inputs), gpu->logits(on.inputs)) < 1e-4);
  std::mt19937_64 random{6};
  float first = 0;
  float last = 0;
  for (int step = 0; step < (emulated ? 10 : 50); ++step) {
    std::vector<std::uint32_t> rows(1 + random() % count);
    for (auto& row : rows)
      row = static_cast<std::uint32_t>(random() % count);
    last = gpu->step(rows, 1e-3F);
    first = step == 0 ? last : first;
    auto const other = cpu->step(rows, 1e-3F);
    CAPTURE(step);
    if (step == 0)
      CHECK(apart(cpu->state().first_moments, gpu->state().first_moments) < 1e-4);
    REQUIRE(last == doctest::Approx(other).epsilon(1e-3));
  }
  CHECK(last < first);
  CHECK(apart(cpu->logits(on.inputs), gpu->logits(on.inputs)) < 1e-2);
  CHECK(gpu->state().steps == (emulated ? 10 : 50));
}

/// Ends a limit of the test's.
struct limited {
  explicit limited(std::size_t bytes) { gpu_compute().limit_memory(bytes); }
  ~limited() { gpu_compute().limit_memory(0); }
};

}  // namespace

TEST_CASE("training: forward, backward and Adam stay together over many steps") {
  if (no_cublas())
    return;
  compare_training();
}

TEST_CASE("with little of the GPU's memory everything is done in more parts") {
  if (no_cublas())
    return;
  {
    limited const to{256 * 1024};
    compare_similarity(30, 700, 20, 9, precision::fp32, 1e-4);
    compare_similarity(5, 1'000, 300, 40, precision::fp32, 1e-4);
  }
  {
    limited const to{400 * 1024};
    auto const points = noise(500 * 3, 2);
    matrix_view const p{points.data(), 500, 3};
    CHECK(apart(cpu_compute().distances(p, {}), gpu_compute().distances(p, {})) < 1e-5);
    std::vector<std::string> const texts(90, "one two three four five six seven eight nine");
    std::vector<std::string_view> const views(texts.begin(), texts.end());
    CHECK(apart(cpu_compute().hashed_ngrams(views, {4'096, 2}, {}),
                gpu_compute().hashed_ngrams(views, {4'096, 2}, {})) < 1e-5);
  }
  {
    limited const to{70 * 1024};  // the network has 55 KiB, the examples 28
    compare_training();
  }
}

TEST_CASE("the probe measures a GPU, and a kernel is launched") {
  if (no_gpu())
    return;
  CHECK_NOTHROW(gpu_compute().touch());
  if (emulated)
    return;  // it has no clock
  auto const rates = gpu_compute().rates({});
  CHECK(rates.copy_gb_per_s > 10);
  CHECK(rates.launch_us > 0);
  if (cuda::cublas::why_missing().empty())
    CHECK(rates.bf16_tflops > rates.fp32_tflops / 10);
}

TEST_CASE("memory that a GPU does not have is an error to retry, and the process goes on") {
  if (no_gpu())
    return;
  try {
    cuda::device_buffer<char> const too_much(std::size_t{1} << 50U);
    FAIL("a pebibyte was given");
  } catch (device_error const& e) {
    CHECK(e.who() == fault_class::retry);
    CHECK_FALSE(e.sticky());
  }
  CHECK_NOTHROW(gpu_compute().touch());
}

// The kernels on the CPU (emulator.hpp): the same code, thread by thread, where there is no GPU.
#include "stages/cuda/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "stages/compute.hpp"
#include "tests/cuda/emulator/emulator.hpp"
#include "tests/support/numbers.hpp"

using namespace nsai::stages;
using namespace nsai::stages::cuda;
namespace emulator = nsai::tests::emulator;
using nsai::tests::noise;

namespace {

stream const on;

/// There is one memory only here.
template <class T>
device_span<T> view(std::vector<T>& of) {
  return {of.data(), of.size()};
}
template <class T>
device_span<T const> view(std::vector<T> const& of) {
  return {of.data(), of.size()};
}

void wait() {
  on.wait("the kernels");
}

struct kept {
  std::vector<float> scores;
  std::vector<std::uint32_t> indices;
};

/// Merges `all` (rows × columns) in tiles of `tile` columns.
kept merged(std::vector<float> const& all, std::size_t rows, std::size_t columns, std::size_t k,
            std::size_t tile) {
  kept best{std::vector<float>(rows * k, -7), std::vector<std::uint32_t>(rows * k, 777)};
  for (std::size_t at = 0; at < columns; at += tile) {
    auto const width = std::min(tile, columns - at);
    std::vector<float> part(rows * width);
    for (std::size_t r = 0; r < rows; ++r)
      std::copy_n(all.data() + r * columns + at, width, part.data() + r * width);
    merge_best(
        view(part).as_rows(rows, width), static_cast<std::uint32_t>(at),
        {view(best.scores).as_rows(rows, k), view(best.indices).as_rows(rows, k), std::min(at, k)},
        on);
    wait();
  }
  return best;
}

kept sorted(std::vector<float> const& all, std::size_t rows, std::size_t columns, std::size_t k) {
  kept best;
  for (std::size_t r = 0; r < rows; ++r) {
    float const* const row = all.data() + r * columns;
    std::vector<std::uint32_t> order(columns);
    for (std::uint32_t i = 0; i < columns; ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return row[a] > row[b]; });
    for (std::size_t i = 0; i < k; ++i) {
      best.scores.push_back(row[order[i]]);
      best.indices.push_back(order[i]);
    }
  }
  return best;
}

void compare(std::vector<float> const& all, std::size_t rows, std::size_t columns, std::size_t k,
             std::size_t tile) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(k);
  CAPTURE(tile);
  auto const got = merged(all, rows, columns, k, tile);
  auto const expected = sorted(all, rows, columns, k);
  CHECK(got.scores == expected.scores);
  CHECK(got.indices == expected.indices);
}

}  // namespace

TEST_CASE(
    "the best are kept over tiles: odd widths, tiles below k, steps that do not fit at once") {
  compare(noise(2 * 5'000, 1), 2, 5'000, 10, 5'000);
  compare(noise(3 * 4'999, 2), 3, 4'999, 7, 1'003);
  compare(noise(2 * 9'000, 3), 2, 9'000, 300, 4'500);
  compare(noise(1'030, 4), 1, 1'030, 1'024, 100);
  compare(noise(3, 5), 1, 3, 3, 2);
  compare(noise(40, 6), 4, 10, 1, 10);
}

TEST_CASE("rising scores, the worst order: every step brings a better one") {
  std::vector<float> rising(9'000);
  for (std::size_t i = 0; i < rising.size(); ++i)
    rising[i] = static_cast<float>(i);
  compare(rising, 1, rising.size(), 20, 4'096);
  std::reverse(rising.begin(), rising.end());
  compare(rising, 1, rising.size(), 20, 4'096);
}

TEST_CASE("of equal scores the lower index is kept, within a step, over steps and tiles") {
  compare(std::vector<float>(10'000, 0.0F), 1, 10'000, 30, 4'000);
  std::vector<float> few(10'000);
  for (std::size_t i = 0; i < few.size(); ++i)
    few[i] = static_cast<float>((i * 7'919) % 3);
  compare(few, 1, few.size(), 50, 6'000);
}

TEST_CASE("scores that are no numbers are the worst, and still fill the k") {
  float const nan = std::nanf("");
  std::vector<float> const all(6, nan);
  CHECK(merged(all, 1, 6, 4, 6).indices == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(merged({nan, -1, -INFINITY, 2, nan, nan}, 1, 6, 3, 2).indices ==
        std::vector<std::uint32_t>{3, 1, 0});
}

TEST_CASE("rows get length 1, and zeros stay") {
  auto m = noise(9 * 37, 8);
  std::fill_n(m.begin() + 3 * 37, 37, 0.0F);
  auto const before = m;
  normalise_rows(view(m).as_rows(9, 37), on);
  wait();
  for (std::size_t r = 0; r < 9; ++r) {
    double length = 0;
    for (std::size_t i = 0; i < 37; ++i)
      length += static_cast<double>(before[r * 37 + i]) * before[r * 37 + i];
    for (std::size_t i = 0; i < 37; ++i)
      CHECK(m[r * 37 + i] ==
            doctest::Approx(length > 0 ? before[r * 37 + i] / std::sqrt(length) : 0));
  }
}

TEST_CASE("distances: bands of rows, strides, every element once and nothing outside") {
  for (auto const& [count, columns] :
       {std::pair<std::size_t, std::size_t>{1, 3}, {5, 1}, {130, 9}, {257, 8}, {300, 4}}) {
    CAPTURE(count);
    auto const points = noise(count * columns, count);
    auto const expected = cpu_compute().distances({points.data(), count, columns}, {});
    auto const stride = (count + 3) / 4 * 4;
    auto const band = count == 300 ? count : distance_tile;
    for (std::size_t first = 0; first < count; first += band) {
      auto const rows = std::min(band, count - first);
      std::vector<float> to((rows + 1) * stride, -1.0F);
      euclidean_distances(view(points).as_rows(count, columns), first,
                          view(to).as_rows(rows, stride), on);
      wait();
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < count; ++c)
          REQUIRE(to[r * stride + c] ==
                  doctest::Approx(expected[(first + r) * count + c]).epsilon(1e-5));
      for (std::size_t c = 0; c < stride; ++c)
        REQUIRE(to[rows * stride + c] == -1.0F);
    }
  }
}

TEST_CASE("n-grams: the kernel's features are the CPU twin's") {
  std::vector<std::string> texts{"One two, two THREE", "", "caf\xc3\xa9", std::string(500, 'x')};
  std::mt19937_64 random{4};
  std::string any(2'000, ' ');
  for (auto& c : any)
    c = static_cast<char>(random() % 3 == 0 ? ' ' : random() % 256);
  texts.push_back(any);
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  std::string bytes;
  std::vector<std::uint64_t> begins{0};
  for (auto const& each : texts) {
    bytes += each;
    begins.push_back(bytes.size());
  }
  std::vector<float> to(texts.size() * 64, 9.0F);
  hash_ngrams({bytes.data(), bytes.size()}, view(begins), 3, view(to).as_rows(texts.size(), 64),
              on);
  wait();
  auto const expected = cpu_compute().hashed_ngrams(views, {64, 3}, {});
  for (std::size_t i = 0; i < to.size(); ++i)
    CHECK(to[i] == doctest::Approx(expected[i]));
}

TEST_CASE("the kernels of training") {
  std::vector<float> const from{1, 2, 3, 4, 5, 6};
  std::vector<std::uint32_t> const labels{7, 8, 9};
  std::vector<std::uint32_t> const rows{2, 0, 2};
  std::vector<float> batch(6);
  std::vector<std::uint32_t> batch_labels(3);
  gather(view(from).as_rows(3, 2), view(labels), view(rows), view(batch).as_rows(3, 2),
         view(batch_labels), on);
  wait();
  CHECK(batch == std::vector<float>{5, 6, 1, 2, 5, 6});
  CHECK(batch_labels == std::vector<std::uint32_t>{9, 7, 9});

  std::vector<float> filled(6);
  fill_rows(view(from).part(0, 2), view(filled).as_rows(3, 2), on);
  wait();
  CHECK(filled == std::vector<float>{1, 2, 1, 2, 1, 2});
  std::vector<float> clipped{-1, 0, 2};
  clip_below_zero(view(clipped), on);
  wait();
  CHECK(clipped == std::vector<float>{0, 0, 2});
  std::vector<float> slopes{5, 5, 5};
  pass_where_active(view(clipped), view(slopes), on);
  wait();
  CHECK(slopes == std::vector<float>{0, 0, 5});
  std::vector<float> sums(2);
  sum_rows(view(from).as_rows(3, 2), view(sums), on);
  wait();
  CHECK(sums == std::vector<float>{9, 12});

  // Equal logits of two classes: loss ln 2, slopes of 1/2 and -1/2 over two rows.
  std::vector<float> logits{0, 0, 3, 3};
  std::vector<std::uint32_t> const wanted{0, 1};
  std::vector<float> losses(2);
  cross_entropy(view(logits).as_rows(2, 2), view(wanted), view(losses), on);
  wait();
  CHECK(losses[0] == doctest::Approx(std::log(2.0)));
  CHECK(losses[1] == doctest::Approx(std::log(2.0)));
  CHECK(logits[0] == doctest::Approx(-0.25));
  CHECK(logits[1] == doctest::Approx(0.25));
  CHECK(logits[3] == doctest::Approx(-0.25));

  // Adam's first step moves each parameter by the learning rate, against its slope.
  std::vector<float> const gradient{2, -3};
  std::vector<float> parameters{1, 1};
  std::vector<float> m(2);
  std::vector<float> v(2);
  adam(adam_step::of(1, 0.1F), view(gradient), view(parameters), view(m), view(v), on);
  wait();
  CHECK(parameters[0] == doctest::Approx(0.9));
  CHECK(parameters[1] == doctest::Approx(1.1));
}

TEST_CASE("the emulator finds a barrier that not all threads reach") {
  CHECK_THROWS_AS(emulator::run(dim3(1, 1, 1), dim3(64, 1, 1), 0,
                                [] {
                                  if (emulator::current().thread.x < 40)
                                    emulator::block_barrier();
                                }),
                  std::logic_error);
}

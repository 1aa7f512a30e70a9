// What the GPU's code asks of CUDA's runtime, on the emulator (emulator/runtime.hpp).
#include "tests/cuda/emulator/runtime.hpp"

#include <doctest/doctest.h>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/kernels.hpp"
#include "stages/cuda/several_gpus.hpp"
#include "stages/cuda/similarity.hpp"
#include "stages/gpu.hpp"
#include "stages/on_device.hpp"
#include "tests/support/numbers.hpp"

using namespace nsai::stages;
using namespace nsai::stages::cuda;
namespace emulator = nsai::tests::emulator;
using nsai::tests::noise;

namespace {

/// What another stream sees of a value that is written on one, with or without an event between.
float seen_by_another_stream(std::uint64_t seed, bool waits) {
  emulator::shuffle(seed);
  std::vector<float> const one{1};  // outlives the stream that is to copy it
  std::vector<float> got(1);
  stream writes;
  stream reads;
  event written;
  device_buffer<float> value(1);
  upload<float>(one, value.all(), writes, "a number");
  written.record(writes);
  if (waits)
    written.hold_back(reads);
  download<float>(value.all(), got, reads, "a number");
  return got.front();
}

}  // namespace

TEST_CASE("the emulator shows what does not wait for what it needs") {
  bool missed = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CHECK(seen_by_another_stream(seed, true) == 1);
    missed = missed || seen_by_another_stream(seed, false) != 1;
  }
  CHECK(missed);
}

TEST_CASE("the search's copies and products keep in step, in whatever order the streams go on") {
  auto const queries = noise(9 * 16, 1);
  auto const corpus = noise(600 * 16, 2);
  matrix_view const q{queries.data(), 9, 16};
  matrix_view const c{corpus.data(), 600, 16};
  auto const expected = cpu_compute().most_similar(q, c, 5, precision::fp32, {});
  gpu_compute().limit_memory(64 * 1024);
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    emulator::shuffle(seed);
    CAPTURE(seed);
    CHECK(gpu_compute().most_similar(q, c, 5, precision::fp32, {}).indices == expected.indices);
  }
  gpu_compute().limit_memory(0);
}

TEST_CASE("no operation takes more of the device's memory than it is given, but for some MiB") {
  std::size_t const limit = 48U << 20U;
  std::size_t const some = 2U << 20U;
  gpu_compute().limit_memory(limit);
  emulator::set_device_memory(std::size_t{1} << 40U);
  auto const most_of = [&](auto const& work) {
    emulator::set_device_memory(std::size_t{1} << 40U);
    work();
    return emulator::most_memory_taken();
  };
  auto const points = noise(6'000 * 2, 3);
  // Stopped after its first part, which has everything that it is going to have.
  int parts = 0;
  compute_hooks hooks;
  std::stop_source stop;
  hooks.stop = stop.get_token();
  hooks.progress = [&](double) {
    if (++parts == 2)
      stop.request_stop();
  };
  CHECK(
      most_of([&] {
        CHECK_THROWS_AS(gpu_compute().distances({points.data(), 6'000, 2}, hooks), compute_stopped);
      }) <= limit + some);
  for (auto const& [columns, k] :
       {std::pair<std::size_t, std::size_t>{8, 1}, {768, 100}, {4'096, 1'024}, {60'000, 10}}) {
    CAPTURE(columns);
    auto const t = similarity_search::tiles::within(limit, columns, k);
    auto const bytes = (t.block + 2 * t.corpus) * columns * sizeof(float) + t.block * k * 8 +
                       t.queries * t.corpus * sizeof(float);
    CHECK(t.queries <= t.block);
    CHECK(bytes <= limit);
    CHECK(bytes > limit / 8);
  }
  std::vector<std::string> const texts(40'000, "two words");
  std::vector<std::string_view> const views(texts.begin(), texts.begin() + 900);
  CHECK(most_of([&] { gpu_compute().hashed_ngrams(views, {16'384, 1}, {}); }) <= limit + some);
  gpu_compute().limit_memory(0);
}

TEST_CASE("several GPUs give what one gives, whatever the sizes") {
  several_gpus three{3};
  CHECK(three.device() == "3 x emulated");
  auto const many = noise(700 * 5, 9);
  for (std::size_t const count : {1, 2, 3, 7, 500, 700}) {
    CAPTURE(count);
    matrix_view const points{many.data(), count, 5};
    CHECK(three.distances(points, {}) == gpu_compute().distances(points, {}));
    auto const queries = std::min<std::size_t>(count, 150);
    matrix_view const q{many.data(), queries, 5};
    auto const found = three.most_similar(q, points, 4, precision::fp32, {});
    CHECK(found.indices == cpu_compute().most_similar(q, points, 4, precision::fp32, {}).indices);
    std::vector<std::string> const texts(queries, "one two three");
    std::vector<std::string_view> const views(texts.begin(), texts.end());
    CHECK(three.hashed_ngrams(views, {64, 2}, {}) ==
          gpu_compute().hashed_ngrams(views, {64, 2}, {}));
  }
  three.limit_memory(64 * 1024);
  double last = 0;
  compute_hooks hooks;
  hooks.progress = [&](double fraction) {
    CHECK(fraction >= last);
    last = fraction;
  };
  matrix_view const points{many.data(), 700, 5};
  CHECK(three.distances(points, hooks).size() == 700 * 700);
  CHECK(last > 0.4);
}

TEST_CASE("several GPUs: what fails on one ends the others, and a stop ends all") {
  several_gpus three{3};
  auto const many = noise(700 * 5, 9);
  matrix_view const points{many.data(), 700, 5};
  std::stop_source stop;
  compute_hooks hooks;
  hooks.stop = stop.get_token();
  stop.request_stop();
  CHECK_THROWS_AS(three.distances(points, hooks), compute_stopped);
  emulator::set_device_memory(20'000);
  CHECK_THROWS_AS(three.distances(points, {}), device_error);
  emulator::set_device_memory(std::size_t{4} << 30U);
  CHECK_NOTHROW(three.distances(points, {}));
}

TEST_CASE("a stage stays within the memory that was granted to it") {
  stage_env env;
  env.gpu = gpu_compute;
  nsai::device_grant grant;
  grant.memory_mb = 800;
  grant.share_milli = 250;
  env.devices = {grant};
  std::vector<std::string> const texts(900, "two words");
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  auto const most_of = [&] {
    emulator::set_device_memory(std::size_t{1} << 40U);
    device_of(env).hashed_ngrams(views, {1U << 17U, 1}, {});  // 450 MiB in one part
    return emulator::most_memory_taken() >> 20U;
  };
  CHECK(most_of() <= 800 - 700);
  env.devices.front().memory_mb = 80 * 1024;
  CHECK(most_of() > 400);
  emulator::set_device_memory(std::size_t{4} << 30U);
  gpu_compute().limit_memory(0);
}

TEST_CASE("the memory of the device ends: an error to try again") {
  emulator::set_device_memory(1000);
  CHECK_THROWS_AS(device_buffer<float>(300), device_error);
  CHECK_NOTHROW(device_buffer<float>(200));
  emulator::set_device_memory(std::size_t{4} << 30U);
}

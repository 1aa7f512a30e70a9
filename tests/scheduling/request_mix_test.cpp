#include "scheduling/request_mix.hpp"

#include <random>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using nsai::scheduling::tests::fixture;

namespace {

resources request(std::int64_t cores, std::string model = {}, std::int32_t gpus = 1,
                  std::int64_t milli = 1000) {
  resources r;
  r.cpu.value = cores * 1000;
  r.gpu_count = gpus;
  r.gpu = std::move(model);
  r.gpu_share.value = milli;
  return r;
}

/// 30 nodes of 4 GPUs and 64 cores each: 20 with A100, 10 with T4.
class mixed_cluster {
 public:
  mixed_cluster() {
    for (int i = 0; i < 30; ++i)
      join(i < 20 ? "A100" : "T4", i < 20 ? 40'960 : 16'384);
  }
  void join(std::string const& model, std::int64_t memory_mb) {
    auto const name = "n" + std::to_string(nodes.size());
    nodes.offer(nodes.add(name), fixture::node(name, 64, {model, model, model, model}, memory_mb),
                {true});
  }
  void note(resources const& r, int times = 1) {
    auto slot = none;
    for (int i = 0; i < times; ++i)
      mix.note(r, slot);
  }
  demand const& learned() { return mix.learned(nodes); }
  class_demand const& of(char const* model) {
    auto const& classes = nodes.device_classes();
    for (std::size_t i = 0; i < classes.size(); ++i)
      if (nodes.models[classes[i].model] == model)
        return learned().classes[i];
    FAIL("no such model");
    return learned().classes[0];
  }

  cluster nodes;
  request_mix mix;
};

}  // namespace

TEST_CASE("request mix: before any request the cluster's own cores per GPU stand in") {
  mixed_cluster c;
  CHECK(c.learned().cpu_per_gpu == doctest::Approx(16'000));
  CHECK(c.of("A100").scarcity == 0);
  CHECK(c.of("A100").hole[500] == 0);
}

TEST_CASE("request mix: cores per GPU and scarcity come to what the requests are drawn from") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    mixed_cluster c;
    for (int i = 0; i < 4000; ++i) {
      // 1 in 4 for A100 alone, 1 in 4 for T4 alone; 2 or 6 cores with a GPU, and cpu jobs beside.
      auto const which = random() % 4;
      c.note(request(random() % 2 == 0 ? 2 : 6, which == 0 ? "A100" : which == 1 ? "T4" : ""));
      c.note(request(16, {}, 0));
      c.learned();
    }
    CHECK(c.learned().cpu_per_gpu == doctest::Approx(4000).epsilon(0.05));
    // A quarter of all demand on two thirds of the GPUs, a quarter on a third.
    CHECK(c.of("A100").scarcity == doctest::Approx(0.25 * 120 / 80).epsilon(0.1));
    CHECK(c.of("T4").scarcity == doctest::Approx(0.25 * 120 / 40).epsilon(0.1));
  }
}

TEST_CASE("request mix: what only large devices serve is bound to them like a model") {
  mixed_cluster c;
  auto large = request(2);
  large.gpu_memory_mb = 30'000;
  c.note(large, 100);
  CHECK(c.of("A100").scarcity > 1);
  CHECK(c.of("T4").scarcity == 0);
  CHECK(c.of("T4").hole[500] == 0);
}

TEST_CASE("request mix: a hole is what the requests for more leave") {
  mixed_cluster c;
  c.note(request(1, {}, 1, 300), 3000);
  c.note(request(1, {}, 1, 800), 1000);
  auto const& d = c.of("A100");
  CHECK(d.hole[200] == doctest::Approx(0.2));
  CHECK(d.hole[299] == doctest::Approx(0.299));
  CHECK(d.hole[300] == doctest::Approx(0.3 * 0.25).epsilon(0.15));
  CHECK(d.hole[800] == doctest::Approx(0));
  CHECK(d.hole[1000] == doctest::Approx(0));
}

TEST_CASE("request mix: idle devices and cpu are wanted as often as requests need them") {
  mixed_cluster c;
  c.note(request(4), 500);
  c.note(request(32, {}, 4), 500);
  auto const& d = c.of("T4");
  CHECK(d.too_few_with(0) == 0);
  CHECK(d.too_few_with(3) == doctest::Approx(3 * 0.5).epsilon(0.05));
  CHECK(d.too_few_with(4) == 0);
  CHECK(d.enough_cpu_with(3999) == 0);
  CHECK(d.enough_cpu_with(4000) == doctest::Approx(0.5).epsilon(0.05));
  CHECK(d.enough_cpu_with(32'000) == doctest::Approx(1));
  CHECK(d.enough_cpu_with(1'000'000) == 1);
}

TEST_CASE("request mix: what was asked for long ago is forgotten") {
  mixed_cluster c;
  c.note(request(2, "T4"), 20'000);
  CHECK(c.of("T4").scarcity == doctest::Approx(3).epsilon(0.05));
  c.note(request(8), 100'000);
  CHECK(c.of("T4").scarcity < 0.05);
  CHECK(c.learned().cpu_per_gpu == doctest::Approx(8000).epsilon(0.05));
}

TEST_CASE("request mix: a steady mix changes nothing any more, so that scores hold") {
  mixed_cluster c;
  auto const play = [&](int requests) {
    for (int i = 0; i < requests; ++i) {
      c.note(request(i % 3 + 1, i % 5 == 0 ? "T4" : ""));
      c.learned();
    }
    return c.learned().version;
  };
  auto const before = play(2000);
  CHECK(play(20'000) <= before + 2);
}

TEST_CASE("request mix: requests of ever new sizes keep it bounded") {
  mixed_cluster c;
  auto slot = none;
  for (int i = 1; i <= 10'000; ++i) {
    c.mix.note(request(i), slot);
    c.mix.note(request(3, "T4"), slot);
  }
  CHECK(c.mix.size() <= 1024);
  CHECK(c.of("T4").scarcity > 1);
}

TEST_CASE("request mix: another cluster makes other models scarce") {
  mixed_cluster c;
  c.note(request(2, "T4"), 200);
  c.note(request(2), 200);
  auto const before = c.of("T4").scarcity;
  for (int i = 0; i < 30; ++i)
    c.join("T4", 16'384);
  CHECK(c.of("T4").scarcity < 0.6 * before);
  c.join("H100", 81'920);
  CHECK(c.learned().classes.size() == 3);
  CHECK(c.of("H100").scarcity == 0);
}

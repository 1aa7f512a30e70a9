// What a node makes of the looks at its GPUs.
#include "actors/gpu_news.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::actors;

namespace {

using those = std::vector<devices::gpu_process>;

/// One GPU of 80,000 MiB on which nothing is.
struct one_gpu {
  one_gpu() {
    now.uuid = now.gpu = "GPU-a";
    now.memory_mb = 80'000;
    now.processes.emplace();
  }
  std::vector<std::uint32_t> look(std::vector<unsigned> xids = {}) {
    gpu_look seen;
    seen.number = ++number;
    seen.readings = {now};
    for (auto const xid : xids)
      seen.xids.push_back({"GPU-a", xid});
    seen.own = {100, 101};
    return news.take(seen, in_use);
  }
  gpu_state state() { return news.all().at(0); }
  std::int64_t foreign() { return state().foreign_mb; }

  devices::reading now;
  std::set<std::uint32_t> in_use;
  gpu_news news{{{0, "GPU-a", "H100", 80'000, false}}};
  std::uint64_t number = 0;
};

}  // namespace

TEST_CASE("gpu news: nothing happens, and nothing is told twice") {
  one_gpu g;
  CHECK(g.look().empty());
  CHECK(g.news.news().size() == 1);
  for (int i = 0; i < 100; ++i) {
    g.now.memory_used_mb = i % 2 == 0 ? 0 : 90;
    CHECK(g.look().empty());
    CHECK(g.news.news().empty());
  }
  g.news.forget_told();
  CHECK(g.news.news().size() == 1);
}

TEST_CASE("gpu news: a GPU that is lost has failed once, and is sound after five looks") {
  one_gpu g;
  g.look();
  g.now.unreachable = "GPU is lost";
  CHECK(g.look() == std::vector<std::uint32_t>{0});
  CHECK(g.look().empty());
  CHECK(g.news.fault(0) == "the driver cannot reach it: GPU is lost");
  g.now.unreachable.clear();
  for (int i = 0; i < 4; ++i)
    g.look();
  CHECK_FALSE(g.news.fault(0).empty());
  g.look();
  CHECK(g.news.fault(0).empty());
}

TEST_CASE("gpu news: a fault that comes and goes is one, another is another") {
  one_gpu g;
  g.now.uncorrectable_errors = 1;
  CHECK(g.look().size() == 1);
  CHECK(g.look().empty());
  g.now.unreachable = "GPU is lost";
  CHECK(g.look().size() == 1);
  CHECK(g.news.fault(0) == "the driver cannot reach it: GPU is lost");
  g.now.unreachable.clear();
  CHECK(g.look().empty());
  g.now.uncorrectable_errors = 2;
  CHECK(g.look().size() == 1);
  CHECK(g.news.fault(0) == "2 memory errors that ECC cannot correct since its last reset");
  CHECK(g.look({79}).size() == 1);
  CHECK(g.news.fault(0) == "XID 79: the GPU has fallen off the bus");
}

TEST_CASE("gpu news: the same error of the hardware is another one after a minute") {
  one_gpu g;
  CHECK(g.look({94}).size() == 1);
  CHECK(g.look({94}).empty());
  for (int i = 0; i < 100; ++i)
    g.look();
  CHECK(g.look({94, 94}).size() == 1);
  CHECK(g.news.fault(0) == "XID 94: contained memory error, 2 times");
}

TEST_CASE("gpu news: a GPU whose driver does not answer has failed until it does") {
  one_gpu g;
  g.look();
  CHECK_FALSE(g.news.take_silence(1));  // another
  CHECK(g.news.take_silence(0) == 0U);
  CHECK_FALSE(g.news.take_silence(0));
  CHECK(g.news.fault(0) == "its driver does not answer");
  for (int i = 0; i < 5; ++i)
    g.look();
  CHECK(g.news.fault(0).empty());
  // A fault that stands besides is told again when the driver answers, and silence is noticed
  // again.
  g.look({74});
  CHECK(g.news.take_silence(0) == 0U);
  CHECK(g.look().empty());
  CHECK(g.news.fault(0) == "XID 74: NVLink error");
  CHECK(g.news.take_silence(0) == 0U);
}

TEST_CASE("gpu news: a fault is settled some looks after it was found") {
  one_gpu g;
  g.now.uncorrectable_errors = 1;
  g.look();
  CHECK(g.news.settled_fault(0).empty());
  for (int i = 0; i < 5; ++i)
    g.look();
  CHECK(g.news.settled_fault(0) == g.news.fault(0));
  g.now.uncorrectable_errors = 2;
  g.look();
  CHECK(g.news.settled_fault(0).empty());
}

TEST_CASE("gpu news: what is added is watched, and what is known stays") {
  one_gpu g;
  g.look({74});
  g.news.add({{3, "GPU-b", "H100", 80'000, false}});
  gpu_look seen;
  auto second = g.now;
  second.uuid = second.gpu = "GPU-b";
  second.unreachable = "GPU is lost";
  seen.readings = {g.now, second};
  CHECK(g.news.take(seen, {}) == std::vector<std::uint32_t>{3});
  CHECK(g.news.fault(0) == "XID 74: NVLink error");
}

TEST_CASE("gpu news: a GPU that tells nothing has not become sound") {
  one_gpu g;
  g.now.unreachable = "GPU is lost";
  g.look();
  g.now = {};
  g.now.uuid = g.now.gpu = "GPU-a";  // time-outs
  for (int i = 0; i < 20; ++i)
    g.look();
  CHECK_FALSE(g.news.fault(0).empty());
}

TEST_CASE("gpu news: an XID of the hardware stays, one of a program says nothing") {
  one_gpu g;
  CHECK(g.look({13, 31, 43, 45, 63}).empty());
  CHECK(g.news.fault(0).empty());
  CHECK(g.look({45, 74}).size() == 1);
  for (int i = 0; i < 20; ++i)
    g.look();
  CHECK(g.news.fault(0) == "XID 74: NVLink error");
}

TEST_CASE("gpu news: what this node's processes use is not a stranger's") {
  one_gpu g;
  g.in_use = {0};
  g.now.memory_used_mb = 40'400;
  g.now.processes = those{{100, 40'000}, {101, 300}};
  g.look();
  CHECK(g.foreign() == 0);
  g.now.memory_used_mb = 60'400;
  g.now.processes = those{{100, 40'000}, {101, 300}, {4711, 20'000}};
  g.look();
  CHECK(g.foreign() == 20'000);
  CHECK(g.state().foreign_pids == std::vector<std::int64_t>{4711});
}

TEST_CASE("gpu news: a stranger whose memory is not told has what the others do not have") {
  one_gpu g;
  g.now.memory_used_mb = 50'000;
  g.now.processes = those{{100, 20'000}, {4711, std::nullopt}};
  g.look();
  CHECK(g.foreign() == 30'000);
}

TEST_CASE("gpu news: little memory, and little more of it, is no news") {
  one_gpu g;
  g.now.processes = those{{4711, 255}};
  g.look();
  CHECK(g.foreign() == 0);
  g.now.processes = those{{4711, 10'000}};
  g.look();
  g.now.processes = those{{4711, 10'127}};
  g.look();
  CHECK(g.foreign() == 10'000);
  g.now.processes = those{{4711, 10'128}};
  g.look();
  CHECK(g.foreign() == 10'128);
  g.now.processes.emplace();
  g.look();
  CHECK(g.foreign() == 0);
  CHECK(g.state().foreign_pids.empty());
}

TEST_CASE("gpu news: where processes are not shown, memory counts while nothing of ours is there") {
  one_gpu g;
  g.now.processes.reset();
  g.now.memory_used_mb = 30'000;
  g.look();
  CHECK(g.foreign() == 30'000);
  g.in_use = {0};
  g.now.memory_used_mb = 70'000;
  g.look();
  CHECK(g.foreign() == 30'000);
  g.in_use.clear();
  g.look();  // the driver may still be freeing it
  CHECK(g.foreign() == 30'000);
  g.now.memory_used_mb = 0;
  g.look();
  CHECK(g.foreign() == 0);
  g.now.memory_used_mb = 30'000;
  g.look();  // for one look it may be anything
  CHECK(g.foreign() == 0);
  g.look();
  CHECK(g.foreign() == 30'000);
  // Only this node's processes are shown: the rest is as it was before.
  g.in_use = {0};
  g.now.memory_used_mb = 50'000;
  g.now.processes = those{{100, 20'000}};
  g.look();
  CHECK(g.foreign() == 30'000);
}

TEST_CASE("gpu news: temperature, power and use are told when they differ, and not each second") {
  one_gpu g;
  g.now.temperature_c = 40;
  g.now.power_mw = 100'600;
  g.now.utilisation_percent = 0;
  g.look();
  CHECK(g.state().temperature_c == 40);
  CHECK(g.state().power_w == 101);
  g.news.news();
  for (int i = 0; i < 30; ++i) {
    g.now.temperature_c = 40 + i % 5;
    g.look();
    CHECK(g.news.news().empty());
  }
  int told = 0;
  for (int i = 0; i < 30; ++i) {
    g.now.utilisation_percent = i % 2 == 0 ? 90 : 10;
    g.look();
    told += static_cast<int>(g.news.news().size());
  }
  CHECK(told >= 1);
  CHECK(told <= 3);
}

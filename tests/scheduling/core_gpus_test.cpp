// What nodes say of their GPUs: failed hardware takes nothing while it stands, and memory that
// strangers hold is not offered.
#include <algorithm>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

constexpr std::int64_t all_mb = 80'000;

struct watched_gpus : fixture {
  /// Node a has so many GPUs of 80,000 MiB.
  explicit watched_gpus(std::size_t count = 1) {
    join(node("a", 16, std::vector<std::string>(count, "H100"), all_mb));
  }
  void tell(std::uint32_t index, std::string fault, std::int64_t foreign_mb = 0,
            std::vector<std::int64_t> pids = {}, std::string const& on = "a") {
    gpu_state s;
    s.index = index;
    s.fault = std::move(fault);
    s.foreign_mb = foreign_mb;
    s.foreign_pids = std::move(pids);
    node_beat b{on, session(on), {}, {}, {s}};
    apply(b);
  }
  void hold(std::uint32_t index, std::int64_t mb, std::vector<std::int64_t> pids = {}) {
    tell(index, "", mb, std::move(pids));
  }
  submission sharing(std::int64_t share_milli, std::int64_t memory_mb = 0) const {
    auto s = gpu_job("H100", 1, memory_mb);
    s.resources.gpu_share.value = share_milli;
    return s;
  }
  gpu_use gpu(std::size_t index, std::string const& of = "a") const {
    return record_of(of).gpus.at(index);
  }
  explanation why(job_id id) const { return core_.explain(id); }
  std::vector<std::string> details(happening what) const {
    std::vector<std::string> list;
    for (auto const& h : seen<happened>())
      if (h.what == what)
        list.push_back(h.detail);
    return list;
  }
};

}  // namespace

TEST_CASE("GPU state: failed hardware takes nothing for as long as its node says so") {
  watched_gpus f;
  f.tell(0, "XID 79: the GPU has fallen off the bus");
  CHECK(f.details(happening::gpu_quarantined) ==
        std::vector<std::string>{"GPU 0 (H100): XID 79: the GPU has fallen off the bus"});
  CHECK(f.gpu(0).health == place_health::quarantined);
  CHECK(f.gpu(0).health_reason == "XID 79: the GPU has fallen off the bus");
  CHECK_FALSE(f.gpu(0).health_until);
  auto const waits = f.submitted(f.gpu_job("H100"));
  f.advance(3 * 60 * minute_ms);  // no probation
  CHECK_FALSE(f.runs(waits));
  auto const e = f.why(waits);
  CHECK(e.rule == wait_rule::quarantine);
  CHECK(e.reason ==
        "the nodes that could run it take nothing now: GPU 0 of node a is quarantined (XID 79: the "
        "GPU has fallen off the bus)");
  f.tell(0, "XID 79: the GPU has fallen off the bus");  // a repeat is no news
  CHECK(f.details(happening::gpu_quarantined).empty());
  f.tell(0, "");
  CHECK(f.details(happening::gpu_released) ==
        std::vector<std::string>{"GPU 0 (H100): its node finds it sound again"});
  CHECK(f.runs(waits));
  CHECK(f.gpu(0).health == place_health::sound);
}

TEST_CASE("GPU state: every GPU of a model may go by its hardware") {
  watched_gpus f{8};
  for (std::uint32_t i = 0; i < 8; ++i)
    f.tell(i, "lost");
  for (std::uint32_t i = 0; i < 8; ++i)
    CHECK(f.gpu(i).health == place_health::quarantined);
}

TEST_CASE("GPU state: an attempt that its hardware has ended is tried elsewhere without blame") {
  watched_gpus f;
  f.join(f.node("b", 16, {"H100"}, all_mb));
  auto once = f.gpu_job("H100");
  once.constraints.max_retries = 0;
  auto const job = f.submitted(once);
  REQUIRE(f.place_of(job) == "a");
  f.tell(0, "lost");
  CHECK(f.runs(job));  // until its node has ended it
  f.end(job, attempt_result::device_fault);
  CHECK(f.details(happening::gpu_quarantined).empty());  // told before
  f.advance(1000);
  CHECK(f.place_of(job) == "b");
  f.end(job);
  CHECK(f.status(job) == job_status::succeeded);
  CHECK(f.gpu(0).health_reason == "lost");
}

TEST_CASE("GPU state: of several GPUs only the one that its node names is out of service") {
  watched_gpus f{4};
  auto const job = f.submitted(f.gpu_job("H100", 4));
  REQUIRE(f.runs(job));
  f.tell(2, "XID 79: the GPU has fallen off the bus");
  f.end(job, attempt_result::device_fault);
  for (std::uint32_t i = 0; i < 4; ++i)
    CHECK(f.gpu(i).health == (i == 2 ? place_health::quarantined : place_health::sound));
  // A fault that only the stage has seen may be of any of its GPUs.
  auto const other = f.submitted(f.gpu_job("H100", 2));
  REQUIRE(f.runs(other));
  f.end(other, attempt_result::device_fault);
  CHECK(f.gpu(0).health == place_health::quarantined);
  CHECK(f.gpu(1).health == place_health::quarantined);
  CHECK(f.gpu(3).health == place_health::sound);
}

TEST_CASE("a node that finds more GPUs while it lives: what runs stays, what waits goes there") {
  watched_gpus f;
  auto const first = f.submitted(f.gpu_job("H100"));
  REQUIRE(f.runs(first));
  auto const waits = f.submitted(f.gpu_job("H100"));
  auto const other = f.submitted(f.gpu_job("A100"));
  CHECK_FALSE(f.runs(waits));
  CHECK_FALSE(f.runs(other));
  f.join(f.node("a", 16, {"H100", "H100", "A100"}, all_mb), {f.held(first)});
  CHECK(f.runs(first));
  CHECK(f.place_of(waits) == "a");
  CHECK(f.place_of(other) == "a");
  CHECK(f.record_of("a").gpus.size() == 3);
  CHECK(f.details(happening::node_lost).empty());
  f.core_.check_invariants();
  f.tell(2, "XID 79: the GPU has fallen off the bus");
  CHECK(f.gpu(2).health == place_health::quarantined);
  CHECK(f.gpu(0).health == place_health::sound);
}

TEST_CASE("instances of a divided GPU: a job that takes several GPUs gets none") {
  std::string const instance = "NVIDIA A100-SXM4-40GB MIG 3g.20gb";
  fixture f;
  f.join(f.node("a", 16, {instance, instance, "NVIDIA A100-SXM4-40GB"}, all_mb));
  auto const two = f.submitted(f.gpu_job("A100 MIG", 2));
  CHECK_FALSE(f.runs(two));
  CHECK(f.core_.explain(two).reason ==
        "no node has a GPU that matches A100 MIG (models there: NVIDIA A100-SXM4-40GB, " +
            instance +
            "); a process can use one instance of a divided GPU only, so no job gets several");
  auto const any_two = f.submitted(f.gpu_job("", 2));
  CHECK_FALSE(f.runs(any_two));
  CHECK(f.runs(f.submitted(f.gpu_job("A100 MIG"))));
  CHECK(f.runs(f.submitted(f.gpu_job("3g.20gb"))));
  f.join(f.node("b", 16, {"NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB"}, all_mb));
  CHECK(f.place_of(any_two) == "b");
}

TEST_CASE("GPU state: evidence that was settled by hand is not that of a later fault") {
  watched_gpus f{2};
  f.tell(0, "1 memory errors");
  f.drain("a");
  f.resume("a");
  auto const job = f.submitted(f.gpu_job("H100", 2));
  REQUIRE(f.runs(job));
  f.end(job, attempt_result::device_fault);
  CHECK(f.gpu(1).health == place_health::quarantined);
}

TEST_CASE("GPU state: failures blamed on jobs are taken back when the hardware turns out bad") {
  watched_gpus f;
  auto twice = f.gpu_job("H100");
  twice.constraints.max_retries = 1;
  auto const job = f.submitted(twice);
  f.end(job, attempt_result::failed);
  f.decide(job, true);
  f.advance(1000);
  REQUIRE(f.runs(job));
  f.tell(0, "2 memory errors that ECC cannot correct since its last reset");
  f.end(job, attempt_result::device_fault);
  f.tell(0, "");
  f.advance(1000);
  REQUIRE(f.runs(job));
  f.end(job, attempt_result::failed);  // the first that counts
  f.decide(job, true);
  f.advance(1000);
  CHECK(f.runs(job));
}

TEST_CASE("GPU state: what was released by hand stays so until its node says something else") {
  watched_gpus f;
  f.tell(0, "lost");
  f.drain("a");
  f.resume("a");
  CHECK(f.gpu(0).health == place_health::sound);
  CHECK(f.gpu(0).state.fault == "lost");
  f.tell(0, "lost");
  CHECK(f.gpu(0).health == place_health::sound);
  f.tell(0, "XID 48: memory error that ECC cannot correct");
  CHECK(f.gpu(0).health == place_health::quarantined);
}

TEST_CASE("GPU state: a node that registers without a word of a fault has none") {
  watched_gpus f;
  f.tell(0, "lost", 40'000);
  auto again = f.node("a", 16, {"H100"}, all_mb);
  again.incarnation = 2;
  f.join(again);
  CHECK(f.gpu(0).health == place_health::sound);
  CHECK(f.gpu(0).state.foreign_mb == 0);
  CHECK(f.runs(f.submitted(f.gpu_job("H100"))));
}

TEST_CASE("foreign memory: a job waits for as much as it asks for, and explain says who has it") {
  watched_gpus f;
  f.hold(0, 30'000, {17, 4711});
  auto const small = f.submitted(f.gpu_job("H100", 1, 50'000));
  CHECK(f.runs(small));
  f.end(small);
  auto const large = f.submitted(f.gpu_job("H100", 1, 50'001));
  CHECK_FALSE(f.runs(large));
  auto const e = f.why(large);
  CHECK(e.rule == wait_rule::gpu_memory);
  CHECK(e.reason ==
        "the nodes that could run it lack free GPU memory: GPU 0 of node a: 30,000 of 80,000 MiB "
        "are held by processes that are not of nsai (pids 17, 4711)");
  REQUIRE(e.nodes.size() == 1);
  CHECK(e.nodes[0].why == e.reason.substr(e.reason.find("GPU 0")));
  f.hold(0, 29'999, {17});
  CHECK(f.runs(large));
}

TEST_CASE("foreign memory: who states no need is content where strangers hold a tenth") {
  watched_gpus f;
  f.hold(0, 8'001);
  auto const job = f.submitted(f.gpu_job("H100"));
  CHECK_FALSE(f.runs(job));
  f.hold(0, 8'000);
  CHECK(f.runs(job));
}

TEST_CASE("foreign memory: jobs go to the GPUs where nobody else is") {
  watched_gpus f{8};
  for (std::uint32_t i = 0; i < 6; ++i)
    f.hold(i, 70'000);
  auto const pair = f.submitted(f.gpu_job("H100", 2));
  REQUIRE(f.runs(pair));
  CHECK(f.granted(pair).devices[0].index == 6);
  CHECK(f.granted(pair).devices[1].index == 7);
  auto const next = f.submitted(f.gpu_job("H100"));
  CHECK_FALSE(f.runs(next));
  f.hold(3, 0);
  REQUIRE(f.runs(next));
  CHECK(f.granted(next).devices[0].index == 3);
}

TEST_CASE("foreign memory: shares get what is left, and what was granted stays") {
  watched_gpus f;
  auto const first = f.submitted(f.sharing(250, 30'000));
  REQUIRE(f.runs(first));
  f.hold(0, 30'000);
  auto const fits = f.submitted(f.sharing(250, 20'000));
  CHECK(f.runs(fits));
  auto const waits = f.submitted(f.sharing(100, 1'000));
  CHECK_FALSE(f.runs(waits));
  CHECK(f.reason(waits).find("30,000 of 80,000 MiB are held by processes that are not of nsai") !=
        std::string::npos);
  f.hold(0, 79'000);  // more than is left beside what was granted
  CHECK(f.runs(first));
  CHECK(f.runs(fits));
  CHECK(f.gpu(0).memory_used_mb == 50'000);
  f.end(first);
  f.end(fits);
  CHECK(f.runs(waits));
}

TEST_CASE("foreign memory: no room is kept where strangers hold it") {
  watched_gpus f;
  auto const first = f.submitted(f.gpu_job("H100"));
  auto const large = f.submitted(f.gpu_job("H100", 1, all_mb));
  f.advance(20'000);  // a room is kept for it by now
  f.hold(0, 1'000);
  f.advance(20'000);
  auto const small = f.submitted(f.gpu_job("H100", 1, 10'000));
  f.end(first);
  f.advance(1'000);
  CHECK_FALSE(f.runs(large));
  CHECK(f.runs(small));
  f.end(small);
  f.hold(0, 0);
  f.advance(1'000);
  CHECK(f.runs(large));
}

TEST_CASE("GPU state: numbers are shown as they were told") {
  watched_gpus f;
  gpu_state s;
  s.temperature_c = 61;
  s.power_w = 350;
  s.utilisation_percent = 97;
  node_beat b{"a", f.session("a"), {}, {}, {s, s}};
  b.gpus[1].index = 9;  // one that it does not have
  f.apply(b);
  CHECK(f.gpu(0).state == s);
}

TEST_CASE("NVLink: several GPUs are taken from one group, the smallest that has as many free") {
  fixture f;
  auto n = f.node("a", 32, std::vector<std::string>(8, "H100"), all_mb);
  std::uint32_t const groups[] = {1, 1, 1, 1, 0, 2, 2, 2};
  for (std::size_t i = 0; i < 8; ++i)
    n.gpus[i].link_group = groups[i];
  f.join(n);
  auto const taken = [&](job_id id) {
    std::vector<std::uint32_t> list;
    for (auto const& d : f.granted(id).devices)
      list.push_back(d.index);
    return list;
  };
  using indices = std::vector<std::uint32_t>;
  CHECK(taken(f.submitted(f.gpu_job("H100", 2))) == indices{5, 6});
  CHECK(taken(f.submitted(f.gpu_job("H100", 3))) == indices{0, 1, 2});
  CHECK(taken(f.submitted(f.gpu_job("H100", 2))) == indices{3, 4});  // no group has two left
}

TEST_CASE(
    "GPU memory: a device that claims more than there is serves its jobs, and offers nothing below "
    "zero") {
  fixture f;
  constexpr std::int64_t absurd = std::int64_t{1} << 44;  // as from a driver's "unknown"
  f.join(f.node("a", 16, {"H100"}, absurd));
  f.join(f.node("b", 16, {"L4"}, -5));
  auto const job = f.submitted(f.gpu_job("H100"));
  CHECK(f.place_of(job) == "a");
  f.end(job);
  CHECK(f.status(job) == job_status::succeeded);
  CHECK(f.place_of(f.submitted(f.gpu_job("L4"))).empty());
}

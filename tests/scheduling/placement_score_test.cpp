// What each policy prefers, node against node.
#include "scheduling/placement_score.hpp"

#include "scheduling/placement.hpp"
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using nsai::scheduling::tests::fixture;

namespace {

resources gpus(std::int32_t count, std::int64_t cores = 1, std::string model = {},
               std::int64_t milli = 1000) {
  resources r;
  r.cpu.value = cores * 1000;
  r.gpu_count = count;
  r.gpu = std::move(model);
  r.gpu_share.value = milli;
  return r;
}

resources cores(std::int64_t n) {
  return gpus(0, n);
}

/// A cluster with one policy, told of requests and asked for places.
class yard {
 public:
  explicit yard(placement_policy policy, std::uint64_t seed = 1)
      : places_(nodes_, {policy, true, seed}) {}

  void join(std::string name, std::int64_t cpus, std::vector<std::string> models,
            double usd_per_hour = 0) {
    auto n = fixture::node(std::move(name), cpus, std::move(models));
    n.price_per_hour_usd.value = static_cast<std::int64_t>(usd_per_hour * 1'000'000);
    nodes_.offer(nodes_.add(n.uuid), n, {true});
  }
  void note(resources const& r, int times = 1) {
    auto s = shape_of(r);
    for (int i = 0; i < times; ++i)
      places_.note(s);
  }
  std::optional<place> find(resources const& r) {
    auto s = shape_of(r);
    return places_.find(s);
  }
  std::string node_for(resources const& r) {
    auto const found = find(r);
    return found ? nodes_[found->node].info.name : "";
  }
  /// Puts the request where it is best, or on this node and device.
  std::string take(resources const& r) {
    auto const found = find(r);
    REQUIRE(found);
    hold(found->node, r, {found->devices.begin(), found->devices.end()});
    return nodes_[found->node].info.name;
  }
  void take_on(std::string const& node, resources const& r, std::uint32_t device = 0) {
    std::vector<held_device> devices;
    for (std::int32_t i = 0; i < r.gpu_count; ++i)
      devices.emplace_back(
          device_grant{device + static_cast<std::uint32_t>(i), "", "", 0, r.gpu_share.value, true});
    hold(nodes_.index_of(node), r, std::move(devices));
  }

 private:
  static shape shape_of(resources const& r) {
    shape s;
    s.key.stage = 0;
    s.key.resources = r;
    return s;
  }
  void hold(node_index node, resources const& r, std::vector<held_device> devices) {
    holding h;
    h.cpu = r.cpu.value;
    h.memory_mb = r.memory_mb;
    h.devices = std::move(devices);
    h.tenant = 0;
    nodes_[node].hold({{next_++}, 1}, std::move(h));
  }

  cluster nodes_;
  placement places_;
  std::uint64_t next_ = 1;
};

}  // namespace

TEST_CASE("placement policy: each has a name, and no other word names one") {
  for (auto const name : placement_policy_names) {
    auto const policy = placement_policy_named(name);
    REQUIRE(policy);
    CHECK(to_string(*policy) == name);
  }
  CHECK_FALSE(placement_policy_named("Balanced"));
  CHECK_FALSE(placement_policy_named(""));
}

TEST_CASE("balanced: who may use any model leaves the one that others are bound to") {
  yard y{placement_policy::balanced};
  y.join("scarce", 16, {"T4", "T4"});
  y.join("plain", 16, {"G2", "G2"});
  CHECK(y.node_for(gpus(1)) == "scarce");  // nothing is known yet: the first of equals
  y.note(gpus(1, 1, "T4"), 50);
  y.note(gpus(1), 50);
  CHECK(y.node_for(gpus(1)) == "plain");
  CHECK(y.node_for(gpus(1, 1, "T4|G2")) == "plain");
  CHECK(y.node_for(gpus(1, 1, "T4")) == "scarce");
  CHECK(y.take(gpus(2)) == "plain");
  CHECK(y.node_for(gpus(1)) == "scarce");  // rather than wait
}

TEST_CASE("balanced: on a node of several models, too, the scarce one is left") {
  yard y{placement_policy::balanced};
  y.join("both", 16, {"T4", "G2"});
  y.note(gpus(1, 1, "T4"), 50);
  y.note(gpus(1), 50);
  CHECK(y.find(gpus(1))->devices.at(0).model == "G2");
  CHECK(y.find(gpus(1, 1, "", 300))->devices.at(0).model == "G2");
  CHECK(y.find(gpus(1, 1, "T4"))->devices.at(0).model == "T4");
}

TEST_CASE("balanced: cpu goes where it strands no GPU") {
  yard y{placement_policy::balanced};
  y.join("tight", 16, {"G2", "G2"});
  y.join("ample", 64, {"G2", "G2"});
  y.note(gpus(1, 8), 50);
  CHECK(y.node_for(cores(16)) == "ample");
  y.take_on("ample", cores(48));
  CHECK(y.node_for(cores(8)) == "tight");  // now as tight as the other: the first of equals
}

TEST_CASE("balanced: a share goes where it leaves what others can use") {
  yard y{placement_policy::balanced};
  y.join("a", 16, {"G2"});
  y.join("b", 16, {"G2"});
  y.note(gpus(1, 1, "", 600), 50);
  y.note(gpus(1, 1, "", 400), 50);
  y.take_on("b", gpus(1, 1, "", 400));
  CHECK(y.node_for(gpus(1, 1, "", 600)) == "b");  // 0 are left, not 0.4 that every second can use
}

TEST_CASE("fgd: the place where the unusable part grows least") {
  yard y{placement_policy::fgd};
  y.join("a", 16, {"G2"});
  y.join("b", 16, {"G2"});
  y.note(gpus(1, 1, "", 700), 50);
  y.note(gpus(1, 1, "", 300), 50);
  y.take_on("a", gpus(1, 1, "", 500));
  y.take_on("b", gpus(1, 1, "", 700));
  CHECK(y.node_for(gpus(1, 1, "", 300)) == "b");
  y.join("c", 2, {"G2", "G2"});
  CHECK(y.node_for(cores(2)) == "a");  // never the cpu that two idle GPUs need
}

TEST_CASE("best fit: the node with the least left, the fullest device there") {
  yard y{placement_policy::best_fit};
  y.join("large", 32, {"G2", "G2"});
  y.join("small", 4, {"G2"});
  CHECK(y.node_for(gpus(1)) == "small");
  CHECK(y.node_for(gpus(2)) == "large");
  y.take_on("large", gpus(1, 1, "", 200), 1);
  y.take_on("small", gpus(1));
  CHECK(y.find(gpus(1, 1, "", 300))->devices.at(0).index == 1);
}

TEST_CASE("packing: shared devices first, then nodes in use, then idle nodes") {
  yard y{placement_policy::packing};
  y.join("idle", 8, {"G2"});
  y.join("used", 32, {"G2", "G2", "G2"});
  y.take_on("used", gpus(1));
  CHECK(y.node_for(gpus(1)) == "used");
  CHECK(y.node_for(gpus(1, 1, "", 400)) == "used");
  y.take_on("idle", gpus(1, 1, "", 500));
  CHECK(y.node_for(gpus(1, 1, "", 400)) == "idle");
}

TEST_CASE("spread: the node with the most left, the emptiest device there") {
  yard y{placement_policy::spread};
  y.join("a", 16, {"G2", "G2"});
  y.join("b", 16, {"G2", "G2"});
  CHECK(y.take(gpus(1, 1, "", 400)) == "a");
  CHECK(y.take(gpus(1, 1, "", 400)) == "b");
  CHECK(y.find(gpus(1, 1, "", 400))->devices.at(0).index == 1);
  CHECK(y.take(cores(4)) == "a");
  CHECK(y.take(cores(4)) == "b");
}

TEST_CASE("cheapest: the least for the part of the node that the job takes") {
  yard y{placement_policy::cheapest};
  y.join("dear", 16, {"G2"}, 4);
  y.join("dear-but-large", 64, {"G2", "G2", "G2", "G2"}, 12);
  y.join("cheap-cpu", 8, {}, 0.5);
  CHECK(y.node_for(gpus(1)) == "dear-but-large");  // 3 an hour against 4
  CHECK(y.node_for(cores(1)) == "cheap-cpu");
  CHECK(y.take(gpus(4)) == "dear-but-large");
  CHECK(y.node_for(gpus(1)) == "dear");
  CHECK(y.node_for(cores(10)) == "dear-but-large");
}

TEST_CASE("random: every node with room has its chance, the same for the same seed") {
  std::map<std::string, int> seen;
  yard y{placement_policy::random, 7};
  yard again{placement_policy::random, 7};
  yard other{placement_policy::random, 8};
  for (auto* const each : {&y, &again, &other}) {
    for (auto const* const name : {"a", "b", "c"})
      each->join(name, 4, {"G2", "G2"});
    each->join("full", 4, {"G2"});
    each->take_on("full", gpus(1));
  }
  int alike = 0;
  std::map<std::uint32_t, int> devices;
  for (int i = 0; i < 3000; ++i) {
    auto const node = y.node_for(gpus(1));
    ++seen[node];
    CHECK(again.node_for(gpus(1)) == node);
    alike += other.node_for(gpus(1)) == node ? 1 : 0;
    ++devices[y.find(gpus(1, 1, "", 500))->devices.at(0).index];
    again.find(gpus(1, 1, "", 500));
  }
  CHECK(seen.size() == 3);
  for (auto const& [name, times] : seen)
    CHECK(std::abs(times - 1000) < 150);
  CHECK(std::abs(devices[0] - 1500) < 200);
  CHECK(alike < 1300);
}

// Placement by the ordered index against a look at every node.
#include <random>

#include <doctest/doctest.h>

#include "scheduling/placement.hpp"
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using nsai::scheduling::tests::fixture;

namespace {

/// A cluster of few kinds of nodes, some with mixed devices, on which things come and go.
class busy_cluster {
 public:
  busy_cluster(std::uint64_t seed, bool share) : random_(seed), places_(nodes_, {placement_policy::balanced, share}) {
    for (int i = 0; i < 24; ++i)
      join();
  }

  void step() {
    switch (below(8)) {
      case 0:
        return below(3) == 0 ? leave() : join();
      case 1:
      case 2:
        return release();
      default:
        return take(some_shape());
    }
  }

  /// Both ways to look give the same place.
  void compare() {
    auto by_index = some_shape();
    auto by_all = by_index;
    by_all.look_everywhere = false;
    std::as_const(nodes_).for_each(
        [&](node_index index, node_state const&) { by_all.candidates.push_back(index); });
    auto const one = places_.find(by_index);
    auto const other = places_.find(by_all);
    REQUIRE(one.has_value() == other.has_value());
    if (!one)
      return;
    ++found;
    REQUIRE(one->node == other->node);
    REQUIRE(one->devices == other->devices);
  }

  int found = 0;

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void join() {
    std::vector<std::vector<std::string>> const gpus{
        {}, {"A100", "A100", "A100"}, {"H100", "H100"}, {"A100", "H100", "T4"}, {"T4"}};
    auto n = fixture::node("n" + std::to_string(next_++), 4 + static_cast<std::int64_t>(below(3)),
                           gpus[below(gpus.size())], below(2) == 0 ? 40'960 : 16'384);
    n.memory_mb = 8192;
    if (below(3) == 0)
      n.labels["zone"] = below(2) == 0 ? "a" : "b";
    auto const index = nodes_.add(n.uuid);
    nodes_.offer(index, n, {true, below(4) != 0});
  }

  void leave() {
    auto const index = any();
    std::erase_if(held_, [&](auto const& h) { return h.second == index; });
    nodes_.remove(index);
    join();
  }

  node_index any() {
    std::vector<node_index> all;
    std::as_const(nodes_).for_each(
        [&](node_index index, node_state const&) { all.push_back(index); });
    return all[below(all.size())];
  }

  shape some_shape() {
    shape s;
    s.key.stage = static_cast<stage_index>(below(2));
    s.key.tenant = static_cast<tenant_index>(below(3));
    auto& r = s.key.resources;
    r.cpu.value = static_cast<std::int64_t>(below(4)) * 500;
    r.memory_mb = static_cast<std::int64_t>(below(3)) * 1024;
    if (below(5) == 0)
      r.node_labels["zone"] = "a";
    if (below(3) == 0)
      return s;
    r.gpu_count = 1 + static_cast<std::int32_t>(below(2));
    r.gpu = std::vector<std::string>{"", "A100", "H100|T4"}[below(3)];
    r.gpu_memory_mb = below(3) == 0 ? 8192 : 0;
    if (below(2) == 0) {
      r.gpu_count = 1;
      r.gpu_share.value = 100 + static_cast<std::int64_t>(below(6)) * 100;
    }
    return s;
  }

  void take(shape s) {
    auto const where = places_.find(s);
    if (!where)
      return;
    holding h;
    h.cpu = s.key.resources.cpu.value;
    h.memory_mb = s.key.resources.memory_mb;
    h.devices.assign(where->devices.begin(), where->devices.end());
    h.tenant = below(20) == 0 ? none : s.key.tenant;
    attempt_ref const ref{{next_++}, 1};
    nodes_[where->node].hold(ref, std::move(h));
    held_.emplace_back(ref, where->node);
  }

  void release() {
    if (held_.empty())
      return;
    auto const at = held_.begin() + static_cast<std::ptrdiff_t>(below(held_.size()));
    nodes_[at->second].release(at->first);
    held_.erase(at);
  }

  std::mt19937_64 random_;
  cluster nodes_;
  placement places_;
  std::uint64_t next_ = 1;
  std::vector<std::pair<attempt_ref, node_index>> held_;
};

}  // namespace

TEST_CASE("room index: leads to the place that a look at every node would choose") {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    busy_cluster c{seed, seed % 2 == 0};
    for (int i = 0; i < 1000; ++i) {
      c.step();
      c.compare();
    }
    found += c.found;
  }
  CHECK(found > 5000);
}

TEST_CASE("room index: a node that has gone leaves nothing behind, whatever comes in its place") {
  cluster nodes;
  placement places{nodes};
  auto const first = nodes.add("first");
  nodes.offer(first, fixture::node("first", 4, {"A100"}), {true});
  shape s;
  s.key.stage = 0;
  CHECK(places.find(s)->node == first);
  nodes.remove(first);
  CHECK_FALSE(places.find(s));
  CHECK(nodes.by_room().kinds().empty());
  CHECK(nodes.add("second") == first);
  nodes.offer(first, fixture::node("second", 8), {true});
  CHECK(places.find(s)->node == first);
  CHECK(nodes.by_room().kinds().size() == 1);
}

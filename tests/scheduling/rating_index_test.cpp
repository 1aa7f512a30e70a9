// Placement by the ratings that are kept against a rating of every node anew.
#include <algorithm>
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
  busy_cluster(std::uint64_t seed, placement_policy policy, bool share)
      : random_(seed), policy_(policy), share_(share), places_(nodes_, {policy, share}) {
    for (int i = 0; i < 24; ++i)
      join();
  }

  void step() {
    switch (below(8)) {
      case 0:
        return below(3) == 0 ? leave() : below(4) == 0 ? rest() : join();
      case 1:
      case 2:
        return release();
      default:
        return take(some_shape());
    }
  }

  /// What is kept leads to the place that rating every node anew does, or its candidates alone.
  void compare() {
    auto s = some_shape();
    note(s);
    auto const place = places_.find(s);
    auto const& learned = mix_.learned(nodes_);
    placement_score score{policy_, learned, nodes_, share_};
    std::pair<rating, node_index> best{no_room, none};
    auto among = s;
    among.look_everywhere = false;
    std::as_const(nodes_).for_each([&](node_index index, node_state const& node) {
      among.candidates.push_back(index);
      node_room room;
      read_room(&node, room);
      if (places_.fits(s, node))
        best = std::min(best, {score.rate(s, room), index});
    });
    std::shuffle(among.candidates.begin(), among.candidates.end(), random_);
    auto const of_candidates = places_.find(among);
    REQUIRE(place.has_value() == (best.second != none));
    REQUIRE(place.has_value() == of_candidates.has_value());
    if (!place)
      return;
    ++found;
    REQUIRE(best.first != no_room);
    REQUIRE(place->node == best.second);
    REQUIRE(of_candidates->node == best.second);
    REQUIRE(of_candidates->devices == place->devices);
    std::vector<std::uint32_t> devices;
    for (auto const& d : place->devices)
      devices.push_back(d.index);
    node_room room;
    read_room(&nodes_[best.second], room);
    REQUIRE(devices == score.choose(s, room, 0));
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

  /// Is not told of as a change: what takes no grants is passed over when a place is chosen.
  void rest() {
    auto& node = nodes_[any()];
    node.leaving = !node.leaving;
  }

  void note(shape& s) {
    places_.note(s);
    mix_.note(s.key.resources, in_mix_);
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
    note(s);
    auto const where = places_.find(s);
    mix_.learned(nodes_);
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
  placement_policy policy_;
  bool share_;
  cluster nodes_;
  placement places_;
  request_mix mix_;
  std::uint32_t in_mix_ = none;
  std::uint64_t next_ = 1;
  std::vector<std::pair<attempt_ref, node_index>> held_;
};

}  // namespace

TEST_CASE("ratings: what is kept leads to the place that rating every node anew does") {
  for (std::size_t policy = 0; policy + 1 < placement_policy_names.size(); ++policy) {
    CAPTURE(placement_policy_names[policy]);
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      CAPTURE(seed);
      busy_cluster c{seed, static_cast<placement_policy>(policy), seed % 2 == 0};
      for (int i = 0; i < 1000; ++i) {
        c.step();
        c.compare();
      }
      found += c.found;
    }
    CHECK(found > 1000);
  }
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

TEST_CASE("ratings: the order in which nodes join decides between equals only") {
  int alone = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<node_info> infos;
    for (int i = 0; i < 12; ++i)
      infos.push_back(
          fixture::node("n" + std::to_string(i), 4 + static_cast<std::int64_t>(random() % 12),
                        std::vector<std::string>(random() % 5, random() % 2 == 0 ? "A100" : "T4")));
    cluster one;
    cluster other;
    for (auto const& info : infos)
      one.offer(one.add(info.uuid), info, {true});
    std::shuffle(infos.begin(), infos.end(), random);
    for (auto const& info : infos)
      other.offer(other.add(info.uuid), info, {true});
    placement places_one{one};
    placement places_other{other};
    request_mix mix;
    auto in_mix = none;
    for (int i = 0; i < 40; ++i) {
      shape s;
      s.key.stage = 0;
      s.key.resources.cpu.value = 500 * static_cast<std::int64_t>(1 + random() % 6);
      s.key.resources.gpu_count = static_cast<std::int32_t>(random() % 3);
      s.key.resources.gpu = random() % 4 == 0 && s.key.resources.gpu_count > 0 ? "T4" : "";
      places_one.note(s);
      auto t = s;
      t.in_mix = none;
      places_other.note(t);
      mix.note(s.key.resources, in_mix);
      auto const here = places_one.find(s);
      auto const there = places_other.find(t);
      REQUIRE(here.has_value() == there.has_value());
      if (!here)
        continue;
      placement_score score{placement_policy::balanced, mix.learned(one), one, false};
      std::map<rating, std::vector<std::string>> rated;
      std::as_const(one).for_each([&](node_index, node_state const& node) {
        node_room room;
        read_room(&node, room);
        if (places_one.fits(s, node))
          rated[score.rate(s, room)].push_back(node.info.name);
      });
      auto const& best = rated.begin()->second;
      auto const& name_here = one[here->node].info.name;
      auto const& name_there = other[there->node].info.name;
      CHECK(std::find(best.begin(), best.end(), name_here) != best.end());
      CHECK(std::find(best.begin(), best.end(), name_there) != best.end());
      alone += best.size() == 1 ? 1 : 0;
      // Both clusters stay equal: the same node takes it.
      holding h;
      h.cpu = s.key.resources.cpu.value;
      h.devices.assign(here->devices.begin(), here->devices.end());
      h.tenant = 0;
      attempt_ref const ref{{static_cast<std::uint64_t>(i + 1)}, 1};
      one[here->node].hold(ref, h);
      other[other.index_of(name_here)].hold(ref, h);
    }
  }
  CHECK(alone > 100);
}

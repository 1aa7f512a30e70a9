// A copy of the core, for trying out what would happen.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

// Longer than anything that is tried out.
constexpr std::int64_t for_ever_ms = 1000LL * 365 * 24 * 60 * 60 * 1000;

constexpr std::size_t ports_ahead = 64;
constexpr std::uint32_t any_port = 1;

}  // namespace

core::state::state(state const& other) : core_queries(other) {
  rewire();
  out = nullptr;
}

/// What of the books points into other books.
void core::state::rewire() {
  nodes.rewire();
  places.rewire(nodes);
  groups.rewire();
  queues.rewire(&shares);
  use_tenants(*this);
  for (auto& [id, facts] : rares) {
    if (facts.key != nullptr)
      facts.key = &keys.find(*facts.key)->first;
    if (facts.unique != nullptr)
      facts.unique = &uniques.find(*facts.unique)->first;
  }
}

core::core(core const& other) : state_(std::make_unique<state>(*other.state_)) {}

core core::hypothetical() const {
  core copy{*this};
  auto& s = *copy.state_;
  s.settings.lease_ms = for_ever_ms;
  s.settings.lost_after_ms = for_ever_ms;
  s.settings.wake_every_ms = 0;
  s.settings.judge_health = false;
  s.next_silence = {};
  s.announced_wake = {};  // that was announced to somebody else
  // Nodes offer new ports when these are used up.
  s.nodes.for_each([](node_index, node_state& node) {
    node.ports.resize(std::max(node.ports.size(), ports_ahead), any_port);
  });
  return copy;
}

std::vector<expected_end> core::expected_ends() const {
  std::vector<expected_end> list;
  auto const& s = *state_;
  s.jobs.for_each([&](job const& j) {
    if (!s.has_attempt(j))
      return;
    auto const& uuid = j.unconfirmed ? s.find_rare(j)->place->node_uuid : s.nodes[j.node].info.uuid;
    list.push_back({{j.id, j.attempt}, uuid, j.since, s.ends_by({j.id, j.attempt})});
  });
  return list;
}

timestamp core::expected_end_of(attempt_ref ref) const {
  return state_->ends_by(ref);
}

}  // namespace nsai::scheduling

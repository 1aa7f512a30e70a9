// Devices and nodes that fail jobs: what health.hpp finds is put into effect.
#include <algorithm>

#include "scheduling/attempt_rules.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"
#include "scheduling/retry.hpp"

namespace nsai::scheduling {
namespace {

/// What has failed once goes elsewhere for so long after the latest failure on a node where several
/// jobs in a row have failed. Not for ever: it may be the only one.
constexpr std::int64_t avoided_ms = 10'000;

constexpr std::uint32_t group_of_nodes = 0;

std::string const& uuid_of(gpu_info const& gpu, std::string& room) {
  return gpu.uuid.empty() ? room = std::to_string(gpu.index) : gpu.uuid;
}

}  // namespace

/// What was found of them before holds on: a restart of the node repairs no device.
void core::state::learn_places(node_index index) {
  auto& node = nodes[index];
  node.well.place = places_of_health.intern(node.info.uuid);
  wellness.add(node.well.place, group_of_nodes);
  for (auto& device : node.devices) {
    std::string room;
    device.set_place(places_of_health.intern(node.info.uuid + "\n" + uuid_of(device.info(), room)));
    wellness.add(device.well().place, group_of_nodes + 1 + device.device_class);
  }
  show_health(index);
}

void core::state::forget_places(node_state const& node) {
  wellness.remove(node.well.place);
  for (auto const& device : node.devices)
    wellness.remove(device.well().place);
}

/// Before the attempt is released. Nothing: it ran before the scheduler's restart, and its node has
/// not registered yet.
std::optional<health_attempt> core_queries::health_of(job const& j) const {
  if (j.node == none)
    return std::nullopt;
  auto const& node = nodes[j.node];
  health_attempt a{j.id,
                   j.tenant,
                   (std::uint64_t{shapes[j.shape].key.stage} << 32) | j.label,
                   node.well.place,
                   {}};
  if (auto const* const held = node.find({j.id, j.attempt}))
    for (auto const& h : held->devices)
      for (auto const& device : node.devices)
        if (device.index == h.index)
          a.places.push_back(device.well().place);
  if (a.places.empty())
    a.places.push_back(node.well.place);
  return a;
}

bool core_queries::is_alone_on_devices(job const& j) const {
  if (j.node == none)
    return false;
  auto const& devices = nodes[j.node].devices;
  auto const has = [&](device_state const& d) {
    return std::any_of(d.uses.begin(), d.uses.end(),
                       [&](auto const& use) { return use.ref.job == j.id; });
  };
  return std::any_of(devices.begin(), devices.end(), has) &&
         std::none_of(devices.begin(), devices.end(),
                      [&](device_state const& d) { return has(d) && d.uses.size() > 1; });
}

/// Whether the failure was the place's and not the job's.
bool core::state::note_outcome(job& j, attempt_outcome const& outcome) {
  bool const well = outcome.result == attempt_result::succeeded;
  if (!settings.judge_health || (well && wellness.is_idle()))
    return false;
  bool const own = is_own_failure(outcome.result) && !j.is_stopped();
  bool const fault = outcome.result == attempt_result::device_fault;
  if (!well && !own && !fault)
    return false;
  auto const a = health_of(j);
  if (!a || (fault && a->places.front() == a->node))
    return false;
  auto const list = well    ? wellness.succeeded(*a, now)
                    : fault ? wellness.fault(*a, now)
                            : wellness.failed(*a, now);
  take(list, &j);
  if (list.empty())
    show_health(j.node);
  return own && std::any_of(list.begin(), list.end(), [&](health_change const& c) {
           return std::find(c.blamed.begin(), c.blamed.end(), j.id) != c.blamed.end();
         });
}

void core::state::take(health::changes const& list, job const* current) {
  for (auto const& change : list) {
    nodes.for_each([&](node_index index, node_state& node) {
      bool const whole = node.well.place == change.place;
      auto const device =
          std::find_if(node.devices.begin(), node.devices.end(),
                       [&](device_state const& d) { return d.well().place == change.place; });
      if (!whole && device == node.devices.end())
        return;
      show_health(index);
      auto const what = whole ? std::string{}
                              : "GPU " + std::to_string(device->info().index) + " (" +
                                    device->info().model + "): ";
      if (change.now == place_health::quarantined)
        tell_node(whole ? happening::node_quarantined : happening::gpu_quarantined, node,
                  what + change.reason);
      else if (change.now == place_health::sound)
        tell_node(whole ? happening::node_released : happening::gpu_released, node,
                  what + (change.reason.empty() ? "released" : change.reason));
    });
    absolve(change, current);
  }
}

/// What a node says of its devices.
void core::state::hear_gpus(node_index index, std::vector<gpu_state> const& list) {
  auto& node = nodes[index];
  bool differs = false;
  for (auto const& told : list)
    for (std::size_t i = 0; i < node.devices.size(); ++i) {
      if (node.devices[i].index != told.index)
        continue;
      differs = node.set_state(i, told) || differs;
      if (settings.judge_health)
        take(wellness.witness(node.devices[i].well().place, told.fault, now));
    }
  if (!differs)
    return;
  ++nodes.epoch;
  gained_room(index);
}

/// Puts into effect what is thought of the node and its devices. May be repeated.
void core::state::show_health(node_index index) {
  auto& node = nodes[index];
  auto const seen = [&](place_no place) {
    return wellbeing{place, wellness.of(place), wellness.reason(place), wellness.until(place)};
  };
  auto const place = node.well.place;
  auto const avoided_until =
      wellness.last_failure(place) ? wellness.last_failure(place) + avoided_ms : timestamp{};
  bool gains = node.well.health != wellness.of(place);
  node.well = seen(place);
  bool const one_at_a_time = wellness.starts_one_at_a_time(place);
  bool const avoids = avoided_until > now;
  gains = gains || (node.one_at_a_time && !one_at_a_time) || (node.avoids_retries && !avoids);
  node.one_at_a_time = one_at_a_time;
  node.avoids_retries = avoids;
  if (avoids)
    take_earlier(next_health, avoided_until);
  for (std::size_t i = 0; i < node.devices.size(); ++i) {
    auto const& device = node.devices[i];
    if (device.well().health == wellness.of(device.well().place))
      continue;
    gains = true;
    node.set_well(i, seen(device.well().place));
  }
  take_earlier(next_health, wellness.next());
  if (!gains)
    return;
  ++nodes.epoch;
  gained_room(index);
}

/// Failures that were a place's are taken back from the jobs that still live. The current one is
/// about to be judged: of its failures only the earlier ones are taken back here.
void core::state::absolve(health_change const& change, job const* current) {
  bool skipped = false;
  for (auto const id : change.blamed) {
    if (current != nullptr && id == current->id && !std::exchange(skipped, true))
      continue;
    auto* const j = jobs.find(id);
    if (j == nullptr || j->own_failures == 0 ||
        j->infra_failures >= terms[j->terms].max_infra_retries)
      continue;
    --j->own_failures;
    ++j->infra_failures;
    tell_change(*j);
  }
}

void core::state::look_at_health() {
  next_health = {};
  take(wellness.advance(now));
  nodes.for_each([&](node_index index, node_state const&) { show_health(index); });
}

/// By hand.
void core::state::release_places(std::string const& uuid) {
  auto const index = nodes.index_of(uuid);
  std::vector<place_no> places_there{nodes[index].well.place};
  for (auto const& device : nodes[index].devices)
    places_there.push_back(device.well().place);
  for (auto const place : places_there)
    take(wellness.release(place));
  show_health(index);
}

/// From its first own failure on, a job is of a shape apart: nodes where much fails do not take it.
void core::state::reshape_retried(job& j) {
  if (j.own_failures == 0 || j.shape == none || j.composite || shapes[j.shape].key.retried)
    return;
  auto key = shapes[j.shape].key;
  key.retried = true;
  auto const before = j.shape;
  j.shape = shapes.intern(key);
  shapes.keep(j.shape);
  shapes.release(before);
}

void core::state::describe_health(node_state const& node, node_record& to) const {
  to.health = node.well.health;
  to.health_until = node.well.until;
  to.health_reason = node.well.reason;
  if (to.health_reason.empty() && node.one_at_a_time)
    to.health_reason = "starts one at a time until one succeeds: five jobs in a row failed here";
  for (std::size_t i = 0; i < node.devices.size(); ++i) {
    auto const& w = node.devices[i].well();
    to.gpus[i].health = w.health;
    to.gpus[i].health_reason = w.reason;
    to.gpus[i].health_until = w.until;
  }
}

}  // namespace nsai::scheduling

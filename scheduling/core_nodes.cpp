// Nodes come, are silent, are lost, and leave.
#include <algorithm>
#include <span>

#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

/// Of all its devices, those it says nothing of included.
std::vector<gpu_state> states_of(node_state const& node, std::vector<gpu_state> const& told) {
  std::vector<gpu_state> list;
  for (auto const& device : node.devices) {
    auto const found = std::find_if(told.begin(), told.end(), [&](gpu_state const& each) {
      return each.index == device.index;
    });
    list.push_back(found != told.end() ? *found : gpu_state{});
    list.back().index = device.index;
  }
  return list;
}

}  // namespace

void core::state::tell_node(happening what, node_state const& node, std::string detail) {
  happened h;
  h.what = what;
  h.node = node.info.name;
  h.detail = std::move(detail);
  emit(std::move(h));
}

std::optional<error_info> core::state::refuse_node(node_info const& offered) const {
  std::optional<error_info> fault;
  std::as_const(nodes).for_each([&](node_index, node_state const& node) {
    if (node.info.name == offered.name && node.info.uuid != offered.uuid &&
        node.status == node_status::ready)
      fault = error_of("refused", "name_taken",
                       "name: \"" + offered.name + "\" is the name of another node (" +
                           node.info.uuid + "); expected a name that no other node has");
  });
  return fault;
}

/// Takes over what the node offers; it holds nothing then.
void core::state::learn(node_index index, node_info const& offered) {
  std::vector<bool> has;
  for (auto const& stage : offered.stages) {
    auto const s = stage_names.intern(stage.name);
    stages.resize(std::max<std::size_t>(stages.size(), s + 1));
    stages[s].description = stage;
    has.resize(std::max<std::size_t>(has.size(), s + 1));
    has[s] = true;
  }
  nodes.offer(index, offered, std::move(has));
  learn_places(index);
}

void core::state::handle(node_registered const& e) {
  answer = {};
  auto const& r = *e.registration;
  if (auto fault = refuse_node(r.node)) {
    answer.error = std::move(fault);
    return;
  }
  auto index = nodes.index_of(r.node.uuid);
  bool const same = index != none && nodes[index].status != node_status::lost &&
                    nodes[index].info.incarnation == r.node.incarnation;
  if (index == none) {
    index = nodes.add(r.node.uuid);
    learn(index, r.node);
  } else if (!same) {
    if (nodes[index].status != node_status::lost)
      lose_node(index, "node " + nodes[index].info.name + " was started anew");
    learn(index, r.node);
  } else if (auto const known = nodes[index].info.gpus.size(); r.node.gpus.size() > known) {
    // It has found more since; they stand behind those that it had.
    nodes.add_devices(index, std::span{r.node.gpus}.subspan(known));
    learn_places(index);
  }
  auto& node = nodes[index];
  node.session = e.session;
  node.status = node_status::ready;
  node.leaving = false;
  node.last_heard = now;
  node.ports.assign(r.node.ports.begin(), r.node.ports.end());
  node.leaves_at = r.node.leaves_in_ms > 0 ? now + r.node.leaves_in_ms : timestamp{};
  if (same) {
    node.info.address = r.node.address;
    node.info.version = r.node.version;
  } else {
    tell_node(happening::node_joined, node);
  }
  remove_namesakes(index);
  reconcile(index, r);
  adopt(index, r);
  hear_gpus(index, states_of(node, r.gpus));
  serve(index);
  gained_room(index);
  take_earlier(next_silence, now + settings.lease_ms);
}

/// Compares what the books hold on the node with what the node says it holds.
void core::state::reconcile(node_index index, register_node const& r) {
  auto& node = nodes[index];
  for (auto const ref : node.held()) {
    bool const is_there = std::any_of(r.held.begin(), r.held.end(),
                                      [&](held_attempt const& h) { return h.ref == ref; });
    bool const superseded = node.find(ref)->superseded;
    auto const unwanted = [&] {
      auto const* const j = jobs.find(ref.job);
      return superseded || j->is_stopped();
    };
    if (!is_there || unwanted())
      emit(attempt_stopped{node.info.uuid, node.session, ref});
    if (is_there)
      continue;
    if (superseded) {
      node.release(ref);
      continue;
    }
    auto& j = at(ref.job);
    infra_failure f;
    f.error = error_of(
        "infra", "attempt_lost",
        "node " + node.info.name + " came back without attempt " + std::to_string(ref.attempt));
    f.duration_ms = now - j.since;
    f.counted = !node.find(ref)->ahead;
    release_attempt(j);
    lose_attempt(j, std::move(f));
  }
}

/// Attempts of the time before the scheduler's restart are taken up again, or were lost; whatever
/// else the node holds was superseded and occupies it until it is gone.
void core::state::adopt(node_index index, register_node const& r) {
  auto& node = nodes[index];
  for (auto const& held : r.held) {
    if (node.find(held.ref) != nullptr)
      continue;
    auto* const j = jobs.find(held.ref.job);
    auto const* const place = j != nullptr && j->unconfirmed ? find_rare(*j)->place.get() : nullptr;
    bool const ours = place != nullptr && j->attempt == held.ref.attempt &&
                      place->node_uuid == node.info.uuid &&
                      place->incarnation == node.info.incarnation;
    holding h;
    h.cpu = held.cpu.value;
    h.memory_mb = held.memory_mb;
    h.devices.assign(held.devices.begin(), held.devices.end());
    h.superseded = !ours;
    if (ours) {
      count_devices(*this, *j, -1);  // as they were known before the restart
      h.tenant = j->tenant;
      auto const on = unconfirmed.find(node.info.uuid);
      on->second.erase(j->id);
      if (on->second.empty())
        unconfirmed.erase(on);
      rares.at(j->id).place.reset();
      j->unconfirmed = false;
      j->node = index;
    }
    auto const& holds = node.hold(held.ref, std::move(h));
    if (ours) {
      charge(*j, node, holds);
      count_devices(*this, *j, 1);
      queues.refresh(j->tenant, j->owner);
    }
    if (!ours || j->is_stopped())
      emit(attempt_stopped{node.info.uuid, node.session, held.ref});
  }
  auto const waiting = unconfirmed.find(node.info.uuid);
  if (waiting == unconfirmed.end())
    return;
  auto const missing = waiting->second;
  for (auto const id : missing) {
    auto& j = at(id);
    infra_failure f;
    f.error = error_of(
        "infra", "attempt_lost",
        "node " + node.info.name + " came back without attempt " + std::to_string(j.attempt));
    f.duration_ms = now - j.since;
    emit(attempt_stopped{node.info.uuid, node.session, {id, j.attempt}});
    release_attempt(j);
    lose_attempt(j, std::move(f));
  }
}

void core::state::handle(node_beat const& e) {
  auto const index = nodes.index_of(e.uuid);
  if (index == none)
    return;
  auto& node = nodes[index];
  if (node.status == node_status::lost || node.session != e.session)
    return;
  node.last_heard = now;
  bool const first_ports = node.ports.empty() && !e.ports.empty();
  node.ports.insert(node.ports.end(), e.ports.begin(), e.ports.end());
  if (std::exchange(node.status, node_status::ready) == node_status::suspect || first_ports)
    gained_room(index);
  hear_gpus(index, e.gpus);
  for (auto const& [ref, progress] : e.progress) {
    auto const* const j = jobs.find(ref.job);
    if (j == nullptr || j->status != job_status::running || j->attempt != ref.attempt ||
        j->node != index)
      continue;
    tell(happening::job_progress, *j, 0, progress.text);
    std::get<happened>(out->back()).progress_permille =
        static_cast<std::uint16_t>(std::clamp<std::int64_t>(progress.fraction.value, 0, 1000));
  }
}

void core::state::handle(node_disconnected const& e) {
  auto const index = nodes.index_of(e.uuid);
  if (index == none || nodes[index].session != e.session)
    return;
  if (nodes[index].leaving)
    remove_node_if_done(index, true);
  else if (nodes[index].status == node_status::ready)
    suspect(index, "the connection broke");
}

void core::state::handle(node_left const& e) {
  auto const index = nodes.index_of(e.uuid);
  if (index == none || nodes[index].session != e.session || nodes[index].leaving)
    return;
  nodes[index].leaving = true;
  ++nodes.epoch;
  tell_node(happening::node_left, nodes[index]);
  remove_node_if_done(index, false);
}

void core::state::suspect(node_index index, std::string const& why) {
  auto& node = nodes[index];
  node.status = node_status::suspect;
  tell_node(happening::node_suspect, node, why);
  take_earlier(next_silence, std::max(node.last_heard + settings.lost_after_ms, no_loss_before));
}

void core::state::lose_node(node_index index, std::string const& why) {
  auto& node = nodes[index];
  keep_no_room_on(index);
  node.status = node_status::lost;
  node.session = 0;
  ++nodes.epoch;
  tell_node(happening::node_lost, node, why);
  // Nodes that are lost together have one cause, and no job runs on two of them: a rack that loses
  // its power is one loss.
  constexpr std::int64_t together_ms = 1000;  // less than before a lost job starts again
  bool const together =
      node_lost_at && now - node_lost_at < together_ms && node_lost != node.info.uuid;
  node_lost_at = now;
  node_lost = node.info.uuid;
  struct lost_attempt {
    attempt_ref ref;
    bool ahead;
  };
  std::vector<lost_attempt> lost;
  std::size_t started = 0;
  for (auto const ref : node.held()) {
    auto const& h = *node.find(ref);
    started += h.ahead ? 0 : 1;
    if (!h.superseded)
      lost.push_back({ref, h.ahead});
  }
  for (auto const& each : lost)
    count_devices(*this, at(each.ref.job), -1);  // while the books have them
  node.clear();
  for (auto const& each : lost) {
    auto& j = at(each.ref.job);
    infra_failure f;
    f.error = error_of("infra", "node_lost", why);
    // One that only waited there is not blamed, nor for a node that had said when it ends.
    f.counted = !each.ahead && !(node.leaves_at && now >= node.leaves_at);
    f.sole = !each.ahead && started == 1 && !together;
    f.duration_ms = each.ahead ? 0 : now - j.since;
    release_attempt(j);
    lose_attempt(j, std::move(f));
  }
}

/// A node that said it leaves goes once nothing is left on it; `at_once`: whatever is left is lost.
void core::state::remove_node_if_done(node_index index, bool at_once) {
  auto& node = nodes[index];
  tell_if_drained(index);
  if (!node.leaving || (node.attempts() > 0 && !at_once))
    return;
  if (node.attempts() > 0)
    lose_node(index, "node " + node.info.name + " left without handing back its attempts");
  else if (!node.told_drained)
    tell_node(happening::node_drained, node);
  remove_node(index);
}

void core::state::remove_node(node_index index) {
  keep_no_room_on(index);
  for (shape_index i = 0; i < shapes.size(); ++i)
    std::erase(shapes[i].candidates, index);
  forget_places(nodes[index]);
  nodes.remove(index);
}

/// A lost node stays in the list until another takes its name: its data directory is gone, then.
void core::state::remove_namesakes(node_index index) {
  nodes.for_each([&](node_index other, node_state const& node) {
    if (other != index && node.status == node_status::lost &&
        node.info.name == nodes[index].info.name) {
      forget_order(node.info.uuid);
      remove_node(other);
    }
  });
}

void core::state::gained_room(node_index index) {
  ++room_epoch;
  no_other_models.clear();
  auto const& node = nodes[index];
  if (queues.count() == 0 || !node.takes_grants())
    return;
  if (node.ahead() > 0)
    return;  // nobody overtakes those that wait there
  auto const cpu = node.cpu_free();
  auto const memory_mb = node.memory_free();
  auto const gpus = node.free_devices();
  rooms_gained = rooms_gained || node.is_kept;
  for (auto const& needs : shapes.waiting()) {
    if (needs.cpu > cpu || needs.memory_mb > memory_mb || needs.whole_gpus > gpus)
      continue;
    auto& s = shapes[needs.shape];
    if (!s.look_everywhere && places.fits(s, node) && may_go_beside(s, index))
      shapes.add_candidate(needs.shape, index, nodes.changes());
  }
}

/// When more than half of three or more nodes are silent together, the fault is rather on this
/// side. Beats come several times a lease, so half a lease tells the silent from the rest before
/// the first of them is lost.
void core::state::note_mass_silence() {
  std::size_t known = 0;
  std::size_t silent = 0;
  std::as_const(nodes).for_each([&](node_index, node_state const& node) {
    if (node.status == node_status::lost || node.leaving)
      return;
    ++known;
    silent += node.status == node_status::suspect || now - node.last_heard >= settings.lease_ms / 2;
  });
  bool const mass = known >= 3 && silent * 2 > known;
  if (mass && !mass_silence)
    no_loss_before = std::max(no_loss_before, now + settings.stall_grace_ms);
  mass_silence = mass;
}

void core::state::watch_silence() {
  note_mass_silence();
  next_silence = {};
  nodes.for_each([&](node_index index, node_state& node) {
    auto const heard = std::max(node.last_heard, heard_floor);
    if (node.status == node_status::ready && now - heard >= settings.lease_ms)
      suspect(index, "it is silent");
    auto const lost_at = std::max(node.last_heard + settings.lost_after_ms, no_loss_before);
    if (node.status == node_status::suspect && now >= lost_at) {
      lose_node(index, "node " + node.info.name + " was silent for " +
                           std::to_string(now - node.last_heard) + " ms");
      remove_node_if_done(index, true);
      return;
    }
    if (node.status == node_status::ready)
      take_earlier(next_silence, heard + settings.lease_ms);
    else if (node.status == node_status::suspect)
      take_earlier(next_silence, lost_at);
  });
}

/// A node that could not even prepare an attempt (its disk is full, it has no processes left) would
/// do the same to the next; others get their turn, and it is tried again after a while.
void core::state::rest(node_index index) {
  constexpr std::int64_t rest_ms = 2000;
  nodes[index].rests_until = now + rest_ms;
  take_earlier(next_rest_end, nodes[index].rests_until);
}

void core::state::end_rests() {
  next_rest_end = {};
  nodes.for_each([&](node_index index, node_state& node) {
    if (!node.rests_until)
      return;
    if (now >= node.rests_until) {
      node.rests_until = {};
      gained_room(index);
    } else {
      take_earlier(next_rest_end, node.rests_until);
    }
  });
}

void core::state::expire_unconfirmed() {
  adopt_until = {};
  std::vector<job_id> left;
  for (auto const& [uuid, waiting] : unconfirmed)
    left.insert(left.end(), waiting.begin(), waiting.end());
  std::sort(left.begin(), left.end());
  for (auto const id : left) {
    auto& j = at(id);
    infra_failure f;
    f.error = error_of("infra", "node_lost",
                       "node " + node_name(j) + " did not come back after the scheduler's restart");
    f.duration_ms = now - j.since;
    release_attempt(j);
    lose_attempt(j, std::move(f));
  }
}

}  // namespace nsai::scheduling

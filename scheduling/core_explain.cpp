// What the core knows, for people.
#include <algorithm>
#include <set>

#include "messages/suggest.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/tenant_rules.hpp"
#include "scheduling/wait_reason.hpp"

namespace nsai::scheduling {

live_job core::state::look_up(job const& j) const {
  live_job live;
  live.status = j.status;
  live.attempt = j.attempt;
  live.tenant_id = tenants[j.tenant];
  live.node = node_name(j);
  if (j.unconfirmed)
    live.devices = find_rare(j)->place->devices;
  else if (j.node != none)
    live.devices = nodes[j.node].devices_of({j.id, j.attempt});
  live.wait_reason = wait_reason(j);
  if (!j.composite || gang_of(j) != nullptr)
    live.cost = cost_up_to_now(*this, j);
  return live;
}

std::string core::state::wait_reason(job const& j) const {
  if (j.status == job_status::running && !j.composite && !has_attempt(j))
    return "its attempt is over; waiting for the other members of gang " +
           std::to_string(j.parent.value);
  if (j.status == job_status::queued && (is_member(j) || takes_turns(j)))
    if (auto const& parent = is_member(j) ? at_parent(j) : j; gang_of(parent) != nullptr)
      return wait_reason_of_gang(parent);
  if (j.status == job_status::running)
    return j.unconfirmed ? "waiting for node " + node_name(j) + " to confirm attempt " +
                               std::to_string(j.attempt)
                         : std::string{};
  if (groups.is_parked(j.id))
    return groups.reason(group_of(j));
  if (j.status == job_status::queued && !j.composite)
    if (auto const why = budget_reason(*this, j.tenant); !why.empty())
      return "budget of tenant " + tenants[j.tenant] + ": " + why;
  if (j.status == job_status::queued && !j.composite)
    if (auto const why = quotas.reason(j.tenant, shapes[j.shape].key.demand()); !why.empty())
      return "quota of tenant " + tenants[j.tenant] + ": " + why;
  if (no_other_models.contains({j.tenant, j.shape}))
    return "quota of tenant " + tenants[j.tenant] + ": " +
           quotas.models_reason(j.tenant, shapes[j.shape].key.demand()) +
           "; no GPU of another model has room for it";
  if (j.status == job_status::queued)
    return j.composite ? "waiting for its first child to start" : wait_for_place(j);
  if ((j.holds & hold_parent) != 0)
    return wait_reason(*jobs.find(j.parent));
  if ((j.holds & hold_dependency) != 0)
    return wait_for_dependency(j);
  if ((j.holds & hold_time) != 0)
    return "not before " + to_rfc3339(terms[j.terms].not_before);
  if ((j.holds & hold_limit) != 0)
    return "array limit " + std::to_string(parents.at(j.parent).array->limit) + " reached";
  if ((j.holds & hold_decision) != 0)
    return "waiting for the supervisor of " + tenants[j.tenant] + " to decide about a retry";
  if ((j.holds & hold_backoff) != 0)
    return "backing off until " + to_rfc3339(find_rare(j)->eligible_at);
  return {};
}

std::string core::state::wait_for_place(job const& j) const {
  auto& s = shapes[j.shape];
  if (j.has_room_kept)
    return explain_reservation(reservations.of(j.id));
  for (auto const& r : reservations)
    if (auto const& node = std::as_const(nodes)[r.node]; places.fits(s, node))
      return "the room on node " + node.info.name + " is kept for job " +
             std::to_string(r.job.value) + ", which has the turn" +
             (r.from > now ? " and starts by " + to_rfc3339(r.from) : "");
  return explain_wait(std::as_const(nodes), places, s, stage_names[s.key.stage],
                      [this](auto const& uuid) { return service_of(uuid); });
}

std::string core::state::explain_reservation(reservation const& r) const {
  auto const those = reservations.nodes_of(r.job);
  std::string names;
  for (auto const index : those)
    names += (names.empty()           ? ""
              : index == those.back() ? " and "
                                      : ", ") +
             std::as_const(nodes)[index].info.name;
  auto where =
      std::string{"room on "} + (those.size() > 1 ? "nodes " : "node ") + names + " is kept for it";
  if (r.is_claim)
    return where + ": others were stopped to make it";
  auto const wanted = shapes[jobs.find(r.job)->shape].key.nodes;
  if (those.size() < static_cast<std::size_t>(wanted))
    return where + "; it needs " + std::to_string(wanted) + ", and gets the next";
  return r.from ? where + ", by " + to_rfc3339(r.from) + " at the latest"
                : where + "; what runs there has no timeout and no estimate";
}

std::string core::state::wait_for_dependency(job const& j) const {
  if (auto const* const facts = find_rare(j))
    for (auto const [id, however] : facts->dependencies)
      if (jobs.find(id) != nullptr)
        return "waiting for job " + std::to_string(id.value) + (however ? " to end" : "");
  if (auto const p = parents.find(j.parent); p != parents.end() && p->second.experiment)
    for (auto const before : p->second.steps[j.position].after)
      if (auto const& step = p->second.steps[before]; !step.ended)
        return "waiting for " + (step.name.empty() ? "" : "step " + step.name + ", ") + "job " +
               std::to_string(j.parent.value + 1 + before);
  return "waiting for the jobs it depends on";
}

start_facts core::state::facts(job const& j) const {
  static std::string const no_stage;
  static resources const nothing;
  bool const works = j.shape != none;
  auto const* const key = works ? &shapes[j.shape].key : nullptr;
  start_facts facts{tenants[j.tenant],
                    works ? stage_names[key->stage] : no_stage,
                    works ? key->resources : nothing,
                    terms[j.terms],
                    j.parent,
                    j.array_child,
                    {}};
  if (j.array_child && !is_member(j))
    facts.array_index = index_at(*parents.at(j.parent).array, j.position);
  return facts;
}

std::vector<node_record> core::state::node_records() const {
  std::vector<node_record> list;
  std::as_const(nodes).for_each([&](node_index, node_state const& node) {
    node_record r;
    r.name = node.info.name;
    r.uuid = node.info.uuid;
    r.status = node.status;
    r.address = node.info.address;
    r.cpus = node.info.cpus;
    r.cpus_used.value = node.cpu_used();
    r.memory_mb = node.info.memory_mb;
    r.memory_used_mb = node.memory_used();
    for (auto const& device : node.devices) {
      gpu_use use;
      use.gpu = device.info;
      use.memory_used_mb = device.memory_mb;
      use.share_used.value = device.charge;
      for (auto const& each : device.uses)
        use.jobs.push_back(each.ref.job);
      r.gpus.push_back(std::move(use));
    }
    r.labels = node.info.labels;
    for (auto const& stage : node.info.stages)
      r.stages.push_back(stage.name);
    r.running = static_cast<std::int64_t>(node.attempts() - node.ahead());
    r.last_seen_at = node.last_heard;
    r.version = node.info.version;
    r.plugin_faults = node.info.plugin_faults;
    r.leaves_at = node.leaves_at;
    if (node.draining && node.status == node_status::ready)
      r.status = node_status::draining;
    describe_service(node.info.uuid, r);
    describe_health(node, r);
    list.push_back(std::move(r));
  });
  list_absent(list);
  return list;
}

}  // namespace nsai::scheduling

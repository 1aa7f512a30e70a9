// What the core knows, for people.
#include <algorithm>
#include <set>

#include "messages/suggest.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

constexpr std::size_t most_holders = 20;
constexpr std::size_t most_waited_for = 20;

}  // namespace

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
  live.wait_reason = why_it_waits(j).reason;
  if (!j.composite || gang_of(j) != nullptr)
    live.cost = cost_up_to_now(*this, j);
  return live;
}

/// The group, budget or quota that lets the job have no turn, if one does.
explanation core_queries::why_no_turn(job const& j) const {
  auto const of_tenant = [&](char const* what, std::string const& why) {
    return what + (" of tenant " + tenants[j.tenant]) + ": " + why;
  };
  if (groups.is_parked(j.id))
    return because(wait_rule::group, groups.reason(group_of(j)));
  bool const waits_for_turn = j.status == job_status::queued && takes_turns(j);
  if (waits_for_turn)
    if (auto const why = budget_reason(*this, j.tenant); !why.empty())
      return because(wait_rule::budget, of_tenant("budget", why));
  if (waits_for_turn)
    if (auto const why = quotas.reason(j.tenant, shapes[j.shape].key.demand_of_all()); !why.empty())
      return because(wait_rule::quota, of_tenant("quota", why));
  if (!no_other_models.contains({j.tenant, j.shape}))
    return {};
  auto const& s = shapes[j.shape];
  return because(wait_rule::quota,
                 of_tenant("quota", quotas.models_reason(j.tenant, s.key.demand_of_all())) +
                     (s.is_gang() ? "; GPUs of other models have no room for it"
                                  : "; no GPU of another model has room for it"));
}

/// The first rule that holds the job back, in words; of a job that runs or has ended, none.
explanation core::state::why_it_waits(job const& j) const {
  if (j.status == job_status::running && !j.composite && !has_attempt(j))
    return because(wait_rule::gang, "its attempt is over; waiting for the other members of gang " +
                                        std::to_string(j.parent.value));
  if (j.status == job_status::running)
    return j.unconfirmed ? because(wait_rule::confirmation, "waiting for node " + node_name(j) +
                                                                " to confirm attempt " +
                                                                std::to_string(j.attempt))
                         : explanation{};
  if (j.status == job_status::queued && is_member(j))
    return why_it_waits(at_parent(j));  // which has the turn for all
  if (auto e = why_no_turn(j); e.rule != wait_rule::none)
    return e;
  if (j.status == job_status::queued && gang_of(j) != nullptr)
    return why_gang_waits(j);
  if (j.status == job_status::queued)
    return j.composite ? because(wait_rule::child, "waiting for its first child to start")
                       : wait_for_place(j);
  if ((j.holds & hold_parent) != 0)
    return why_it_waits(*jobs.find(j.parent));
  if ((j.holds & hold_dependency) != 0)
    return because(wait_rule::dependency, wait_for_dependency(j));
  if ((j.holds & hold_time) != 0)
    return because(wait_rule::not_before, "not before " + to_rfc3339(terms[j.terms].not_before));
  if ((j.holds & hold_limit) != 0)
    return because(wait_rule::array_limit,
                   "array limit " + std::to_string(parents.at(j.parent).array->limit) + " reached");
  if ((j.holds & hold_decision) != 0)
    return because(wait_rule::supervisor, "waiting for the supervisor of " + tenants[j.tenant] +
                                              " to decide about a retry");
  if ((j.holds & hold_backoff) != 0)
    return because(wait_rule::backoff,
                   "backing off until " + to_rfc3339(find_rare(j)->eligible_at));
  return {};
}

node_survey core_queries::survey(job const& j) const {
  auto& s = shapes[j.shape];
  return {std::as_const(nodes), places, s, stage_names[s.key.stage],
          [this](auto const& uuid) { return service_of(uuid); }};
}

explanation core::state::wait_for_place(job const& j) const {
  explanation e;
  if (j.has_room_kept) {
    e.rule = wait_rule::room_kept;
    e.reason = explain_reservation(reservations.of(j.id));
    return e;
  }
  for (auto const& r : reservations)
    if (auto const& node = std::as_const(nodes)[r.node]; places.fits(shapes[j.shape], node)) {
      e.rule = wait_rule::reservation;
      e.reason = "the room on node " + node.info.name + " is kept for job " +
                 std::to_string(r.job.value) + ", which has the turn" +
                 (r.from > now ? " and starts by " + to_rfc3339(r.from) : "");
      e.waits_for = {r.job};
      return e;
    }
  auto const there = survey(j);
  e.rule = there.rule();
  e.reason = there.reason();
  if (e.rule == wait_rule::busy)
    wait_for_turn(j, *there.best(), e);
  return e;
}

/// Whether another job has the turn for what would be free on the node, and not just for having
/// come before.
void core::state::wait_for_turn(job const& j, node_state const& node, explanation& e) const {
  shape_set rivals;
  for (auto const& each : shapes.waiting())
    if (places.is_possible(shapes[each.shape], node))
      rivals.add(each.shape);
  for (std::size_t level = 0; level < priority_levels; ++level) {
    auto const turn = next_of(static_cast<priority>(level), rivals);
    if (!turn)
      continue;
    auto const& first = *jobs.find(turn.job);
    if (first.id == j.id || (first.tenant == j.tenant && first.level == j.level))
      return;
    auto const number = "job " + std::to_string(first.id.value);
    bool const is_urgent = first.level < j.level;
    e.rule = is_urgent ? wait_rule::priority : wait_rule::fair_share;
    e.reason += is_urgent ? "; " + number + ", which is " + to_string(first.level) + ", comes first"
                          : "; " + number + " of tenant " + tenants[first.tenant] +
                                " comes first, which has used less of its share than " +
                                tenants[j.tenant];
    e.waits_for = {first.id};
    return;
  }
}

std::string core_queries::explain_reservation(reservation const& r) const {
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

std::vector<job_id> core_queries::unmet_dependencies(job const& j) const {
  std::vector<job_id> list;
  if (auto const* const facts = find_rare(j))
    for (auto const& on : facts->dependencies)
      if (jobs.find(on.job) != nullptr)
        list.push_back(on.job);
  if (auto const p = parents.find(j.parent); p != parents.end() && p->second.experiment)
    for (auto const before : p->second.steps[j.position].after)
      if (!p->second.steps[before].ended)
        list.push_back({j.parent.value + 1 + before});
  return list;
}

std::string core_queries::wait_for_dependency(job const& j) const {
  auto const unmet = unmet_dependencies(j);
  if (unmet.empty())
    return "waiting for the jobs it depends on";
  auto const number = "job " + std::to_string(unmet.front().value);
  auto const& other = *jobs.find(unmet.front());
  if (j.parent && other.parent == j.parent)
    if (auto const& step = parents.at(j.parent).steps[other.position]; !step.name.empty())
      return "waiting for step " + step.name + ", " + number;
  auto const* const facts = find_rare(j);
  bool const however =
      facts != nullptr &&
      std::any_of(facts->dependencies.begin(), facts->dependencies.end(),
                  [&](dependency const& on) { return on.job == unmet.front() && on.however; });
  return "waiting for " + number + (however ? " to end" : "");
}

/// Who has what the job waits for, as far as it is known; those that end first come first.
std::vector<room_holder> core_queries::holders(std::vector<node_state const*> const& nodes_there,
                                               shape const& s) const {
  std::vector<room_holder> list;
  for (auto const* const node : nodes_there)
    for (auto const ref : node->held()) {
      room_holder h{ref.job, node->info.name, {}, ends_by(ref)};
      for (auto const& device : node->devices_of(ref))
        h.gpus.push_back(device.index);
      if (!s.wants_gpu() || !h.gpus.empty() || node->cpu_free() < s.key.resources.cpu.value)
        list.push_back(std::move(h));
    }
  std::sort(list.begin(), list.end(), [](room_holder const& a, room_holder const& b) {
    return std::tuple(!a.until, a.until, a.job) < std::tuple(!b.until, b.until, b.job);
  });
  list.resize(std::min(list.size(), most_holders));
  return list;
}

explanation core::state::explain(job const& j) const {
  auto e = why_it_waits(j);
  e.job = j.id;
  e.status = j.status;
  if (e.rule == wait_rule::dependency)
    e.waits_for = unmet_dependencies((j.holds & hold_parent) != 0 ? *jobs.find(j.parent) : j);
  e.waits_for.resize(std::min(e.waits_for.size(), most_waited_for));
  auto const& has_turn = is_member(j) ? at_parent(j) : j;  // members have it with their gang
  if (has_turn.slot == none)
    return e;
  auto const there = survey(j);
  e.nodes = there.classes();
  auto where = there.busy();
  if (e.rule == wait_rule::room_kept) {
    where.clear();
    for (auto const index : reservations.nodes_of(has_turn.id))
      where.push_back(&std::as_const(nodes)[index]);
  }
  e.holders = holders(where, shapes[j.shape]);
  return e;
}

start_facts core_queries::facts(job const& j) const {
  static std::string const no_stage;
  static resources const nothing;
  static std::string const no_step;
  bool const works = j.shape != none;
  auto const* const parent = j.parent ? &parents.at(j.parent) : nullptr;
  auto const* const key = works ? &shapes[j.shape].key : nullptr;
  start_facts facts{
      tenants[j.tenant],
      works ? stage_names[key->stage] : no_stage,
      works ? key->resources : nothing,
      terms[j.terms],
      j.parent,
      j.array_child,
      {},
      parent != nullptr && parent->experiment ? parent->steps[j.position].name : no_step};
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
      use.gpu = device.info();
      use.state = device.state();
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

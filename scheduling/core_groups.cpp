// Concurrency groups: which of their jobs stand in the ready queues.
#include "messages/suggest.hpp"
#include "scheduling/core_state.hpp"

namespace nsai::scheduling {

group_book::name core_queries::group_of(job const& j) const {
  return {j.tenant, terms[j.terms].concurrency_group};
}

bool core_queries::is_grouped(job const& j) const {
  // A gang has one place for all its members.
  return !terms[j.terms].concurrency_group.empty() && takes_turns(j);
}

/// The limit is the group's, so that jobs cannot contradict each other about it.
std::optional<error_info> core::state::check_group(std::string const& tenant, constraints const& c,
                                                   std::string_view path,
                                                   found_before& before) const {
  if (c.concurrency_group.empty())
    return std::nullopt;
  auto const index = tenants.find(tenant);
  auto& holds = before.groups[{tenant, c.concurrency_group}];
  if (holds == 0 && index != none)
    holds = groups.places({index, c.concurrency_group});
  if (holds == 0)
    holds = c.max_concurrent_in_group;
  if (holds == c.max_concurrent_in_group)
    return std::nullopt;
  auto fault = usage_error(std::string(path) + "max_concurrent_in_group",
                           std::to_string(c.max_concurrent_in_group) +
                               " is not the limit of the live jobs of group " + c.concurrency_group,
                           std::to_string(holds));
  fault.category = "refused";
  fault.code = "group_limit";
  return fault;
}

void core::state::apply(group_book::moves const& changes) {
  for (auto const id : changes.withdrawn)
    stand_back(at(id));  // nothing to do where the same change had offered it
  for (auto const& c : changes.offered) {
    if (groups.is_parked(c.job))
      continue;
    auto& j = at(c.job);
    shapes.add_waiting(j.shape);
    j.slot = queues.insert(c.job, c.where, c.since, c.order);
    stands_in_queue(j);
  }
}

void core::state::join_group(job const& j) {
  if (is_grouped(j))
    groups.join(group_of(j), terms[j.terms].max_concurrent_in_group);
}

void core::state::wait_in_group(job& j, bool at_front) {
  group_book::moves changes;
  groups.wait(group_of(j),
              {j.id, {j.level, j.tenant, j.owner, j.shape, true}, now, queues.take_order(at_front)},
              changes);
  apply(changes);
}

void core::state::leave_group_line(job const& j) {
  group_book::moves changes;
  groups.give_up(j.id, changes);
  apply(changes);
}

void core::state::take_place(job const& j) {
  if (!is_grouped(j))
    return;
  group_book::moves changes;
  groups.start(group_of(j), j.id, changes);
  apply(changes);
}

void core::state::give_place_back(job const& j) {
  if (!is_grouped(j))
    return;
  group_book::moves changes;
  groups.stop(group_of(j), j.id, changes);
  apply(changes);
}

void core::state::check_groups() const {
  std::map<group_book::name, std::set<job_id>> running_in;
  jobs.for_each([&](job const& j) {
    if (!is_grouped(j))
      return;
    auto& those = running_in[group_of(j)];
    if (j.status == job_status::running)
      those.insert(j.id);
  });
  for (auto const& [group, those] : running_in)
    NSAI_ASSERT(groups.holds(group, those));
  groups.check();
}

}  // namespace nsai::scheduling

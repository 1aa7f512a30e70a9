// Submissions: refused, or given a number.
#include <algorithm>

#include "messages/suggest.hpp"
#include "scheduling/core_state.hpp"

namespace nsai::scheduling {
namespace {

ended_job const* find_ended(std::vector<ended_job> const& ended, job_id id) {
  auto const at =
      std::find_if(ended.begin(), ended.end(), [&](auto const& e) { return e.id == id; });
  return at == ended.end() ? nullptr : &*at;
}

}  // namespace

std::optional<error_info> core::state::check_stage(std::string const& stage,
                                                   std::string const& field) const {
  auto const index = stage_names.find(stage);
  if (index != none && index < stages.size() && stages[index].description)
    return std::nullopt;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < stages.size(); ++i)
    if (stages[i].description)
      known.push_back(stage_names[static_cast<stage_index>(i)]);
  // Before anything is known of any node, whatever is asked for may still come.
  if (known.empty())
    return std::nullopt;
  std::sort(known.begin(), known.end());
  auto const meant = nearest(stage, known);
  auto error = usage_error(field, "no stage is called \"" + stage.substr(0, 80) + "\"",
                           meant.empty() ? "one of " + joined(known) : "\"" + meant + "\"");
  error.code = "unknown_stage";
  return error;
}

std::optional<error_info> core::state::check_dependencies(job_submitted const& e,
                                                          constraints const& c,
                                                          std::string const& field) const {
  for (auto const id : c.depends_on) {
    auto const* const live = jobs.find(id);
    // Another tenant's job is as unknown as one that never was.
    bool const known = live != nullptr ? tenants[live->tenant] == e.request->tenant_id
                                       : find_ended(e.ended, id) != nullptr;
    if (!known)
      return usage_error(field, "job " + std::to_string(id.value) + " is not known",
                         "the number of a job of this tenant");
  }
  return std::nullopt;
}

std::optional<error_info> core::state::refuse(job_submitted const& e) const {
  auto const& s = *e.request;
  if (auto fault = check_tenant(s))
    return fault;
  if (s.pipeline.empty())
    if (auto fault = check_stage(s.stage, "stage"))
      return fault;
  if (auto fault = check_dependencies(e, s.constraints, "constraints.depends_on"))
    return fault;
  for (std::size_t i = 0; i < s.pipeline.size(); ++i) {
    auto const path = "pipeline[" + std::to_string(i) + "].";
    if (auto fault = check_stage(s.pipeline[i].stage, path + "stage"))
      return fault;
    if (auto fault =
            check_dependencies(e, s.pipeline[i].constraints, path + "constraints.depends_on"))
      return fault;
  }
  return std::nullopt;
}

void core::state::handle(job_submitted const& e) {
  auto const& s = *e.request;
  answer = {};
  if (!s.key.empty()) {
    auto const known = tenants.find(s.tenant_id);
    auto const live = known == none ? keys.end() : keys.find(std::to_string(known) + "\n" + s.key);
    if (live != keys.end()) {
      answer.id = live->second;
      if (auto const p = parents.find(live->second); p != parents.end()) {
        answer.first_child = {live->second.value + 1};
        answer.children = p->second.children;
      }
      return;
    }
  }
  if (auto fault = refuse(e)) {
    answer.error = std::move(fault);
    return;
  }
  auto& j = create({last_id.value + 1}, s, e.label);
  answer.id = j.id;
  j.terms = terms.intern(s.constraints);
  terms.keep(j.terms);
  add_key(j, s.key);
  j.composite = s.array || !s.pipeline.empty();
  if (s.pipeline.empty())
    give_work(j, s.stage, s.resources, static_cast<bool>(s.constraints.deadline));
  watch_times(j);
  watch_dependencies(j, s.constraints.depends_on, e.ended);
  if (s.array)
    create_array(j, e);
  else if (!s.pipeline.empty())
    create_experiment(j, e);
  else
    announce(j, 0);
  if (auto const p = s.array || !s.pipeline.empty() ? parents.find(answer.id) : parents.end();
      p != parents.end()) {
    answer.first_child = {answer.id.value + 1};
    answer.children = p->second.children;
  }
  for (auto const id : s.constraints.depends_on)
    if (auto const* const over = find_ended(e.ended, id);
        over != nullptr && over->status != job_status::succeeded && jobs.find(answer.id) != nullptr)
      fail_dependent(j, "job " + std::to_string(id.value) +
                            ", on which this one depends, ended as " + to_string(over->status));
}

job& core::state::create(job_id id, submission const& s, label_no label) {
  last_id = std::max(last_id, id);
  auto& j = jobs.add(id);
  j.since = now;
  j.tenant = tenant_of(s.tenant_id);
  j.owner = owners.intern(s.owner);
  j.level = s.priority;
  j.label = label;
  return j;
}

void core::state::give_work(job& j, std::string const& stage, resources const& r, bool timed) {
  shape_key key;
  key.stage = stage_names.intern(stage);
  stages.resize(std::max<std::size_t>(stages.size(), key.stage + 1));
  key.resources = r;
  key.timed = timed;
  // Decisions cost by the number of shapes, so a multitude of different timeouts is told apart less
  // exactly.
  constexpr std::size_t many_shapes = 1000;
  auto const exact = [&](std::int64_t ms) {
    return shapes.live() < many_shapes ? ms : coarse_bound_ms(ms);
  };
  auto const& c = terms[j.terms];
  key.bound_ms = exact(time_bound_ms(c));
  key.expect_ms = exact(expected_ms(c));
  key.preemptible = c.preemptible;
  if (r.gpu_count > 0 && r.gpu_share.value < 1000 && !settings.share_between_tenants)
    key.tenant = j.tenant;
  j.shape = shapes.intern(key);
  keep_shape(j);
}

void core::state::add_key(job& j, std::string const& key) {
  if (key.empty())
    return;
  auto const [at, is_new] = keys.emplace(std::to_string(j.tenant) + "\n" + key, j.id);
  if (is_new)
    rare(j).key = &at->first;
}

void core::state::watch_times(job& j) {
  auto const& c = terms[j.terms];
  if (c.deadline)
    clock.add({c.deadline, j.id, timer_kind::deadline});
  if (c.not_before > now) {
    add_hold(j, hold_time);
    clock.add({c.not_before, j.id, timer_kind::not_before});
  }
}

void core::state::watch_dependencies(job& j, std::vector<job_id> const& on,
                                     std::vector<ended_job> const& over) {
  if (on.empty())
    return;
  auto sorted = on;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (auto const id : sorted) {
    auto* const live = jobs.find(id);
    auto const* const known = find_ended(over, id);
    bool const met = live == nullptr && known != nullptr && known->status == job_status::succeeded;
    if (met)
      continue;
    // One that has failed counts as unmet too: whoever called ends the job for it.
    ++j.unmet;
    if (live != nullptr)
      rare(*live).dependents.push_back(j.id);
  }
  rare(j).dependencies = std::move(sorted);
  if (j.unmet > 0)
    add_hold(j, hold_dependency);
}

/// Tells of a new job, and queues it if nothing holds it.
void core::state::announce(job& j, std::uint64_t children) {
  bool const ready = j.holds == 0;
  if (ready)
    change(j, signal::release);
  emit(job_created{j.id, j.parent, j.position, children, j.status});
  tell(happening::job_submitted, j);
  if (!j.composite)
    places.note(shapes[j.shape]);
  if (!ready)
    return;
  tell(happening::job_queued, j);
  if (!j.composite)
    enqueue(j, false);
}

void core::state::create_array(job& parent, job_submitted const& e) {
  auto const& s = *e.request;
  auto& p = parents[parent.id];
  p.array = s.array;
  p.children = static_cast<std::uint64_t>(count_of(*s.array));
  announce(parent, p.children);
  auto const limit = p.has_limit() ? static_cast<std::uint64_t>(p.array->limit) : p.children;
  out->reserve(out->size() + 3 * p.children);
  for (std::uint64_t i = 0; i < p.children; ++i) {
    auto& child = create({parent.id.value + 1 + i}, s, e.label);
    child.parent = parent.id;
    child.position = static_cast<std::uint32_t>(i);
    child.array_child = true;
    child.terms = parent.terms;
    terms.keep(child.terms);
    child.shape = parent.shape;
    keep_shape(child);
    if (parent.holds != 0)
      add_hold(child, hold_parent);
    if (p.has_limit() && (parent.holds != 0 || i >= limit)) {
      add_hold(child, hold_limit);
    } else if (p.has_limit()) {
      child.within_limit = true;
      ++p.active;
    }
    announce(child, 0);
  }
}

void core::state::create_experiment(job& parent, job_submitted const& e) {
  auto const& s = *e.request;
  auto& p = parents[parent.id];
  p.experiment = true;
  p.children = s.pipeline.size();
  p.steps.resize(s.pipeline.size());
  announce(parent, p.children);
  for (std::uint32_t i = 0; i < p.children; ++i) {
    auto const& step = s.pipeline[i];
    p.steps[i].name = step.name;
    p.steps[i].after = step.after;
    std::sort(p.steps[i].after.begin(), p.steps[i].after.end());
    p.steps[i].after.erase(std::unique(p.steps[i].after.begin(), p.steps[i].after.end()),
                           p.steps[i].after.end());
    for (auto const before : p.steps[i].after)
      p.steps[before].before.push_back(i);
    auto& child =
        create({parent.id.value + 1 + i}, s, i < e.step_labels.size() ? e.step_labels[i] : e.label);
    child.parent = parent.id;
    child.position = i;
    child.terms = terms.intern(step.constraints);
    terms.keep(child.terms);
    bool const timed = s.constraints.deadline || step.constraints.deadline;
    give_work(child, step.stage, step.resources, timed);
    watch_times(child);
    watch_dependencies(child, step.constraints.depends_on, e.ended);
    child.unmet += static_cast<std::uint32_t>(p.steps[i].after.size());
    if (child.unmet > 0)
      add_hold(child, hold_dependency);
    if (parent.holds != 0)
      add_hold(child, hold_parent);
    announce(child, 0);
  }
  for (std::uint32_t i = 0; i < s.pipeline.size(); ++i)
    for (auto const id : s.pipeline[i].constraints.depends_on)
      if (auto const* const over = find_ended(e.ended, id);
          over != nullptr && over->status != job_status::succeeded)
        if (auto* const child = jobs.find({answer.id.value + 1 + i}))
          fail_dependent(*child, "job " + std::to_string(id.value) +
                                     ", on which this one depends, ended as " +
                                     to_string(over->status));
}

}  // namespace nsai::scheduling

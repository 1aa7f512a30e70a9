// Submissions: refused, or given a number.
#include <algorithm>

#include "messages/batch.hpp"
#include "messages/suggest.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/prefetch.hpp"

namespace nsai::scheduling {
namespace {

std::string step_path(std::size_t i) {
  return "pipeline[" + std::to_string(i) + "].";
}

}  // namespace

std::optional<error_info> core_queries::check_stage(std::string const& stage,
                                                    std::string_view field) const {
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
  auto error = usage_error(std::string(field), "no stage is called \"" + stage.substr(0, 80) + "\"",
                           meant.empty() ? "one of " + joined(known) : "\"" + meant + "\"");
  error.code = "unknown_stage";
  return error;
}

std::optional<error_info> core::state::refuse(job_submitted const& e, found_before& before) const {
  auto const& s = *e.request;
  auto* const jobs_before = before.is_batch ? &before.jobs[s.tenant_id] : nullptr;
  if (auto fault = check_tenant(s, jobs_before != nullptr ? *jobs_before : 0))
    return fault;
  if (jobs_before != nullptr)
    *jobs_before += jobs_of(s);
  if (auto fault = check_nodes(s))
    return fault;
  if (s.pipeline.empty())
    if (auto fault = check_stage(s.stage, "stage"))
      return fault;
  if (auto fault = check_group(s.tenant_id, s.constraints, "constraints.", before))
    return fault;
  if (auto fault = check_dependencies(e, s.constraints, "constraints."))
    return fault;
  for (std::size_t i = 0; i < s.pipeline.size(); ++i) {
    auto const path = step_path(i);
    if (auto fault = check_stage(s.pipeline[i].stage, path + "stage"))
      return fault;
    auto const& c = s.pipeline[i].constraints;
    if (auto fault = check_dependencies(e, c, path + "constraints."))
      return fault;
    if (auto fault = check_group(s.tenant_id, c, path + "constraints.", before))
      return fault;
    if (auto fault = check_reuse(e, s.pipeline[i], path))
      return fault;
  }
  // Last: who has made a mistake need not wait before it is told.
  return check_means(s, before);
}

/// The live job that holds the submission's key, or its word as the only one.
std::optional<submit_result> core_queries::live_answer(submission const& s) const {
  auto const known = s.key.empty() && s.unique.empty() ? none : tenants.find(s.tenant_id);
  if (known == none)
    return std::nullopt;
  auto const holder = [&](auto const& all, std::string const& word) {
    auto const at = word.empty() ? all.end() : all.find(std::to_string(known) + "\n" + word);
    return at == all.end() ? job_id{} : at->second;
  };
  if (auto const id = holder(keys, s.key))
    return numbers_of(id);
  auto const id = holder(uniques, s.unique);
  if (!id)
    return std::nullopt;
  auto live = numbers_of(id);
  live.existing = true;
  return live;
}

submit_result core_queries::numbers_of(job_id id) const {
  submit_result numbers;
  numbers.id = id;
  if (auto const p = parents.find(id); p != parents.end()) {
    numbers.first_child = {id.value + 1};
    numbers.children = p->second.children;
  }
  return numbers;
}

void core::state::handle(job_submitted const& e) {
  prefetch_lines(e.request, sizeof(submission));
  answer = {};
  request = 0;
  if (auto const live = live_answer(*e.request)) {
    answer = *live;
    return;
  }
  found_before nothing;
  if (auto fault = refuse(e, nothing)) {
    answer.error = std::move(fault);
    return;
  }
  answer = accept(e, dependencies_in(e.request->constraints));
  fail_for_ended(e, answer);
}

void core::state::handle(batch_submitted const& e) {
  answers.assign(e.jobs.size(), {});
  if (refuse_batch(e))
    return;
  for (request = 0; request < e.jobs.size(); ++request) {
    auto const& each = e.jobs[request];
    if (auto const live = live_answer(*each.request)) {
      answers[request] = *live;
      continue;
    }
    auto on = dependencies_in(each.request->constraints);
    for (auto const position : each.after)
      on.push_back({answers[position].id, false});
    for (auto const position : each.after_any)
      on.push_back({answers[position].id, true});
    answers[request] = accept(each, std::move(on));
  }
  request = 0;
  // Only now has every job been made that is to hear of it.
  for (std::size_t i = 0; i < e.jobs.size(); ++i)
    fail_for_ended(e.jobs[i], answers[i]);
}

bool core::state::refuse_batch(batch_submitted const& e) {
  found_before before;
  before.is_batch = true;
  std::size_t first = e.jobs.size();
  for (std::size_t i = 0; i < e.jobs.size(); ++i) {
    if (i + 1 < e.jobs.size())
      prefetch_lines(e.jobs[i + 1].request, sizeof(submission));
    answers[i].error = refuse(e.jobs[i], before);
    if (answers[i].error && first == e.jobs.size())
      first = i;
  }
  if (first == e.jobs.size())
    return false;
  for (auto& each : answers)
    if (!each.error)
      each.error = batch_refusal(first, *answers[first].error);
  return true;
}

submit_result core::state::accept(job_submitted const& e, std::vector<dependency> on) {
  auto const& s = *e.request;
  auto& j = create({last_id.value + 1}, s, e.label);
  auto const id = j.id;
  submit_rates[j.tenant].take(jobs_of(s), now);
  j.terms = terms.intern(s.constraints);
  terms.keep(j.terms);
  add_key(j, s.key);
  add_unique(j, s.unique);
  j.composite = s.array || s.nodes > 1 || !s.pipeline.empty();
  if (s.pipeline.empty())
    give_work(j, s.stage, s.resources, static_cast<bool>(s.constraints.deadline), s.nodes);
  watch_times(j);
  watch_dependencies(j, std::move(on), e.ended);
  if (s.array)
    create_array(j, e);
  else if (s.nodes > 1)
    create_gang(j, e);
  else if (!s.pipeline.empty())
    create_experiment(j, e);
  else
    announce(j, 0);
  return numbers_of(id);
}

/// Ends what depends on jobs that had failed before.
void core::state::fail_for_ended(job_submitted const& e, submit_result const& made) {
  if (e.ended.empty())
    return;
  for (std::uint32_t i = 0; i < e.request->pipeline.size(); ++i)
    fail_for_ended({made.id.value + 1 + i}, e.ended);
  fail_for_ended(made.id, e.ended);
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

void core::state::give_work(job& j, std::string const& stage, resources const& r, bool timed,
                            std::int32_t nodes) {
  shape_key key;
  key.nodes = nodes;
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

void core::state::add_unique(job& j, std::string const& word) {
  if (word.empty())
    return;
  auto const [at, is_new] = uniques.emplace(std::to_string(j.tenant) + "\n" + word, j.id);
  if (is_new)
    rare(j).unique = &at->first;
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

/// Tells of a new job, and queues it if nothing holds it.
void core::state::announce(job& j, std::uint64_t children) {
  bool const ready = j.holds == 0;
  if (ready)
    change(j, signal::release);
  emit(job_created{j.id, j.parent, j.position, children, j.status, request});
  tell(happening::job_submitted, j);
  if (!j.composite)
    places.note(shapes[j.shape]);
  if (!ready)
    return;
  tell(happening::job_queued, j);
  if (takes_turns(j))
    enqueue(j, false);
}

/// A child that has all but its position from its parent.
job& core::state::create_alike(job const& parent, job_submitted const& e, std::uint32_t position) {
  auto& child = create({parent.id.value + 1 + position}, *e.request, e.label);
  child.parent = parent.id;
  child.position = position;
  child.array_child = true;
  child.terms = parent.terms;
  terms.keep(child.terms);
  child.shape = parent.shape;
  keep_shape(child);
  if (parent.holds != 0)
    add_hold(child, hold_parent);
  return child;
}

void core::state::create_array(job& parent, job_submitted const& e) {
  auto& p = parents[parent.id];
  p.array = e.request->array;
  p.children = static_cast<std::uint64_t>(count_of(*p.array));
  announce(parent, p.children);
  auto const limit = p.has_limit() ? static_cast<std::uint64_t>(p.array->limit) : p.children;
  out->reserve(out->size() + 3 * p.children);
  for (std::uint64_t i = 0; i < p.children; ++i) {
    auto& child = create_alike(parent, e, static_cast<std::uint32_t>(i));
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
  auto const made = parent.id;
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
    child.level = step.priority.value_or(s.priority);
    child.terms = terms.intern(step.constraints);
    terms.keep(child.terms);
    bool const timed = s.constraints.deadline || step.constraints.deadline;
    give_work(child, step.stage, step.resources, timed);
    watch_times(child);
    watch_dependencies(child, dependencies_in(step.constraints), e.ended);
    child.unmet += static_cast<std::uint32_t>(p.steps[i].after.size());
    if (child.unmet > 0)
      add_hold(child, hold_dependency);
    if (parent.holds != 0)
      add_hold(child, hold_parent);
    if (step.reuse) {
      p.steps[i].reused = step.reuse;
      add_hold(child, hold_dependency);  // never queued
    }
    announce(child, 0);
  }
  // Only now has every step been made that is to hear of it.
  for (std::uint32_t i = 0; i < s.pipeline.size(); ++i)
    if (s.pipeline[i].reuse)
      end(at({made.value + 1 + i}), job_status::succeeded, std::nullopt);
}

}  // namespace nsai::scheduling

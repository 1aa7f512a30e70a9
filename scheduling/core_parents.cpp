// Arrays and experiments: parents that run nowhere.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"

namespace nsai::scheduling {
namespace {

std::string called(step_facts const& step, std::uint32_t position) {
  return step.name.empty() ? "step " + std::to_string(position) : "step " + step.name;
}

std::string summary(parent_facts const& p) {
  return "{\"children\":" + std::to_string(p.children) +
         ",\"succeeded\":" + std::to_string(p.ended[0]) +
         ",\"failed\":" + std::to_string(p.ended[1]) +
         ",\"canceled\":" + std::to_string(p.ended[2]) +
         ",\"timeout\":" + std::to_string(p.ended[3]) + "}";
}

}  // namespace

/// The parent itself is held by nothing any more.
void core::state::release_children(job& parent) {
  auto& p = parents.at(parent.id);
  for (std::uint64_t i = 0; i < p.children; ++i)
    if (auto* const child = jobs.find({parent.id.value + 1 + i}))
      drop_hold(*child, hold_parent);
  fill_limit(parent.id, p);
}

void core::state::fill_limit(job_id id, parent_facts& p) {
  if (!p.has_limit())
    return;
  auto const limit = static_cast<std::uint64_t>(p.array->limit);
  for (; p.active < limit && p.next < p.children; ++p.next) {
    auto* const child = jobs.find({id.value + 1 + p.next});
    if (child == nullptr || (child->holds & hold_limit) == 0)
      continue;
    child->within_limit = true;
    ++p.active;
    drop_hold(*child, hold_limit);
  }
}

void core::state::child_ended(departed const& e) {
  auto& parent = at(e.parent);
  auto& p = parents.at(e.parent);
  ++p.ended[static_cast<std::size_t>(e.status) - static_cast<std::size_t>(job_status::succeeded)];
  p.active -= e.within_limit ? 1 : 0;
  if (p.experiment) {
    auto& step = p.steps[e.position];
    step.ended = e.status;
    for (auto const position : step.before) {
      auto* const next = jobs.find({e.parent.value + 1 + position});
      if (next == nullptr)
        continue;
      if (e.status != job_status::succeeded)
        fail_dependent(*next, called(step, e.position) + " (job " + std::to_string(e.id.value) +
                                  "), on which this one depends, ended as " + to_string(e.status));
      else if (--next->unmet == 0)
        drop_hold(*next, hold_dependency);
    }
  }
  if (!parent.canceled && !parent.expired && parent.holds == 0)
    fill_limit(e.parent, p);
  if (p.ended_count() == p.children)
    finish_parent(parent, p);
}

/// Keeps the first failure for the parent's own error; the ones that follow are its consequences,
/// mostly.
void core::state::note_failure(parent_facts& p, job const& child, job_status status,
                               std::optional<error_info> const& error) {
  if (p.error)
    return;
  auto const number = "job " + std::to_string(child.id.value);
  auto const how = to_string(status) + (error ? ": " + error->message : "");
  if (p.experiment) {
    p.error = error_of(
        error ? error->category : "stage", "step_failed",
        called(p.steps[child.position], child.position) + " (" + number + ") ended as " + how);
    p.error->exit_status = error ? error->exit_status : std::nullopt;
  } else {
    p.error = error_of(error ? error->category : "stage", "children_failed", number + " " + how);
  }
}

void core::state::finish_parent(job& parent, parent_facts& p) {
  auto status = job_status::succeeded;
  bool const all_the_same = p.gang && p.ended[0] == p.children;  // as with a single job
  if ((parent.canceled || p.skipped) && !all_the_same)
    status = job_status::canceled;
  else if (p.ended[0] != p.children)
    status =
        parent.expired || (p.gang && p.ended[3] > 0) ? job_status::timeout : job_status::failed;
  std::optional<error_info> error;
  if (status == job_status::failed || status == job_status::timeout || p.skipped)
    error = p.error;
  if (error && error->code == "children_failed")
    error->message = std::to_string(p.children - p.ended[0]) + " of " + std::to_string(p.children) +
                     " children did not succeed; the first: " + error->message;
  end(parent, status, std::move(error));
}

void core::state::describe_end(job const& parent, parent_facts const& p, job_ended& e) const {
  if (p.gang) {
    if (e.status == job_status::succeeded)
      e.result_of = {parent.id.value + 1};
    return;
  }
  if (!p.experiment) {
    e.summary = summary(p);
    return;
  }
  if (e.status != job_status::succeeded)
    return;
  for (std::uint32_t i = 0; i < p.steps.size(); ++i)
    if (p.steps[i].before.empty())
      e.context_from.push_back({parent.id.value + 1 + i});
}

}  // namespace nsai::scheduling

// What jobs wait for, and what becomes of them when it does not succeed.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"

namespace nsai::scheduling {
namespace {

std::string ended_in_words(job_id id, job_status status) {
  return "job " + std::to_string(id.value) + ", on which this one depends, ended as " +
         to_string(status);
}

bool is_own(ended_job const* over, submission const& s) {
  return over != nullptr && over->tenant_id == s.tenant_id;
}

}  // namespace

std::vector<dependency> dependencies_in(constraints const& c) {
  std::vector<dependency> all;
  all.reserve(dependencies_of(c));
  for (auto const id : c.depends_on)
    all.push_back({id, false});
  for (auto const id : c.after_any)
    all.push_back({id, true});
  return all;
}

ended_job const* find_ended(std::vector<ended_job> const& ended, job_id id) {
  auto const at =
      std::find_if(ended.begin(), ended.end(), [&](auto const& e) { return e.id == id; });
  return at == ended.end() ? nullptr : &*at;
}

std::optional<error_info> core::state::check_dependencies(job_submitted const& e,
                                                          constraints const& c,
                                                          std::string_view path) const {
  for (auto const [id, however] : dependencies_in(c)) {
    auto const* const live = jobs.find(id);
    // Another tenant's job is as unknown as one that never was.
    bool const known = live != nullptr ? tenants[live->tenant] == e.request->tenant_id
                                       : is_own(find_ended(e.ended, id), *e.request);
    if (!known)
      return usage_error(std::string(path) + (however ? "after_any" : "depends_on"),
                         "job " + std::to_string(id.value) + " is not known",
                         "the number of a job of this tenant");
  }
  return std::nullopt;
}

std::optional<error_info> check_reuse(job_submitted const& e, step_spec const& step,
                                      std::string const& path) {
  if (!step.reuse)
    return std::nullopt;
  auto const number = "job " + std::to_string(step.reuse.value);
  auto const* const over = find_ended(e.ended, step.reuse);
  if (!is_own(over, *e.request))
    return usage_error(path + "reuse", number + " is not known or has not ended",
                       "the number of a job of this tenant that has succeeded");
  if (over->status != job_status::succeeded)
    return usage_error(path + "reuse", number + " ended as " + to_string(over->status),
                       "the number of a job that has succeeded");
  return std::nullopt;
}

void core::state::watch_dependencies(job& j, std::vector<dependency> on,
                                     std::vector<ended_job> const& over) {
  if (on.empty())
    return;
  std::sort(on.begin(), on.end());
  on.erase(std::unique(on.begin(), on.end(),
                       [](auto const& a, auto const& b) { return a.job == b.job; }),
           on.end());
  for (auto const [id, however] : on) {
    auto* const live = jobs.find(id);
    auto const* const known = find_ended(over, id);
    bool const met =
        live == nullptr && known != nullptr && (however || known->status == job_status::succeeded);
    if (met)
      continue;
    // One that has failed counts as unmet too: whoever called ends the job for it.
    ++j.unmet;
    if (live != nullptr)
      rare(*live).dependents.push_back({j.id, however});
  }
  rare(j).dependencies = std::move(on);
  if (j.unmet > 0)
    add_hold(j, hold_dependency);
}

/// Ends the job if one of its dependencies had failed before it came.
void core::state::fail_for_ended(job_id id, std::vector<ended_job> const& ended) {
  auto* const j = jobs.find(id);
  if (j == nullptr || j->unmet == 0 || !j->rare)
    return;
  for (auto const [other, however] : rares.at(id).dependencies) {
    auto const* const over = however ? nullptr : find_ended(ended, other);
    if (over == nullptr || over->status == job_status::succeeded || jobs.find(other) != nullptr)
      continue;
    fail_dependent(*j, ended_in_words(other, over->status));
    return;
  }
}

void core::state::tell_dependents(departed const& over) {
  for (auto const [id, however] : over.dependents) {
    auto* const j = jobs.find(id);
    if (j == nullptr)
      continue;
    if (over.status != job_status::succeeded && !however)
      fail_dependent(*j, ended_in_words(over.id, over.status));
    else if (--j->unmet == 0)
      drop_hold(*j, hold_dependency);
  }
}

/// As the job's own rule has it. Its dependents go by theirs.
void core::state::fail_dependent(job& j, std::string const& why) {
  bool const skip = terms[j.terms].on_failed_dependency == dependency_rule::skip;
  auto const error = error_of("dependency", skip ? "skipped" : "dependency_failed", why);
  auto const status = skip ? job_status::canceled : job_status::failed;
  if (!j.composite) {
    end(j, status, error);
    return;
  }
  auto& p = parents.at(j.id);
  if (!p.error)
    p.error = error;
  p.skipped = skip;
  for (std::uint64_t i = 0; i < p.children; ++i)
    if (auto* const child = jobs.find({j.id.value + 1 + i}))
      end(*child, status, error);
}

}  // namespace nsai::scheduling

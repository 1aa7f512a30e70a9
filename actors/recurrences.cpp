// What recurs: made, listed, ended, and submitted when it is due.
#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"

namespace nsai::actors {
namespace {

scheduling::recurrence_book::name key_of(recurrence const& r) {
  return {r.tenant_id, r.name};
}

/// What means one job, once, does not recur.
std::optional<error_info> refuse_single(submission const& s) {
  auto const fault = [](std::string const& field, char const* came) {
    return usage_error(field, std::string{came} + " is of one job, which does not recur",
                       "nothing");
  };
  if (!s.key.empty())
    return fault("key", "an idempotency key");
  if (!s.after.empty() || !s.after_any.empty())
    return fault("after", "a name in a batch");
  auto const check = [&](constraints const& c, std::string const& path) {
    if (!c.depends_on.empty() || !c.after_any.empty())
      return std::optional{
          fault(path + (c.depends_on.empty() ? "after_any" : "depends_on"), "a dependency")};
    if (c.deadline || c.not_before)
      return std::optional{
          fault(path + (c.deadline ? "deadline" : "not_before"), "a point in time")};
    return std::optional<error_info>{};
  };
  if (auto found = check(s.constraints, "constraints."))
    return found;
  for (std::size_t i = 0; i < s.pipeline.size(); ++i)
    if (s.pipeline[i].reuse)
      return fault("pipeline[" + std::to_string(i) + "].reuse", "a job to take over");
  for (std::size_t i = 0; i < s.pipeline.size(); ++i)
    if (auto found =
            check(s.pipeline[i].constraints, "pipeline[" + std::to_string(i) + "].constraints."))
      return found;
  return std::nullopt;
}

}  // namespace

std::optional<error_info> scheduler_state::refuse(add_recurrence& request) const {
  if (!is_name(request.name))
    return usage_error("name", "\"" + request.name.substr(0, 80) + "\" is not allowed",
                       "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit");
  auto times = scheduling::cron_times::parse(request.cron);
  if (auto* const fault = std::get_if<error_info>(&times))
    return std::move(*fault);
  request.request.name = request.name;
  if (auto fault = check(request.request))
    return fault;
  return refuse_single(request.request);
}

caf::result<recurrence_list> scheduler_state::recur(add_recurrence& request) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    promise.deliver(recurrence_list{{}, store_refusal()});
    return promise;
  }
  auto fault = refuse(request);
  recurrence r;
  r.tenant_id = request.request.tenant_id;
  r.name = request.name;
  r.cron = request.cron;
  r.request = std::move(request.request);
  if (auto const found = recurrences_.find(key_of(r)); !fault && found != recurrences_.end()) {
    if (found->second.cron == r.cron && found->second.request == r.request)
      r = found->second;
    else
      fault = error_of("refused", "name_in_use",
                       "name: \"" + r.name + "\" is that of something else that recurs (" +
                           found->second.cron + "); cancel it first, or choose another name");
  } else if (!fault) {
    r.created_at = now();
    apply(scheduling::recurrence_set{
        r.tenant_id, r.name,
        std::get<scheduling::cron_times>(scheduling::cron_times::parse(r.cron))});
    r.next_at = core_.next_recurrence(r.tenant_id, r.name);
    recurrences_[key_of(r)] = r;
    pipeline_.changes().emplace_back(store::put_recurrence{std::make_shared<recurrence>(r)});
  }
  if (fault)
    pipeline_.mail().recurrences.push_back({promise, {{}, std::move(fault)}});
  else
    pipeline_.mail().recurrences.push_back({promise, {{std::move(r)}, {}}});
  settle();
  return promise;
}

caf::result<answer> scheduler_state::cancel(cancel_recurrences const& request) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    promise.deliver(answer{store_refusal()});
    return promise;
  }
  answer reply;
  for (auto const& name : request.names)
    if (!reply.error && !recurrences_.contains({request.tenant_id, name}))
      reply.error = error_of("not_found", "unknown_recurrence",
                             "nothing that recurs is called \"" + name.substr(0, 80) + "\"");
  if (!reply.error)
    for (auto const& name : request.names) {
      apply(scheduling::recurrence_canceled{request.tenant_id, name});
      recurrences_.erase({request.tenant_id, name});
      pipeline_.changes().emplace_back(store::remove_recurrence{request.tenant_id, name});
    }
  pipeline_.mail().answers.push_back({promise, std::move(reply)});
  settle();
  return promise;
}

caf::result<recurrence_list> scheduler_state::list(list_recurrences const& request) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    promise.deliver(recurrence_list{{}, store_refusal()});
    return promise;
  }
  recurrence_list reply;
  for (auto const& [key, r] : recurrences_)
    if (request.tenant_id.empty() || request.tenant_id == r.tenant_id)
      reply.list.push_back(r);
  // Behind what is not durable yet, so that nobody is told of it before.
  pipeline_.mail().recurrences.push_back({promise, std::move(reply)});
  settle();
  return promise;
}

void scheduler_state::restore(recurrence&& r) {
  auto times = scheduling::cron_times::parse(r.cron);
  if (auto* const fault = std::get_if<error_info>(&times)) {
    spdlog::error("what recurs as {} of {} is left alone: {}", r.name, r.tenant_id, fault->message);
    return;
  }
  scheduling::recurrence_set const event{r.tenant_id, r.name,
                                         std::get<scheduling::cron_times>(times), r.next_at};
  recurrences_[key_of(r)] = std::move(r);
  apply(event);
}

void scheduler_state::perform(scheduling::recurrence_due& e) {
  due_.push_back(std::move(e));
}

/// In the batch in which the time was told, so that one commit has both: the job, and that it was
/// made.
void scheduler_state::submit_due() {
  while (!due_.empty()) {
    auto const due = std::move(due_.front());
    due_.erase(due_.begin());
    auto const found = recurrences_.find({due.tenant_id, due.name});
    if (found == recurrences_.end())
      continue;
    auto& r = found->second;
    auto request = r.request;
    auto made = admit_one(request, {});
    if (made.error)
      spdlog::warn("what recurs as {} of {} was refused: {}", r.name, r.tenant_id,
                   made.error->message);
    r.last_at = now();
    r.next_at = due.next_at;
    r.last_job = made.id;
    r.last_error = std::move(made.error);
    pipeline_.changes().emplace_back(store::put_recurrence{std::make_shared<recurrence>(r)});
  }
}

}  // namespace nsai::actors

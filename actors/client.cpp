#include "actors/client.hpp"

#include <caf/all.hpp>

#include "actors/client_actor.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {

using std::chrono::milliseconds;

client::client(caf::actor_system& system, client_options options)
    : system_(system), options_(std::move(options)), self_(system) {}

client::~client() {
  if (actor_)
    self_->send_exit(actor_, caf::exit_reason::user_shutdown);
}

std::optional<error_info> client::connect() {
  auto found =
      connect_to_scheduler(system_, options_.scheduler, options_.secret, options_.connect_limit);
  if (auto* error = std::get_if<error_info>(&found))
    return *error;
  // The first search finds what has been dialled here, without another thread.
  auto const first = std::make_shared<caf::actor>(std::get<caf::actor>(found));
  start([search = search(), first](caf::actor seeker) {
    if (auto const dialled = std::exchange(*first, {}))
      caf::anon_send(seeker, scheduler_found{dialled});
    else
      search(std::move(seeker));
  });
  return std::nullopt;
}

find_scheduler client::search() const {
  return find_remotely(system_, options_.scheduler, options_.secret);
}

void client::start(find_scheduler find) {
  if (actor_)
    self_->send_exit(actor_, caf::exit_reason::user_shutdown);
  actor_ = system_.spawn(client_actor,
                         client_settings{std::move(find), options_.tenant, options_.call_limit,
                                         options_.reconnect_limit, options_.pause_limit});
}

caf::actor const& client::actor() {
  if (!actor_)
    start(search());
  return actor_;
}

template <class Reply, class... Messages>
result_or_error<Reply> client::call(Messages const&... messages) {
  result_or_error<Reply> result;
  self_->request(actor(), caf::infinite, messages...)
      .receive([&](Reply& reply) { result = std::move(reply); },
               [&](caf::error const& e) { result = client_error(system_, e); });
  return result;
}

result_or_error<submit_reply> client::submit(std::vector<submission> jobs) {
  return call<submit_reply>(submit_jobs{std::move(jobs), false});
}

result_or_error<submit_reply> client::submit_batch(std::vector<submission> jobs) {
  return call<submit_reply>(submit_jobs{std::move(jobs), false, true});
}

result_or_error<recurrence> client::recur(add_recurrence const& wish) {
  auto result = call<recurrence_list>(wish);
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  auto& reply = std::get<recurrence_list>(result);
  if (reply.error)
    return *reply.error;
  return std::move(reply.list.at(0));
}

result_or_error<std::vector<recurrence>> client::recurrences(bool all_tenants) {
  auto result = call<recurrence_list>(list_recurrences{all_tenants ? "" : options_.tenant});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  auto& reply = std::get<recurrence_list>(result);
  if (reply.error)
    return *reply.error;
  return std::move(reply.list);
}

std::optional<error_info> client::cancel_recurring(std::vector<std::string> names) {
  return want_answer(cancel_recurrences{options_.tenant, std::move(names)});
}

result_or_error<submit_reply> client::retry(std::vector<job_id> const& jobs) {
  return call<submit_reply>(retry_jobs{options_.tenant, jobs, {}});
}

template <class Message>
std::optional<error_info> client::want_answer(Message const& message) {
  auto result = call<answer>(message);
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  return std::get<answer>(result).error;
}

std::optional<error_info> client::cancel(std::vector<job_id> const& jobs) {
  return want_answer(cancel_jobs{options_.tenant, jobs});
}

std::optional<error_info> client::drain(drain_nodes const& order) {
  return want_answer(order);
}

std::optional<error_info> client::resume(std::vector<std::string> nodes) {
  return want_answer(resume_nodes{std::move(nodes)});
}

result_or_error<std::vector<job_record>> client::await(std::vector<job_id> const& jobs,
                                                       milliseconds limit,
                                                       std::function<void()> const& tick,
                                                       milliseconds interval) {
  // The answer to a plain message is a plain message, beside which other calls can be made.
  self_->send(actor(), await_jobs{jobs, limit});
  std::optional<error_info> fault;
  bool waiting = true;
  while (waiting) {
    bool idle = false;
    self_->receive([&](jobs_ended const&) { waiting = false; },
                   [&](caf::error const& e) {
                     fault = client_error(system_, e);
                     waiting = false;
                   },
                   caf::after(interval) >> [&] { idle = true; });
    if (idle && tick)
      tick();
  }
  if (fault)
    return *fault;
  return get(jobs);
}

result_or_error<std::vector<job_record>> client::get(std::vector<job_id> const& jobs) {
  // Records may be large; a few at a time keep every message small.
  constexpr std::size_t at_once = 200;
  std::vector<job_record> all;
  for (std::size_t from = 0; from < jobs.size(); from += at_once) {
    auto const to = std::min(from + at_once, jobs.size());
    std::vector<job_id> const some(jobs.begin() + static_cast<std::ptrdiff_t>(from),
                                   jobs.begin() + static_cast<std::ptrdiff_t>(to));
    auto result = call<job_list>(get_jobs{options_.tenant, some});
    if (auto* error = std::get_if<error_info>(&result))
      return *error;
    auto& list = std::get<job_list>(result);
    if (list.error)
      return *list.error;
    std::move(list.jobs.begin(), list.jobs.end(), std::back_inserter(all));
  }
  return all;
}

result_or_error<std::vector<job_record>> client::list(list_jobs const& filter) {
  auto result = call<job_list>(filter);
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  auto& list = std::get<job_list>(result);
  if (list.error)
    return *list.error;
  return std::move(list.jobs);
}

result_or_error<explanation> client::explain(job_id job) {
  auto result = call<explained>(explain_job{options_.tenant, job});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  auto& reply = std::get<explained>(result);
  if (reply.error)
    return *reply.error;
  return std::move(reply.why);
}

result_or_error<log_chunk> client::log(job_id job, attempt_no attempt, std::int64_t offset) {
  auto result = call<log_chunk>(read_log{options_.tenant, job, attempt, offset});
  if (auto* chunk = std::get_if<log_chunk>(&result))
    if (chunk->error)
      return *chunk->error;
  return result;
}

result_or_error<std::vector<node_record>> client::nodes() {
  auto result = call<node_list>(list_nodes{});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  return std::move(std::get<node_list>(result).nodes);
}

result_or_error<std::vector<tenant_record>> client::tenants() {
  auto result = call<tenant_list>(list_tenants{});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  return std::move(std::get<tenant_list>(result).tenants);
}

result_or_error<std::vector<stage_description>> client::stages(std::string const& name) {
  auto result = call<stage_list>(list_stages{name});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  auto& list = std::get<stage_list>(result);
  if (list.error)
    return *list.error;
  return std::move(list.stages);
}

result_or_error<stats> client::statistics() {
  return call<stats>(get_stats{});
}

std::optional<error_info> client::watch(watch_events const& wish,
                                        std::function<bool(event const&)> const& each,
                                        std::function<void(std::uint64_t)> const& missed) {
  auto const me = caf::actor_cast<caf::actor>(caf::strong_actor_ptr{self_.ptr()->ctrl()});
  auto result = call<events>(wish, me);
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  if (auto const& refusal = std::get<events>(result).error)
    return *refusal;
  bool going = true;
  std::optional<error_info> fault;
  auto const show = [&](events const& m) {
    if (m.dropped > 0 && missed)
      missed(m.dropped);
    for (auto const& e : m.list)
      going = going && each(e);
    if (!m.list.empty() && wish.follow)
      self_->send(actor(), events_read{m.list.back().sequence});
    fault = m.error;
  };
  show(std::get<events>(result));
  for (auto rest = wish; going && !wish.follow && std::get<events>(result).more;) {
    rest.after = std::get<events>(result).position;
    result = call<events>(rest, me);
    if (auto* error = std::get_if<error_info>(&result))
      return *error;
    show(std::get<events>(result));
  }
  while (going && wish.follow && !fault)
    self_->receive(
        show, [&](events_lost const& m) { fault = m.why; },
        // So that `each` can say that nobody wants more, also while nothing happens.
        caf::after(milliseconds{500}) >> [&] { going = each(event{}); });
  return fault;
}

}  // namespace nsai::actors

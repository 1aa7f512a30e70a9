#include "actors/client.hpp"

#include <set>
#include <thread>

#include <caf/all.hpp>

#include "actors/secret.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

using std::chrono::milliseconds;

/// One exchange may wait this long for an answer before the connection is doubted.
constexpr milliseconds one_exchange{10'000};

error_info silent(endpoint const& where) {
  return error_of("unavailable", "no_answer",
                  "the scheduler at " + to_string(where) + " did not answer in time");
}

template <class Until>
milliseconds left(Until until) {
  auto const rest =
      std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
  return std::max(rest, milliseconds{1});
}

}  // namespace

client::client(caf::actor_system& system, client_options options)
    : system_(system), options_(std::move(options)), self_(system) {}

std::optional<error_info> client::connect() {
  auto found =
      connect_to_scheduler(system_, options_.scheduler, options_.secret, options_.connect_limit);
  if (auto* error = std::get_if<error_info>(&found))
    return *error;
  scheduler_ = std::get<caf::actor>(found);
  self_->monitor(scheduler_);
  return std::nullopt;
}

std::optional<error_info> client::reconnect(clock::time_point until) {
  scheduler_ = {};
  milliseconds pause{50};
  while (true) {
    auto const error = connect();
    if (!error || error->category == "refused" || clock::now() + pause >= until)
      return error;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds{1000});
  }
}

template <class Reply, class... Messages>
result_or_error<Reply> client::call(Messages const&... messages) {
  auto const until = clock::now() + options_.call_limit;
  if (!scheduler_)
    if (auto error = connect())
      return *error;
  while (true) {
    result_or_error<Reply> result = silent(options_.scheduler);
    bool answered = false;
    self_->request(scheduler_, std::min(one_exchange, left(until)), messages...)
        .receive(
            [&](Reply& reply) {
              answered = true;
              result = std::move(reply);
            },
            [&](caf::error&) {});
    if (answered || clock::now() >= until)
      return result;
    if (auto error = reconnect(until))
      return *error;
  }
}

result_or_error<submit_reply> client::submit(std::vector<submission> jobs) {
  for (auto& job : jobs) {
    job.tenant_id = options_.tenant;
    if (job.key.empty())
      job.key = "auto-" + random_hex(16);
  }
  return call<submit_reply>(submit_jobs{std::move(jobs), false});
}

result_or_error<submit_reply> client::retry(std::vector<job_id> const& jobs) {
  return call<submit_reply>(retry_jobs{options_.tenant, jobs});
}

std::optional<error_info> client::cancel(std::vector<job_id> const& jobs) {
  auto result = call<answer>(cancel_jobs{options_.tenant, jobs});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  return std::get<answer>(result).error;
}

std::optional<error_info> client::watch_again(std::vector<job_id> const& jobs,
                                              clock::time_point until) {
  if (auto error = reconnect(until))
    return error;
  auto result = call<answer>(watch_jobs{options_.tenant, jobs});
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  return std::get<answer>(result).error;
}

result_or_error<std::vector<job_record>> client::await(std::vector<job_id> const& jobs,
                                                       milliseconds limit,
                                                       std::function<void()> const& tick,
                                                       milliseconds interval) {
  bool const endless = limit.count() == 0;
  auto const until = clock::now() + limit;
  auto watching = call<answer>(watch_jobs{options_.tenant, jobs});
  if (auto* error = std::get_if<error_info>(&watching))
    return *error;
  if (auto& error = std::get<answer>(watching).error)
    return *error;
  std::set<job_id> open(jobs.begin(), jobs.end());
  while (!open.empty()) {
    if (!endless && clock::now() >= until) {
      return error_of("timeout", "timed_out",
                      "waiting timed out; " + std::to_string(open.size()) + " of " +
                          std::to_string(jobs.size()) + " jobs have not ended");
    }
    bool down = false;
    bool idle = false;
    auto const wait = endless ? interval : std::min(interval, left(until));
    self_->receive(
        [&](jobs_ended const& m) {
          for (auto const& end : m.jobs)
            open.erase(end.id);
        },
        [&](caf::down_msg const& m) { down = scheduler_ && m.source == scheduler_.address(); },
        caf::after(wait) >> [&] { idle = true; });
    if (down)
      if (auto error =
              watch_again({open.begin(), open.end()}, clock::now() + options_.reconnect_limit))
        return *error;
    if (idle && tick)
      tick();
  }
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
                                        std::function<bool(event const&)> const& each) {
  auto const me = caf::actor_cast<caf::actor>(caf::strong_actor_ptr{self_.ptr()->ctrl()});
  auto result = call<events>(wish, me);
  if (auto* error = std::get_if<error_info>(&result))
    return *error;
  for (auto const& e : std::get<events>(result).list)
    if (!each(e))
      return std::nullopt;
  bool going = wish.follow;
  bool down = false;
  while (going) {
    self_->receive(
        [&](events const& m) {
          for (auto const& e : m.list)
            going = going && each(e);
          if (!m.list.empty())
            self_->send(scheduler_, events_read{m.list.back().sequence});
        },
        [&](caf::down_msg const& m) { down = scheduler_ && m.source == scheduler_.address(); },
        // So that `each` can say that nobody wants more, also while nothing happens.
        caf::after(milliseconds{500}) >> [&] { going = going && each(event{}); });
    if (down) {
      down = false;
      if (auto error = reconnect(clock::now() + options_.reconnect_limit))
        return error;
      auto again = call<events>(wish, me);
      if (auto* error = std::get_if<error_info>(&again))
        return *error;
    }
  }
  return std::nullopt;
}

}  // namespace nsai::actors

// What clients ask.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"
#include "messages/suggest.hpp"
#include "scheduling/forecast.hpp"

namespace nsai::actors {
namespace {

// With more, the copy that a forecast needs would hold up the scheduler for too long.
constexpr std::size_t most_live_for_forecast = 50'000;

error_info unknown_job(job_id job) {
  auto error =
      error_of("not_found", "unknown_job", "job " + std::to_string(job.value) + " is not known");
  error.field = "job";
  return error;
}

error_info already_ended(job_record const& record) {
  return error_of("refused", "already_ended",
                  "job " + std::to_string(record.id.value) + " has already ended as " +
                      to_string(record.status));
}

auto refuse_answer(caf::response_promise promise) {
  return [promise](error_info const& why) mutable { promise.deliver(answer{why}); };
}

/// Whoever asked has ended, or is behind a connection that has.
bool is_gone(caf::strong_actor_ptr const& who) {
  return who != nullptr &&
         caf::actor_cast<caf::abstract_actor*>(who)->getf(caf::abstract_actor::is_terminated_flag);
}

std::int64_t bytes_of(job_list const& list) {
  std::int64_t sum = 0;
  for (auto const& record : list.jobs)
    sum += static_cast<std::int64_t>(record.options.text.size() + record.context.text.size() +
                                     record.result.text.size() + record.metadata.text.size());
  return sum;
}
template <class Answer>
std::int64_t bytes_of(Answer const&) {
  return 0;
}

bool visible(std::optional<job_record> const& record, std::string const& tenant) {
  return record && record->tenant_id == tenant;
}

}  // namespace

template <class Answer>
void scheduler_state::read(caf::response_promise promise,
                           std::function<Answer(store::job_store&)> query,
                           std::function<void(Answer&)> finish) {
  store_read read = [promise, query = std::move(query), finish = std::move(finish),
                     on_the_way =
                         on_the_way_](store::job_store& db) mutable -> std::function<void()> {
    if (is_gone(promise.source()))
      return {};
    auto found = std::make_shared<Answer>();
    std::string failure;
    try {
      *found = query(db);
    } catch (store::store_error const& e) {
      failure = e.what();
    }
    if constexpr (requires { found->receipt; }) {
      if (auto const bytes = bytes_of(*found); bytes > 0) {
        *on_the_way += bytes;
        found->receipt = std::shared_ptr<void const>(
            nullptr, [on_the_way, bytes](void const*) { *on_the_way -= bytes; });
      }
    }
    return [promise, found, failure, finish]() mutable {
      if constexpr (requires { found->error; }) {
        if (!failure.empty())
          found->error = error_of("unavailable", "store", failure);
      }
      if (finish && failure.empty())
        finish(*found);
      promise.deliver(std::move(*found));
    };
  };
  self_->send(reader_, read_order{std::make_shared<store_read const>(std::move(read))});
}

void scheduler_state::complete(job_record& record) const {
  if (is_terminal(record.status) || !core_.knows(record.id))
    return;
  auto const live = core_.look_up(record.id);
  record.status = live.status;
  record.wait_reason = live.wait_reason;
  record.attempt = live.attempt;
  // A gang's member whose attempt is over before that of the others was where its row says.
  bool const waits_for_gang = record.rank && live.status == job_status::running;
  if (!waits_for_gang || !live.node.empty())
    record.node = live.node;
  record.devices = live.devices;
  if (live.cost)
    record.cost_usd = live.cost;
  auto const progress = progress_.find({record.id, live.attempt});
  if (progress != progress_.end())
    record.progress = progress->second;
}

caf::result<job_list> scheduler_state::get(get_jobs const& request) {
  auto promise = self_->make_response_promise();
  read<job_list>(
      promise,
      [request](store::job_store& db) {
        job_list list;
        for (auto const job : request.jobs) {
          auto record = db.find(job);
          if (!visible(record, request.tenant_id)) {
            list.error = unknown_job(job);
            return list;
          }
          list.jobs.push_back(std::move(*record));
        }
        return list;
      },
      [this](job_list& list) {
        for (auto& record : list.jobs)
          complete(record);
      });
  return promise;
}

// The forecast is the reader's work: the scheduler only makes a copy of the core for it.
caf::result<explained> scheduler_state::explain(explain_job const& request) {
  auto promise = self_->make_response_promise();
  explained live;
  std::shared_ptr<scheduling::core> ahead;
  if (core_.knows(request.job) && core_.tenant_of(request.job) == request.tenant_id) {
    live.why = core_.explain(request.job);
    if (live.why.rule != wait_rule::none && core_.live_jobs() <= most_live_for_forecast)
      ahead = std::make_shared<scheduling::core>(core_.hypothetical());
  }
  read<explained>(promise, [request, live, ahead, at = now()](store::job_store& db) {
    auto reply = live;
    if (ahead)
      if (auto const start = scheduling::forecast_start(std::move(*ahead), request.job, at))
        reply.why.expected_start = *start;
    if (reply.why.job)
      return reply;
    auto const record = db.find(request.job, false);
    if (!visible(record, request.tenant_id)) {
      reply.error = unknown_job(request.job);
      return reply;
    }
    reply.why.job = record->id;
    reply.why.status = record->status;
    return reply;
  });
  return promise;
}

caf::result<job_list> scheduler_state::list(list_jobs const& request) {
  auto promise = self_->make_response_promise();
  for (auto const status : request.statuses)
    if (static_cast<std::size_t>(status) >= enum_names(status).size()) {
      promise.deliver(job_list{
          {},
          usage_error("statuses",
                      "the number " + std::to_string(static_cast<int>(status)) + " is not allowed",
                      "one of " + joined(enum_names(status)))});
      return promise;
    }
  read<job_list>(
      promise,
      [request](store::job_store& db) {
        return job_list{db.list(request), {}};
      },
      [this](job_list& list) {
        for (auto& record : list.jobs)
          complete(record);
      });
  return promise;
}

caf::result<stats> scheduler_state::statistics() {
  auto promise = self_->make_response_promise();
  read<stats>(
      promise,
      [](store::job_store& db) {
        stats s;
        for (auto const& name : enum_names(job_status{}))
          s.jobs[name] = 0;
        for (auto const& [status, count] : db.counts())
          s.jobs[to_string(status)] = count;
        return s;
      },
      [this](stats& s) {
        core_.describe(s);
        s.uptime_s.value = now() - started_at_;
        s.commits = static_cast<std::int64_t>(pipeline_.commits());
        s.store_error = store_error_;
      });
  return promise;
}

void scheduler_state::add_watchers(std::vector<job_id> const& jobs,
                                   caf::strong_actor_ptr const& who) {
  auto const watcher = caf::actor_cast<caf::actor>(who);
  if (!watcher || jobs.empty())
    return;
  std::vector<job_id> ended;
  for (auto const job : jobs) {
    if (core_.knows(job))
      watchers_[job].push_back(watcher);
    else
      ended.push_back(job);
  }
  // Once for a client, however many jobs it waits for.
  if (monitored_.insert(watcher.address()).second)
    self_->monitor(watcher);
  if (ended.empty())
    return;
  pipeline_.read_after_commit(
      [this, ended, watcher](store::job_store& db) {
        auto letter = std::make_shared<jobs_ended>();
        for (auto const job : ended)
          if (auto record = db.find(job))
            letter->jobs.push_back(
                {job, record->status, record->attempt, record->result, record->error});
        return [this, letter, watcher] { self_->send(watcher, std::move(*letter)); };
      },
      [this, ended, who](error_info const&) {
        add_watchers(ended, who);
      });  // told when the store can be read again
}

caf::result<answer> scheduler_state::watch(watch_jobs const& request) {
  auto const sender = self_->current_sender();  // before the promise, which takes it away
  auto promise = self_->make_response_promise();
  std::vector<job_id> others;
  for (auto const job : request.jobs) {
    if (!core_.knows(job))
      others.push_back(job);
    else if (core_.tenant_of(job) != request.tenant_id) {
      promise.deliver(answer{unknown_job(job)});
      return promise;
    }
  }
  pipeline_.read_after_commit(
      [this, request, others, promise, sender](store::job_store& db) {
        answer reply;
        for (auto const job : others)
          if (!visible(db.find(job, false), request.tenant_id) && !reply.error)
            reply.error = unknown_job(job);
        return [this, request, reply, promise, sender]() mutable {
          bool const known = !reply.error;
          promise.deliver(std::move(reply));
          if (known)
            add_watchers(request.jobs, sender);
        };
      },
      refuse_answer(promise));
  settle();
  return promise;
}

caf::result<answer> scheduler_state::cancel(cancel_jobs const& request) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    refuse_answer(promise)(store_refusal());
    return promise;
  }
  // What has left the core is looked up first: a list with one job that cannot be canceled changes
  // nothing.
  std::vector<job_id> others;
  for (auto const job : request.jobs)
    if (!core_.knows(job) || core_.tenant_of(job) != request.tenant_id)
      others.push_back(job);
  pipeline_.read_after_commit(
      [this, request, others, promise](store::job_store& db) {
        answer reply;
        for (auto const job : others) {
          auto const record = db.find(job, false);
          if (!reply.error)
            reply.error =
                visible(record, request.tenant_id) ? already_ended(*record) : unknown_job(job);
        }
        return [this, request, reply, promise]() mutable {
          if (!reply.error)
            for (auto const job : request.jobs)
              if (core_.knows(job))
                apply(scheduling::cancel_requested{job});
          pipeline_.mail().answers.push_back({promise, std::move(reply)});
        };
      },
      refuse_answer(promise));
  settle();
  return promise;
}

/// An event that the core answers at once, for good once it is durable.
caf::result<answer> scheduler_state::order(scheduling::event const& e) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    refuse_answer(promise)(store_refusal());
    return promise;
  }
  apply(e);
  pipeline_.mail().answers.push_back({promise, answer{core_.last_answer().error}});
  settle();
  return promise;
}

caf::result<answer> scheduler_state::drain(drain_nodes const& request) {
  return order(scheduling::drain_ordered{request.nodes, request.deadline_ms, request.reason,
                                         request.window});
}

caf::result<answer> scheduler_state::resume(resume_nodes const& request) {
  return order(scheduling::resume_ordered{request.nodes});
}

caf::result<log_chunk> scheduler_state::log(read_log const& request) {
  auto promise = self_->make_response_promise();
  auto ask = std::make_shared<read_log>(request);
  auto const fail = [promise](error_info error) {
    log_chunk chunk;
    chunk.error = std::move(error);
    auto to = promise;
    to.deliver(std::move(chunk));
  };
  store_read find = [this, ask, promise, fail](store::job_store& db) {
    auto const record = db.find(ask->job, false);
    return [this, ask, promise, fail, record]() mutable {
      if (!visible(record, ask->tenant_id))
        return fail(unknown_job(ask->job));
      auto current = *record;
      complete(current);
      if (ask->attempt == 0)
        ask->attempt = current.attempt;
      std::string node = current.node;
      for (auto const& attempt : current.attempts)
        if (attempt.number == ask->attempt && ask->attempt != current.attempt)
          node = attempt.node;
      bool const running = !is_terminal(current.status) && (current.status != job_status::running ||
                                                            ask->attempt == current.attempt);
      if (ask->attempt == 0 || node.empty()) {
        log_chunk nothing;
        nothing.complete = is_terminal(current.status);
        nothing.offset = nothing.next_offset = ask->offset;
        promise.deliver(std::move(nothing));
        return;
      }
      for (auto const& n : core_.nodes()) {
        auto const link = links_.find(n.uuid);
        if (n.name != node || link == links_.end())
          continue;
        self_->request(link->second.executor, std::chrono::seconds{10}, *ask)
            .then(
                [promise, running](log_chunk& chunk) mutable {
                  chunk.complete = chunk.complete && !running;
                  promise.deliver(std::move(chunk));
                },
                [fail, node](caf::error&) mutable {
                  fail(error_of("unavailable", "node_silent",
                                "node " + node + ", which has the log, did not answer in 10 s"));
                });
        return;
      }
      fail(error_of("unavailable", "node_away",
                    "the log of attempt " + std::to_string(ask->attempt) + " is on node " + node +
                        ", which is not connected"));
    };
  };
  self_->send(reader_, read_order{std::make_shared<store_read const>(std::move(find))});
  return promise;
}

stage_list scheduler_state::stages(list_stages const& request) const {
  auto all = known_stages_;
  // A library that could not be loaded stands for its stages, if the config does not name them.
  for (auto const& node : core_.nodes())
    for (auto const& fault : node.plugin_faults)
      for (auto const& name :
           fault.stages.empty() ? std::vector<std::string>{fault.library} : fault.stages) {
        auto& stage = all[name];
        if (stage.name.empty()) {
          stage.name = name;
          stage.backend = "stage_host";
        }
        stage.unavailable[node.name] = fault.library + ": " + fault.reason;
      }
  stage_list list;
  std::vector<std::string> names;
  for (auto const& [name, description] : all) {
    names.push_back(name);
    if (request.name.empty() || request.name == name)
      list.stages.push_back(description);
  }
  if (list.stages.empty() && !request.name.empty()) {
    auto const near = nearest(request.name, names);
    list.error = usage_error(
        "stage", "\"" + request.name.substr(0, 80) + "\" is not a stage that any node has",
        near.empty() ? "one of " + joined(names) : near + " (did you mean that?)");
    list.error->category = "not_found";
    list.error->code = "unknown_stage";
  }
  return list;
}

void scheduler_state::tell_failed(reader_failed const& m) {
  spdlog::warn("telemetry: handler {} is detached: {}", m.handler, m.why);
  applied_at_ = now();  // no event of the core leads here
  scheduling::happened h;
  h.what = scheduling::happening::handler_detached;
  h.detail = m.handler + ": " + m.why;
  perform(h);
  // Another tenant does not hear of it; one of a node's own is everybody's.
  if (!m.tenant_id.empty())
    pipeline_.mail().happened.back().label =
        &labels_.at(labels_.intern({m.tenant_id, {}, {}, {}, {}, {}, {}}));
  settle();
}

}  // namespace nsai::actors

// How jobs come in: by submission, by retry of an ended one, and from the store at a start.
#include <cmath>
#include <set>

#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"
#include "actors/secret.hpp"
#include "actors/trace_id.hpp"
#include "messages/suggest.hpp"
#include "stages/stage.hpp"

namespace nsai::actors {
namespace {

error_info not_found(std::string const& what) {
  return error_of("not_found", "unknown_job", what);
}

error_info conflict(std::string code, std::string message) {
  return error_of("refused", std::move(code), std::move(message));
}

/// What a key stands for: two requests are the same when this is. The trace id is not part of it.
std::string digest_of(submission const& s) {
  auto copy = s;
  copy.trace_id.clear();
  return prove("request", json(copy).dump(-1, ' ', false, json::error_handler_t::replace));
}

/// For everyone who waits for the reply to `count` submissions.
auto refuse_submissions(caf::response_promise promise, std::size_t count) {
  return [promise, count](error_info const& why) mutable {
    submit_reply reply;
    reply.results.assign(count, {{}, {}, 0, why});
    promise.deliver(std::move(reply));
  };
}

/// What a submission needs to know of jobs that have left the core.
struct lookup {
  std::vector<std::optional<submit_result>> keyed;  // by position, for those with a key
  std::vector<std::string> digests;
  std::vector<scheduling::ended_job> ended;
};

}  // namespace

std::optional<error_info> scheduler_state::check_stage(std::string const& stage, json_text& options,
                                                       std::string const& path) const {
  auto known = known_stages_.find(stage);
  if (known == known_stages_.end()) {
    // A node whose library for it is at fault may say so.
    for (auto const& each : stages({stage}).stages)
      for (auto const& [node, reason] : each.unavailable) {
        auto fault =
            usage_error(path + "stage",
                        "\"" + stage + "\" cannot be loaded on node " + node + " (" + reason + ")",
                        "a stage that some node has");
        fault.code = "stage_unavailable";
        return fault;
      }
    std::vector<std::string> names;
    for (auto const& [name, description] : known_stages_)
      names.push_back(name);
    auto const near = nearest(stage, names);
    auto fault = usage_error(
        path + "stage", "\"" + stage.substr(0, 80) + "\" is not a stage that any node has",
        near.empty() ? "one of " + joined(names) : near + " (did you mean that?)");
    fault.code = "unknown_stage";
    return fault;
  }
  json value = options.value();
  auto const given = value.size();
  if (auto fault = stages::check_options(known->second, value, path + "options"))
    return fault;
  // Written anew only when defaults were filled in.
  if (options.empty() || value.size() != given)
    options = json_text::of(value);
  return std::nullopt;
}

std::optional<error_info> scheduler_state::check(submission& s) const {
  try {
    if (auto fault = complete_and_check(s))
      return fault;
    for (std::size_t i = 0; i < s.pipeline.size(); ++i) {
      auto& step = s.pipeline[i];
      if (auto fault =
              check_stage(step.stage, step.options, "pipeline[" + std::to_string(i) + "]."))
        return fault;
    }
    if (s.pipeline.empty())
      if (auto fault = check_stage(s.stage, s.options, ""))
        return fault;
    if (!s.metadata.empty() && !s.metadata.value().is_object())
      return usage_error("metadata", describe_json(s.metadata.value()), "an object");
    if (!s.context.empty() && !s.context.value().is_object())
      return usage_error("context", describe_json(s.context.value()), "an object");
  } catch (shape_error const& fault) {
    return usage_error(fault);
  }
  return std::nullopt;
}

caf::result<submit_reply> scheduler_state::submit(submit_jobs& request) {
  auto sender = self_->current_sender();  // before the promise, which takes it away
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    refuse_submissions(promise, request.jobs.size())(store_refusal());
    return promise;
  }
  std::vector<std::optional<submit_result>> known(request.jobs.size());
  std::vector<job_id> unknown;
  bool keyed = false;
  for (std::size_t i = 0; i < request.jobs.size(); ++i) {
    auto& s = request.jobs[i];
    if (auto fault = check(s)) {
      known[i] = submit_result{{}, {}, 0, std::move(fault)};
      continue;
    }
    keyed = keyed || !s.key.empty();
    for (auto const dependency : s.constraints.depends_on)
      if (!core_.knows(dependency))
        unknown.push_back(dependency);
  }
  if (unknown.empty() && !keyed) {
    admit(request, known, {}, promise, sender);
    settle();
    return promise;
  }
  // The store is asked behind everything that was decided before this, so that no answer is out of
  // date.
  auto shared = std::make_shared<submit_jobs>(std::move(request));
  pipeline_.read_after_commit(
      [this, shared, known, unknown, promise, sender](store::job_store& db) mutable {
        lookup found;
        found.keyed.resize(shared->jobs.size());
        found.digests.resize(shared->jobs.size());
        for (std::size_t i = 0; i < shared->jobs.size(); ++i) {
          auto const& s = shared->jobs[i];
          if (s.key.empty() || known[i])
            continue;
          found.keyed[i] = db.find_key(s.tenant_id, s.key);
          found.digests[i] = db.key_digest(s.tenant_id, s.key);
        }
        for (auto const& [job, status] : db.statuses(unknown))
          found.ended.push_back({job, status});
        return [this, shared, known, found, promise, sender]() mutable {
          for (std::size_t i = 0; i < known.size(); ++i) {
            if (!found.keyed[i])
              continue;
            auto const& s = shared->jobs[i];
            if (found.digests[i] == digest_of(s))
              known[i] = *found.keyed[i];
            else
              known[i] = submit_result{
                  {},
                  {},
                  0,
                  conflict("key_conflict", "key: \"" + s.key + "\" was used for job " +
                                               std::to_string(found.keyed[i]->id.value) +
                                               ", which is another request")};
          }
          admit(*shared, known, found.ended, promise, sender);
        };
      },
      refuse_submissions(promise, known.size()));
  settle();
  return promise;
}

void scheduler_state::admit(submit_jobs& request, std::vector<std::optional<submit_result>>& known,
                            std::vector<scheduling::ended_job> const& ended,
                            caf::response_promise promise, caf::strong_actor_ptr const& sender) {
  submit_reply reply;
  std::vector<job_id> watched;
  for (std::size_t i = 0; i < request.jobs.size(); ++i) {
    reply.results.push_back(known[i] ? *known[i] : admit_one(request.jobs[i], ended));
    auto const& result = reply.results.back();
    if (request.subscribe && !result.error)
      watched.push_back(result.id);
  }
  add_watchers(watched, sender);
  pipeline_.mail().submitted.push_back({std::move(promise), std::move(reply)});
}

submit_result scheduler_state::admit_one(submission& s,
                                         std::vector<scheduling::ended_job> const& ended) {
  std::string digest;
  if (!s.key.empty()) {
    digest = digest_of(s);
    // A key that came twice in this very batch, or between the look-up and now. Its job may have
    // ended at once, and left the core.
    auto known = core_.find_key(s.tenant_id, s.key);
    auto const same = keyed_.find({s.tenant_id, s.key});
    if (!known && same != keyed_.end() && same->second.answer.id)
      known = same->second.answer;
    if (known) {
      if (same != keyed_.end() && same->second.digest == digest)
        return *known;
      return {{},
              {},
              0,
              conflict("key_conflict", "key: \"" + s.key + "\" was used for job " +
                                           std::to_string(known->id.value) +
                                           ", which is another request")};
    }
  }
  scheduling::job_submitted event;
  event.request = &s;
  event.ended = ended;
  event.label = label_for(s, s.stage, s.options);
  for (auto const& step : s.pipeline)
    event.step_labels.push_back(label_for(s, step.stage, step.options));
  submitting_ = &s;
  submitting_digest_ = digest;
  apply(event);
  submitting_ = nullptr;
  auto const& answer = core_.last_answer();
  if (!answer.error && !s.key.empty())
    keyed_[{s.tenant_id, s.key}] = {digest, answer};
  return answer;
}

/// Most submissions have the label of the one before.
std::uint32_t scheduler_state::label_for(submission const& s, std::string const& stage,
                                         json_text const& options) {
  auto& last = last_label_;
  if (stage == "command")  // the program is a part of it
    return labels_.intern(label_of(s, stage, options));
  if (last.stage != stage || last.tenant_id != s.tenant_id || last.name_space != s.name_space ||
      last.metadata != s.metadata) {
    last = {labels_.intern(label_of(s, stage, options)), stage, s.tenant_id, s.name_space,
            s.metadata};
  }
  return last.label;
}

caf::result<submit_reply> scheduler_state::retry(retry_jobs const& request) {
  auto const sender = self_->current_sender();  // before the promise, which takes it away
  auto promise = self_->make_response_promise();
  pipeline_.read_after_commit(
      [this, request, promise, sender](store::job_store& db) {
        auto again = std::make_shared<submit_jobs>();
        auto known = std::make_shared<std::vector<std::optional<submit_result>>>();
        for (auto const job : request.jobs) {
          auto const record = db.find(job, false);
          std::optional<error_info> fault;
          if (!record || record->tenant_id != request.tenant_id)
            fault = not_found("job " + std::to_string(job.value) + " is not known");
          else if (!is_terminal(record->status) || record->status == job_status::succeeded)
            fault =
                conflict("not_retryable",
                         "job " + std::to_string(job.value) + " is " + to_string(record->status) +
                             "; only a failed, canceled or timed out job can be retried");
          auto const key = request.key.empty() ? "" : request.key + "." + std::to_string(job.value);
          auto const before = fault || key.empty() ? std::optional<submit_result>{}
                                                   : db.find_key(request.tenant_id, key);
          auto made = fault || before ? std::optional<submission>{} : db.as_submission(job);
          known->push_back(fault ? std::optional{submit_result{{}, {}, 0, fault}} : before);
          again->jobs.push_back(made.value_or(submission{}));
          again->jobs.back().key = key;
          // What it waited for and until when lies in the past.
          again->jobs.back().constraints.depends_on.clear();
          again->jobs.back().constraints.deadline = {};
        }
        return
            [this, again, known, promise, sender] { admit(*again, *known, {}, promise, sender); };
      },
      refuse_submissions(promise, request.jobs.size()));
  settle();
  return promise;
}

void scheduler_state::load_usage(store::put_usage const& before) {
  auto const age_ms = std::max<std::int64_t>(0, now() - before.at);
  auto const left =
      std::exp2(-static_cast<double>(age_ms) / static_cast<double>(options_.core.half_life_ms));
  for (auto const& each : before.list)
    apply(scheduling::usage_restored{
        each.tenant_id,
        each.name,
        {static_cast<double>(each.cpu_ms) * left, static_cast<double>(each.memory_mb_s) * left,
         static_cast<double>(each.gpu_ms) / 1000 * left}});
}

void scheduler_state::load() {
  store::job_store db{options_.store, store::job_store::access::read_only};
  auto settings = options_.core;
  settings.last_used = db.last_used();
  core_ = scheduling::core{settings};
  events_reserved_ = db.events_reserved();
  payloads_.clear();
  payload_bytes_ = 0;
  keyed_.clear();
  traces_.clear();
  load_usage(db.usage());
  // Only asked when some job waits for another: it costs a second reading.
  std::set<job_id> unfinished;
  auto const is_live = [&](job_id id) {
    if (unfinished.empty())
      db.load_unfinished([&](store::unfinished_job&& job) { unfinished.insert(job.record.id); });
    return unfinished.contains(id);
  };
  for (auto const& order : db.node_orders())
    apply(scheduling::node_order_restored{order});
  db.load_unfinished([&](store::unfinished_job&& job) {
    scheduling::job_restored event;
    event.key = job.key;
    event.array = job.array;
    event.after = job.after;
    event.step = job.position;
    event.node_uuid = job.node_uuid;
    event.incarnation = job.incarnation;
    event.own_failures = job.own_failures;
    event.infra_failures = job.infra_failures;
    event.eligible_at = job.eligible_at;
    event.cancel_requested = job.cancel_requested;
    event.handed_back = job.handed_back;
    event.preempted = job.preempted;
    std::vector<job_id> ended;
    for (auto const dependency : job.record.constraints.depends_on)
      if (!is_live(dependency))
        ended.push_back(dependency);
    if (!ended.empty())
      for (auto const& [id, status] : db.statuses(ended))
        event.ended.push_back({id, status});
    submission described;
    described.tenant_id = job.record.tenant_id;
    described.name_space = job.record.name_space;
    described.metadata = job.record.metadata;
    event.label = label_for(described, job.record.stage, {});
    if (!job.key.empty())
      keyed_[{job.record.tenant_id, job.key}] = {job.key_digest, {}};
    auto const& record = job.record;
    if (!record.parent_id && record.trace_id != trace_id_of(options_.trace_seed, record.id))
      traces_[record.id] = std::make_shared<std::string const>(record.trace_id);
    event.record = std::move(job.record);
    apply(event);
  });
  db.load_ended_children([&](store::ended_child const& child) {
    apply(scheduling::child_restored{child.parent, child.child, child.status, child.after});
  });
  apply(scheduling::restore_finished{});
  // A number that was refused will be given to another job, of which those who watched the refused
  // one may not hear.
  std::erase_if(watchers_, [this](auto const& each) { return !core_.knows(each.first); });
}

}  // namespace nsai::actors

// How jobs come in: by submission, and by retry of an ended one.
#include <algorithm>
#include <set>

#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"
#include "actors/secret.hpp"
#include "actors/trace_id.hpp"
#include "messages/batch.hpp"
#include "messages/suggest.hpp"
#include "stages/stage.hpp"
#include "stages/work_job.hpp"

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

/// What a work_job stands for is submitted in its place; `at` becomes where that stands in what was
/// sent. Other stages stay as they are.
std::optional<error_info> replace_work_job(stage_place& at, std::string const& path,
                                           std::string& stage, json_text& options, resources& r,
                                           constraints& c, std::optional<priority>& own_priority) {
  at = {path + "stage", path + "options"};
  if (stage != "work_job")
    return std::nullopt;
  stages::delegation d{stage, options.value(), r, c, own_priority};
  if (auto const faults = stages::delegate(d, path); !faults.empty())
    return faults.front();
  at = {path + d.stage_field, path + d.options_field};
  stage = std::move(d.stage);
  options = json_text::of(d.options);
  r = std::move(d.resources);
  c = std::move(d.constraints);
  own_priority = d.priority;
  return std::nullopt;
}

/// For everyone who waits for the reply to `count` submissions.
auto refuse_submissions(caf::response_promise promise, std::size_t count) {
  return [promise, count](error_info const& why) mutable {
    submit_reply reply;
    reply.results.assign(count, {{}, {}, 0, why});
    promise.deliver(std::move(reply));
  };
}

/// All jobs that a submission names by number: those that it or its stages wait for or take over.
std::vector<job_id> dependencies_of(submission const& s) {
  std::vector<job_id> all;
  auto const add = [&](constraints const& c) {
    all.insert(all.end(), c.depends_on.begin(), c.depends_on.end());
    all.insert(all.end(), c.after_any.begin(), c.after_any.end());
  };
  add(s.constraints);
  for (auto const& step : s.pipeline) {
    add(step.constraints);
    if (step.reuse)
      all.push_back(step.reuse);
  }
  return all;
}

}  // namespace

std::optional<error_info> scheduler_state::check_stage(std::string const& stage, json_text& options,
                                                       stage_place const& at) const {
  auto known = known_stages_.find(stage);
  if (known == known_stages_.end()) {
    // A node whose library for it is at fault may say so.
    for (auto const& each : stages({stage}).stages)
      for (auto const& [node, reason] : each.unavailable) {
        auto fault = usage_error(
            at.stage, "\"" + stage + "\" cannot be loaded on node " + node + " (" + reason + ")",
            "a stage that some node has");
        fault.code = "stage_unavailable";
        return fault;
      }
    std::vector<std::string> names;
    for (auto const& [name, description] : known_stages_)
      names.push_back(name);
    auto const near = nearest(stage, names);
    auto fault =
        usage_error(at.stage, "\"" + stage.substr(0, 80) + "\" is not a stage that any node has",
                    near.empty() ? "one of " + joined(names) : near + " (did you mean that?)");
    fault.code = "unknown_stage";
    return fault;
  }
  json value = options.value();
  auto const given = value.size();
  if (auto fault = stages::check_options(known->second, value, at.options))
    return fault;
  // Written anew only when defaults were filled in.
  if (options.empty() || value.size() != given)
    options = json_text::of(value);
  return std::nullopt;
}

std::optional<error_info> scheduler_state::check(submission& s) const {
  try {
    std::vector<stage_place> places(s.pipeline.size());
    for (std::size_t i = 0; i < s.pipeline.size(); ++i) {
      auto& step = s.pipeline[i];
      if (auto fault =
              replace_work_job(places[i], "pipeline[" + std::to_string(i) + "].", step.stage,
                               step.options, step.resources, step.constraints, step.priority))
        return fault;
    }
    stage_place place;
    std::optional<priority> own;
    if (auto fault =
            replace_work_job(place, "", s.stage, s.options, s.resources, s.constraints, own))
      return fault;
    s.priority = own.value_or(s.priority);
    if (auto fault = complete_and_check(s))
      return fault;
    for (std::size_t i = 0; i < s.pipeline.size(); ++i)
      if (auto fault = check_stage(s.pipeline[i].stage, s.pipeline[i].options, places[i]))
        return fault;
    if (s.pipeline.empty())
      if (auto fault = check_stage(s.stage, s.options, place))
        return fault;
    if (!s.metadata.empty() && !s.metadata.value().is_object())
      return usage_error("metadata", describe_json(s.metadata.value()), "an object");
    if (!s.context.empty())
      stages::check_context(s.context.value());
  } catch (shape_error const& fault) {
    return usage_error(fault);
  }
  return std::nullopt;
}

/// A request on its way to the core, with what it needs to know of jobs that have left the core.
struct scheduler_state::arrival {
  submit_jobs request;
  std::optional<batch_order> batch;                 // all or none of them
  std::vector<std::optional<submit_result>> known;  // answered already: by a fault or a key
  std::vector<scheduling::ended_job> ended;
  std::set<job_id> asked;  // the store was, for these
  caf::response_promise promise;
  caf::strong_actor_ptr sender;
};

caf::result<submit_reply> scheduler_state::submit(submit_jobs& request) {
  auto sender = self_->current_sender();  // before the promise, which takes it away
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    refuse_submissions(promise, request.jobs.size())(store_refusal());
    return promise;
  }
  arrival a{std::move(request), {}, {}, {}, {}, promise, std::move(sender)};
  auto& jobs = a.request.jobs;
  a.known.resize(jobs.size());
  bool keyed = false;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (auto fault = check(jobs[i]))
      a.known[i] = submit_result{{}, {}, 0, std::move(fault)};
    keyed = keyed || !jobs[i].key.empty();
  }
  if (a.request.all_or_none || names_others(jobs)) {
    auto ordered = order_batch(jobs);
    if (auto* const fault = std::get_if<batch_fault>(&ordered))
      a.known[fault->at] = submit_result{{}, {}, 0, std::move(fault->error)};
    else
      a.batch = std::move(std::get<batch_order>(ordered));
    if (refuse_together(a)) {
      admit(a);
      settle();
      return promise;
    }
  }
  if (keyed)
    look_up_keys(std::make_shared<arrival>(std::move(a)));
  else
    look_up_or_admit(std::move(a));
  settle();
  return promise;
}

/// Of a batch with a fault nothing is made.
bool scheduler_state::refuse_together(arrival& a) {
  auto const faulty =
      std::find_if(a.known.begin(), a.known.end(), [](auto const& k) { return k && k->error; });
  if (faulty == a.known.end())
    return false;
  auto const refusal =
      batch_refusal(static_cast<std::size_t>(faulty - a.known.begin()), *(*faulty)->error);
  for (auto& each : a.known)
    if (!each || !each->error)
      each = submit_result{{}, {}, 0, refusal};
  return true;
}

/// The store is asked behind everything that was decided before this, so that no answer is out of
/// date.
void scheduler_state::look_up_keys(std::shared_ptr<arrival> const& a) {
  pipeline_.read_after_commit(
      [this, a](store::job_store& db) {
        auto found = std::make_shared<std::vector<std::pair<submit_result, std::string>>>();
        found->resize(a->request.jobs.size());
        for (std::size_t i = 0; i < found->size(); ++i) {
          auto const& s = a->request.jobs[i];
          if (s.key.empty() || a->known[i])
            continue;
          if (auto const before = db.find_key(s.tenant_id, s.key))
            (*found)[i] = {*before, db.key_digest(s.tenant_id, s.key)};
        }
        return [this, a, found] {
          for (std::size_t i = 0; i < found->size(); ++i)
            if (auto const& [before, digest] = (*found)[i]; before.id)
              a->known[i] = answer_to_key(a->request.jobs[i], before, digest);
          look_up_or_admit(std::move(*a));
        };
      },
      refuse_submissions(a->promise, a->request.jobs.size()));
}

submit_result scheduler_state::answer_to_key(submission const& s, submit_result const& before,
                                             std::string const& digest) {
  if (digest == digest_of(s))
    return before;
  return {
      {},
      {},
      0,
      conflict("key_conflict", "key: \"" + s.key + "\" was used for job " +
                                   std::to_string(before.id.value) + ", which is another request")};
}

/// The jobs that are waited for are live, or the store says how they ended. One may end while the
/// store is asked for others; then it is asked once more.
void scheduler_state::look_up_or_admit(arrival a) {
  std::vector<job_id> unknown;
  auto const want = [&](job_id job) {
    if (!core_.knows(job) && a.asked.insert(job).second)
      unknown.push_back(job);
  };
  for (std::size_t i = 0; i < a.request.jobs.size(); ++i) {
    if (a.batch && !a.known[i])
      a.known[i] = answer_from_memory(a.request.jobs[i]);
    if (!a.known[i])
      for (auto const job : dependencies_of(a.request.jobs[i]))
        want(job);
    else if (a.batch && !a.known[i]->error)
      want(a.known[i]->id);  // by whose name others may depend on it
  }
  if (unknown.empty()) {
    admit(a);
    return;
  }
  auto const shared = std::make_shared<arrival>(std::move(a));
  pipeline_.read_after_commit(
      [this, shared, unknown](store::job_store& db) {
        auto found = db.statuses(unknown);
        return [this, shared, found] {
          for (auto const& known : found)
            shared->ended.push_back({known.id, known.status, known.tenant_id});
          look_up_or_admit(std::move(*shared));
        };
      },
      refuse_submissions(shared->promise, shared->request.jobs.size()));
}

void scheduler_state::admit(arrival& a) {
  submit_reply reply;
  auto& jobs = a.request.jobs;
  if (a.batch && !admit_batch(a))
    refuse_together(a);
  for (std::size_t i = 0; i < jobs.size(); ++i)
    reply.results.push_back(a.known[i] ? *a.known[i] : admit_one(jobs[i], a.ended));
  std::vector<job_id> watched;
  for (auto const& result : reply.results)
    if (a.request.subscribe && !result.error)
      watched.push_back(result.id);
  add_watchers(watched, a.sender);
  pipeline_.mail().submitted.push_back({std::move(a.promise), std::move(reply)});
}

/// False: there is a fault. Else every submission has its answer.
bool scheduler_state::admit_batch(arrival& a) {
  auto& jobs = a.request.jobs;
  if (std::any_of(a.known.begin(), a.known.end(), [](auto const& k) { return k && k->error; }))
    return false;
  // Those that are new, in their order; names of the others become numbers.
  constexpr auto nowhere = ~std::uint32_t{0};
  std::vector<std::uint32_t> place(jobs.size(), nowhere);
  scheduling::batch_submitted event;
  submitting_.clear();
  for (auto const i : a.batch->order) {
    if (a.known[i])
      continue;
    auto& s = jobs[i];
    submitting_.push_back({&s, s.key.empty() ? std::string{} : digest_of(s)});
    scheduling::job_submitted each;
    for (auto const& [names, numbers, positions] :
         {std::tuple{&a.batch->after[i], &s.constraints.depends_on, &each.after},
          std::tuple{&a.batch->after_any[i], &s.constraints.after_any, &each.after_any}})
      for (auto const other : *names) {
        if (a.known[other])
          numbers->push_back(a.known[other]->id);
        else
          positions->push_back(place[other]);
      }
    place[i] = static_cast<std::uint32_t>(event.jobs.size());
    event.jobs.push_back(std::move(each));
  }
  for (std::size_t i = 0; i < event.jobs.size(); ++i)
    describe(event.jobs[i], *submitting_[i].request, a.ended);
  batch_ = &event;
  apply(event);
  batch_ = nullptr;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (place[i] == nowhere)
      continue;
    auto const& answer = core_.batch_answers()[place[i]];
    a.known[i] = answer;
    if (!answer.error && !jobs[i].key.empty())
      keyed_[{jobs[i].tenant_id, jobs[i].key}] = {submitting_[place[i]].digest, answer};
  }
  submitting_.clear();
  return std::none_of(a.known.begin(), a.known.end(), [](auto const& k) { return k->error; });
}

/// A key that came twice in this very batch, or between the look-up and now. Its job may have ended
/// at once, and left the core.
std::optional<submit_result> scheduler_state::answer_from_memory(submission const& s) const {
  if (s.key.empty())
    return std::nullopt;
  auto known = core_.find_key(s.tenant_id, s.key);
  auto const same = keyed_.find({s.tenant_id, s.key});
  if (!known && same != keyed_.end() && same->second.answer.id)
    known = same->second.answer;
  if (!known)
    return std::nullopt;
  return answer_to_key(s, *known, same == keyed_.end() ? std::string{} : same->second.digest);
}

void scheduler_state::describe(scheduling::job_submitted& event, submission const& s,
                               std::vector<scheduling::ended_job> const& ended) {
  event.request = &s;
  event.ended = ended;
  event.label = label_for(s, s.stage, s.options);
  for (auto const& step : s.pipeline)
    event.step_labels.push_back(label_for(s, step.stage, step.options, step.name));
}

submit_result scheduler_state::admit_one(submission& s,
                                         std::vector<scheduling::ended_job> const& ended) {
  if (auto known = answer_from_memory(s))
    return *known;
  scheduling::job_submitted event;
  describe(event, s, ended);
  submitting_.assign(1, {&s, s.key.empty() ? std::string{} : digest_of(s)});
  apply(event);
  auto const& answer = core_.last_answer();
  if (!answer.error && !s.key.empty())
    keyed_[{s.tenant_id, s.key}] = {std::move(submitting_.front().digest), answer};
  submitting_.clear();
  return answer;
}

/// Most submissions have the label of the one before.
std::uint32_t scheduler_state::label_for(submission const& s, std::string const& stage,
                                         json_text const& options, std::string const& step) {
  auto& last = last_label_;
  if (stage == "command" || !step.empty())  // the program and the step are a part of it
    return labels_.intern(label_of(s, stage, options, step));
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
        auto again = std::make_shared<arrival>();
        again->promise = promise;
        again->sender = sender;
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
          else if (record->rank)
            fault = conflict("not_retryable", "job " + std::to_string(job.value) + " is rank " +
                                                  std::to_string(*record->rank) + " of gang " +
                                                  std::to_string(record->parent_id->value) +
                                                  "; only the gang as a whole can be retried");
          auto const key = request.key.empty() ? "" : request.key + "." + std::to_string(job.value);
          auto const before = fault || key.empty() ? std::optional<submit_result>{}
                                                   : db.find_key(request.tenant_id, key);
          auto made = fault || before ? std::optional<submission>{} : db.as_submission(job);
          again->known.push_back(fault ? std::optional{submit_result{{}, {}, 0, fault}} : before);
          again->request.jobs.push_back(made.value_or(submission{}));
          again->request.jobs.back().key = key;
          // What it waited for and until when lies in the past.
          again->request.jobs.back().constraints.depends_on.clear();
          again->request.jobs.back().constraints.after_any.clear();
          again->request.jobs.back().constraints.deadline = {};
        }
        return [this, again] { look_up_or_admit(std::move(*again)); };
      },
      refuse_submissions(promise, request.jobs.size()));
  settle();
  return promise;
}

}  // namespace nsai::actors

// Effects become changes in the store and mail that waits for the commit.
#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"
#include "actors/tenant_supervisor.hpp"
#include "actors/trace_id.hpp"

namespace nsai::actors {
namespace {

using wake_atom = caf::atom_constant<caf::atom("wake")>;
using probe_atom = caf::atom_constant<caf::atom("probe")>;

}  // namespace

void scheduler_state::apply(scheduling::event const& e) {
  effects_.clear();
  applied_at_ = now();
  core_.apply(e, applied_at_, effects_);
  auto list = std::move(effects_);
  for (auto& effect : list)
    std::visit([this](auto& each) { perform(each); }, effect);
  // Its memory serves the next event, unless one huge array has blown it up.
  constexpr std::size_t usual = 4096;
  if (list.capacity() <= usual) {
    list.clear();
    effects_ = std::move(list);
  }
}

void scheduler_state::perform(scheduling::job_created& e) {
  auto& s = *submitting_[e.request].request;
  bool const is_child = static_cast<bool>(e.parent);
  if (!is_child && batch_ != nullptr)
    name_numbers(batch_->jobs[e.request], s);
  if (!is_child && s.trace_id.empty())
    s.trace_id = trace_id_of(options_.trace_seed, e.id);
  else if (!is_child)
    traces_[e.id] = std::make_shared<std::string const>(s.trace_id);
  if (is_child && (s.array || s.nodes > 1)) {
    insert_child(e, s);
    return;
  }
  auto const created_at = applied_at_;
  // The context of a step comes from its predecessors, through the store, and so does what the jobs
  // leave on which one depends.
  if (!is_child && s.pipeline.empty() && dependencies_of(s.constraints) == 0)
    keep_payload(e.id, s);
  if (!is_child && pipeline_.insert_alike(e.id, e.status, created_at, s))
    return;
  store::insert_job insert;
  auto& record = insert.record;
  record.id = e.id;
  record.tenant_id = s.tenant_id;
  record.name_space = s.name_space;
  record.stage = s.stage;
  record.priority = s.priority;
  record.kind = s.kind;
  record.status = e.status;
  record.created_at = created_at;
  if (e.status == job_status::queued)
    record.queued_at = created_at;
  insert.position = e.position;
  insert.children = e.children;
  record.owner = s.owner;
  record.tags = s.tags;
  record.trace_id = s.trace_id;
  record.metadata = s.metadata;
  record.context = s.context;
  if (is_child) {
    auto& step = s.pipeline[e.position];
    record.parent_id = e.parent;
    record.kind = job_kind::experiment_step;
    record.priority = step.priority.value_or(s.priority);
    if (step.reuse)
      record.retry_of = step.reuse;
    record.stage = step.stage;
    record.name = step.name;
    record.options = step.options;
    record.resources = step.resources;
    record.constraints = step.constraints;
    insert.after = step.after;
    pipeline_.changes().emplace_back(std::move(insert));
    return;
  }
  record.name = s.name;
  record.unique = s.unique;
  record.options = s.options;
  record.resources = s.resources;
  record.constraints = s.constraints;
  if (s.retry_of)
    record.retry_of = s.retry_of;
  insert.key = s.key;
  insert.key_digest = submitting_[e.request].digest;
  insert.array = s.array;
  pipeline_.insert_leader(std::move(insert), s);
}

/// The names of a batch have numbers now: what a job waits for was made before it.
void scheduler_state::name_numbers(scheduling::job_submitted const& of, submission& s) const {
  for (auto const position : of.after)
    s.constraints.depends_on.push_back(core_.batch_answers()[position].id);
  for (auto const position : of.after_any)
    s.constraints.after_any.push_back(core_.batch_answers()[position].id);
}

/// So that the usual grant needs no look into the store. Beyond a bound the grant's commit brings
/// the payload along.
void scheduler_state::keep_payload(job_id id, submission const& s) {
  constexpr std::size_t most_bytes = 96 * 1024 * 1024;
  held_payload held{s.options, s.context};
  if (!s.array && s.nodes == 1 && payload_bytes_ + held.bytes() > most_bytes)
    return;
  payload_bytes_ += held.bytes();
  payloads_.insert_or_assign(id, std::move(held));
}

void scheduler_state::drop_payload(job_id id) {
  auto const found = payloads_.find(id);
  if (found == payloads_.end())
    return;
  payload_bytes_ -= found->second.bytes();
  payloads_.erase(found);
}

/// Children that are created one after the other share one change: an array may have a million of
/// them.
void scheduler_state::insert_child(scheduling::job_created const& e, submission const& s) {
  auto& changes = pipeline_.changes();
  auto* run = changes.empty() ? nullptr : std::get_if<store::insert_children>(&changes.back());
  if (run == nullptr || run->parent != e.parent)
    run = &std::get<store::insert_children>(changes.emplace_back(
        store::insert_children{e.parent, s.kind, s.priority, applied_at_, {}}));
  auto const index = s.array ? std::optional{index_at(*s.array, e.position)} : std::nullopt;
  run->list.push_back({e.id, e.position, index, e.status});
}

void scheduler_state::perform(scheduling::job_changed& e) {
  store::change_job change;
  change.id = e.id;
  change.status = e.status;
  change.own_failures = e.own_failures;
  change.infra_failures = e.infra_failures;
  change.eligible_at = e.eligible_at;
  change.cancel_requested = e.cancel_requested;
  change.handed_back = e.handed_back;
  change.preempted = e.preempted;
  change.preemptions = e.preemptions;
  change.attempt = e.attempt;
  change.started_at = applied_at_;
  if (e.status == job_status::queued)
    change.queued_at = applied_at_;
  pipeline_.changes().emplace_back(change);
}

void scheduler_state::perform(scheduling::node_order_changed& e) {
  pipeline_.changes().emplace_back(store::set_node_order{*e.order});
}

/// Once a commit for each tenant, however many attempts have ended.
void scheduler_state::perform(scheduling::tenant_spent& e) {
  spent_[e.tenant_id] = e.spent;
}

void scheduler_state::perform(scheduling::attempt_granted& e) {
  auto const facts = core_.facts(e.ref.job);
  held_start start;
  auto& m = start.message;
  m.ref = e.ref;
  m.tenant_id = facts.tenant_id;
  m.stage = facts.stage;
  m.cpu = facts.resources.cpu;
  m.memory_mb = facts.resources.memory_mb;
  m.devices = e.devices;
  m.timeout_ms = facts.constraints.timeout_ms.value_or(0);
  m.grace_ms = facts.constraints.grace_ms;
  m.stop_signal = facts.constraints.stop_signal;
  m.array_index = facts.array_index;
  m.gang = e.gang.take();
  if (!facts.step.empty()) {
    m.run = facts.parent;
    m.step = facts.step;
  }
  m.trace_id = trace_of(facts.parent ? facts.parent : e.ref.job);
  auto const held = payloads_.find(facts.in_array ? facts.parent : e.ref.job);
  if (held != payloads_.end()) {
    m.options = held->second.options;
    m.context = held->second.context;
  } else {
    start.payload_at = pipeline_.next_payload();
  }
  store::grant_attempt grant;
  grant.ref = e.ref;
  grant.node_uuid = *e.node_uuid;
  grant.node_name = *e.node_name;
  grant.incarnation = e.incarnation;
  grant.devices = std::move(e.devices);
  grant.started_at = applied_at_;
  grant.cost_rate = e.cost_rate;
  grant.want_payload = start.payload_at.has_value();
  pipeline_.changes().emplace_back(std::move(grant));
  auto& mail = pipeline_.mail().nodes[*e.node_uuid];
  mail.session = e.session;
  mail.starts.push_back(std::move(start));
}

void scheduler_state::perform(scheduling::attempt_closed& e) {
  progress_.erase(e.ref);
  store::close_attempt closed;
  closed.job = e.ref.job;
  closed.attempt.number = e.ref.attempt;
  closed.attempt.node = e.node_name;
  closed.attempt.outcome = e.result;
  closed.attempt.duration_ms = e.duration_ms;
  closed.attempt.started_at = applied_at_ + -e.duration_ms;
  closed.attempt.error = e.error.take();
  if (outcome_ != nullptr && outcome_->ref == e.ref) {
    closed.attempt.worker = outcome_->worker;
    closed.attempt.peak_memory_mb = outcome_->peak_memory_mb;
    closed.attempt.peak_gpu_memory_mb = outcome_->peak_gpu_memory_mb;
  }
  closed.cost = e.cost;
  closed.keeps_result = e.keeps_result;
  if (e.keeps_result) {
    closed.result = outcome_->value;
    closed.context = outcome_->context;
    closed.backend = outcome_->backend;
  }
  pipeline_.changes().emplace_back(std::move(closed));
}

void scheduler_state::perform(scheduling::job_ended& e) {
  store::end_job end;
  end.id = e.id;
  end.status = e.status;
  end.completed_at = applied_at_;
  end.duration_ms = e.duration_ms;
  end.error = e.error;
  end.context_from = std::move(e.context_from);
  end.cost = e.cost;
  end.has_kept = e.from_kept;
  end.result_of = e.result_of;
  if (e.from_outcome) {
    end.result = outcome_->value;
    end.context = outcome_->context;
  }
  if (outcome_ != nullptr && outcome_->ref.job == e.id && !e.from_kept) {
    end.worker = outcome_->worker;
    end.backend = outcome_->backend;
    end.peak_memory_mb = outcome_->peak_memory_mb;
    end.peak_gpu_memory_mb = outcome_->peak_gpu_memory_mb;
  }
  if (e.summary)
    end.result.text = *e.summary;
  if (!watchers_.empty() && watchers_.contains(e.id))
    pipeline_.mail().ended.push_back({e.id, e.status, e.attempt, end.result, e.error.take()});
  drop_payload(e.id);
  if (!progress_.empty())
    progress_.erase({e.id, e.attempt});
  pipeline_.changes().emplace_back(std::move(end));
}

void scheduler_state::perform(scheduling::attempt_stopped& e) {
  auto& mail = pipeline_.mail().nodes[e.node_uuid];
  mail.session = e.session;
  mail.stops.push_back(e.ref);
}

void scheduler_state::perform(scheduling::outcome_settled& e) {
  pipeline_.mail().nodes[e.node_uuid].settled.push_back(e.ref);
}

/// The supervisor slows what only fails by what runs, not by whose it is.
void scheduler_state::perform(scheduling::consult_supervisor& e) {
  e.stage = labels_.at(e.label).fingerprint();
  pipeline_.mail().consults.push_back(std::move(e));
}

void scheduler_state::perform(scheduling::happened& e) {
  auto const* label = e.job ? &labels_.at(e.label) : nullptr;
  // A supervisor exists once something of its tenant has failed; before, nobody counts failures.
  bool const counted = e.what == scheduling::happening::job_completed && !e.reused &&
                       !supervisors_.empty() && label != nullptr;
  if (counted && supervisors_.contains(label->tenant_id))
    pipeline_.mail().succeeded[label->tenant_id].insert(label->fingerprint());
  if (e.what == scheduling::happening::job_progress)
    progress_[{e.job, e.attempt}] = {milli{e.progress_permille}, e.detail};
  // So that a number is never given twice, whatever crash comes between.
  constexpr std::uint64_t reserved_at_once = 1'000'000;
  if (++events_promised_ > events_reserved_) {
    events_reserved_ = events_promised_ + reserved_at_once;
    pipeline_.changes().emplace_back(store::reserve_events{events_reserved_});
  }
  std::shared_ptr<std::string const> trace;
  if (!traces_.empty()) {
    if (auto const found = traces_.find(e.parent ? e.parent : e.job); found != traces_.end())
      trace = found->second;
    if (e.what == scheduling::happening::job_completed ||
        e.what == scheduling::happening::job_failed ||
        e.what == scheduling::happening::job_canceled)
      traces_.erase(e.job);
  }
  pipeline_.mail().happened.push_back({std::move(e), label, applied_at_, std::move(trace)});
}

std::string scheduler_state::trace_of(job_id root) const {
  auto const found = traces_.find(root);
  return found != traces_.end() ? *found->second : trace_id_of(options_.trace_seed, root);
}

void scheduler_state::perform(scheduling::wake_at& e) {
  wake_at_ = e.at;
  auto const delay = std::max<std::int64_t>(0, e.at - applied_at_);
  self_->delayed_send(self_, std::chrono::milliseconds{delay}, wake_atom::value, e.at.ms);
}

void scheduler_state::settle() {
  if (!store_error_.empty())
    return;
  submit_due();
  if (!pipeline_.ready())
    return;
  for (auto const& [tenant, spent] : std::exchange(spent_, {}))
    pipeline_.changes().emplace_back(store::put_spending{tenant, spent});
  if (pipeline_.nothing_to_store()) {
    std::vector<store::payload> none;
    deliver(pipeline_.take_mail(), none);
    return;
  }
  self_->send(writer_, pipeline_.begin());
}

void scheduler_state::committed(commit_done const& done) {
  if (done.number == 0) {  // the answer to a probe
    if (done.error.empty() && !store_error_.empty()) {
      spdlog::info("the store takes writes again");
      refuse_waiting();  // what the core that goes now has decided since
      load();
      store_error_.clear();
    } else if (!done.error.empty()) {
      self_->delayed_send(self_, std::chrono::seconds{1}, probe_atom::value);
    }
    settle();
    return;
  }
  if (!pipeline_.expects(done.number))
    return;
  if (!done.error.empty()) {
    degrade(done.error);
    return;
  }
  deliver(pipeline_.finish(), *done.payloads);
  for (auto const& continuation : *done.continuations)
    if (continuation)
      continuation();
  settle();
}

void scheduler_state::deliver(outbox mail, std::vector<store::payload>& payloads) {
  for (auto& reply : mail.registrations)
    reply.to.deliver(std::move(reply.message));
  for (auto& [uuid, node] : mail.nodes)
    deliver_mail_of(uuid, node, payloads);
  for (auto& reply : mail.submitted)
    reply.to.deliver(std::move(reply.message));
  for (auto& reply : mail.answers)
    reply.to.deliver(std::move(reply.message));
  for (auto& reply : mail.recurrences)
    reply.to.deliver(std::move(reply.message));
  if (!mail.ended.empty())
    deliver_ends(std::move(mail.ended));
  for (auto& consult : mail.consults)
    self_->send(supervisor_of(consult.tenant_id), std::move(consult));
  for (auto& [tenant, stages] : mail.succeeded)
    self_->send(supervisor_of(tenant), stages_succeeded{{stages.begin(), stages.end()}});
  if (!mail.happened.empty())
    self_->send(feed_, occurrences{std::move(mail.happened)});
}

void scheduler_state::deliver_mail_of(std::string const& uuid, node_mail& mail,
                                      std::vector<store::payload>& payloads) {
  auto const link = links_.find(uuid);
  if (link == links_.end())
    return;  // it will register again, and what it holds is compared then
  auto const& [executor, session] = link->second;
  if (!mail.starts.empty() && mail.session == session) {
    start_attempts message;
    message.session = session;
    message.attempts.reserve(mail.starts.size());
    for (auto& start : mail.starts) {
      if (start.payload_at) {
        auto& payload = payloads.at(*start.payload_at);
        start.message.options = std::move(payload.options);
        start.message.context = std::move(payload.context);
      }
      message.attempts.push_back(std::move(start.message));
    }
    self_->send(executor, std::move(message));
  }
  if (!mail.stops.empty())
    self_->send(executor, stop_attempts{session, std::move(mail.stops)});
  if (!mail.settled.empty())
    self_->send(executor, outcomes_recorded{std::move(mail.settled)});
}

void scheduler_state::deliver_ends(std::vector<job_end>&& ended) {
  std::map<caf::actor, jobs_ended> letters;
  for (auto& end : ended) {
    auto const found = watchers_.find(end.id);
    if (found == watchers_.end())
      continue;
    auto& watchers = found->second;
    for (std::size_t i = 0; i + 1 < watchers.size(); ++i)
      letters[watchers[i]].jobs.push_back(end);
    letters[watchers.back()].jobs.push_back(std::move(end));
    watchers_.erase(found);
  }
  for (auto& [watcher, letter] : letters)
    self_->send(watcher, std::move(letter));
}

void scheduler_state::degrade(std::string why) {
  spdlog::error("the store refused a commit: {}; submissions are refused until it takes writes",
                why);
  store_error_ = std::move(why);
  // Nothing of what was not committed has been told to anyone. The nodes register again and report
  // what they hold; outcomes stay in their spools until they are recorded.
  refuse_waiting();
  for (auto& [uuid, link] : links_)
    link.session = 0;
  self_->delayed_send(self_, std::chrono::seconds{1}, probe_atom::value);
}

void scheduler_state::refuse_waiting() {
  auto const refusal = store_refusal();
  for (auto& box : pipeline_.abandon()) {
    for (auto& reply : box.submitted) {
      for (auto& result : reply.message.results)
        result = {{}, {}, 0, refusal};
      reply.to.deliver(std::move(reply.message));
    }
    for (auto& reply : box.answers)
      reply.to.deliver(answer{refusal});
    for (auto& reply : box.recurrences)
      reply.to.deliver(recurrence_list{{}, refusal});
    for (auto& reply : box.registrations)
      reply.to.deliver(caf::make_error(caf::sec::runtime_error));
    for (auto const& refuse : box.refusals)
      refuse(refusal);
  }
}

error_info scheduler_state::store_refusal() const {
  auto error =
      error_of("unavailable", "store", "the scheduler's store takes no writes: " + store_error_);
  error.retryable = true;
  return error;
}

caf::actor const& scheduler_state::supervisor_of(std::string const& tenant) {
  auto& supervisor = supervisors_[tenant];
  if (!supervisor) {
    supervisor = self_->spawn(tenant_supervisor, tenant);
    self_->monitor(supervisor);
  }
  return supervisor;
}

}  // namespace nsai::actors

// What people ask for, what supervisors answer, and what comes twice.
#include <algorithm>

#include "simulation/fault_world.hpp"

namespace nsai::simulation {

using namespace scheduling;

constraints fault_world::some_constraints() {
  constraints c;
  c.max_retries = static_cast<std::int32_t>(below(4));
  c.max_infra_retries = static_cast<std::int32_t>(below(8));
  c.preemptible = one_in(2);
  if (one_in(2))
    c.timeout_ms = static_cast<std::int64_t>(below(20'000));
  if (one_in(4))
    c.max_cost_usd = micro{static_cast<std::int64_t>(1 + below(4'000))};
  if (one_in(8))
    c.not_before = now() + static_cast<std::int64_t>(below(5'000));
  if (one_in(8))
    c.deadline = now() + (static_cast<std::int64_t>(below(30'000)) - 100);
  while (one_in(4) && !decided_.rows().empty())
    (one_in(2) ? c.depends_on : c.after_any)
        .push_back({1 + below(decided_.rows().rbegin()->first.value)});
  if (one_in(2))
    c.on_failed_dependency = dependency_rule::skip;
  if (one_in(3)) {
    auto const group = below(2);
    c.concurrency_group = "g" + std::to_string(group);
    c.max_concurrent_in_group = static_cast<std::int32_t>(1 + group);
  }
  return c;
}

/// No node has more than these, so that nothing waits for ever.
resources fault_world::some_resources() {
  resources r;
  r.cpu.value = static_cast<std::int64_t>(below(3)) * 500;
  r.memory_mb = one_in(3) ? static_cast<std::int64_t>(below(60'000)) : 0;
  static std::vector<std::string> const models{"A100", "H100", "A100|H100", "", "T4"};
  if (one_in(3)) {
    r.gpu_count = 1;
    r.gpu = models[below(models.size())];
    if (one_in(2))
      r.gpu_share.value = static_cast<std::int64_t>(1 + below(1000));
    if (r.gpu == "A100" && r.gpu_share.value == 1000)
      r.gpu_count = static_cast<std::int32_t>(1 + below(2));
  }
  return r;
}

std::shared_ptr<submission> fault_world::some_submission() {
  auto s = std::make_shared<submission>();
  s->tenant_id = std::string(1, static_cast<char>('a' + below(3)));
  s->owner = std::string(1, static_cast<char>('x' + below(2)));
  s->priority = static_cast<priority>(below(4));
  s->stage = one_in(2) ? "brief" : "echo";
  s->resources = one_in(2) ? resources{} : some_resources();
  s->constraints = one_in(2) ? constraints{} : some_constraints();
  if (one_in(5))
    s->key = "k" + std::to_string(below(10));
  if (one_in(8))
    s->unique = "u" + std::to_string(below(3));
  auto const kind = below(10);
  if (kind == 0) {
    s->array.emplace();
    s->array->last = static_cast<std::int64_t>(below(12));
    s->array->limit = static_cast<std::int64_t>(below(4));
  } else if (kind == 1) {
    s->constraints.max_cost_usd.reset();
    s->constraints.concurrency_group.clear();
    s->constraints.max_concurrent_in_group = 1;
    auto const steps = 1 + static_cast<std::uint32_t>(below(5));
    for (std::uint32_t i = 0; i < steps; ++i) {
      step_spec step;
      step.stage = "echo";
      step.constraints = one_in(3) ? some_constraints() : constraints{};
      for (std::uint32_t before = 0; before < i; ++before)
        if (one_in(2))
          step.after.push_back(before);
      s->pipeline.push_back(step);
    }
  } else if (kind <= 3) {
    s->nodes = static_cast<std::int32_t>(2 + below(3));
    s->resources.gpu_count = 0;
    s->resources.gpu.clear();
    s->resources.gpu_share = milli{1000};
  }
  keep(promise::contract, !complete_and_check(*s), "a sound submission");
  return s;
}

void fault_world::submit_something() {
  auto const s = some_submission();
  if (!s->key.empty())
    keyed_.push_back(s);
  submit(s);
}

/// Of the jobs that it names, those that have ended.
std::vector<ended_job> fault_world::ended_before(submission const& s) const {
  std::vector<ended_job> found;
  auto const look_up = [&](constraints const& c) {
    for (auto const* const list : {&c.depends_on, &c.after_any})
      for (auto const id : *list)
        if (auto const row = decided_.rows().find(id);
            row != decided_.rows().end() && is_terminal(row->second.facts.record.status))
          found.push_back(
              {id, row->second.facts.record.status, row->second.facts.record.tenant_id});
  };
  look_up(s.constraints);
  for (auto const& step : s.pipeline)
    look_up(step.constraints);
  return found;
}

/// Sound submissions are refused only for what they do not know: settings, other jobs, and how many
/// nodes there are.
void fault_world::check_refusal(submission const& s, error_info const& error) const {
  static std::set<std::string> const by_settings{"budget", "rate_limited", "quota"};
  if (by_settings.contains(error.code))
    return;
  bool const too_many = s.nodes > 1 && error.field == "nodes";
  keep(promise::contract,
       too_many || (error.field && (error.field->ends_with("constraints.depends_on") ||
                                    error.field->ends_with("constraints.after_any"))),
       "no refusal but for unknown dependencies and gangs that are too large");
}

/// Several at once, of which some wait for others: all are made, or none.
void fault_world::submit_batch() {
  if (life_ == 0)
    return;
  auto const list = std::make_shared<std::vector<submission>>();
  for (auto count = 2 + below(4); count > 0; --count) {
    list->push_back(*some_submission());
    list->back().key.clear();
  }
  batch_submitted e;
  for (std::uint32_t i = 0; i < list->size(); ++i) {
    job_submitted one;
    one.request = &(*list)[i];
    one.ended = ended_before(*one.request);
    for (std::uint32_t before = 0; before < i; ++before)
      if (one_in(3))
        (one_in(2) ? one.after : one.after_any).push_back(before);
    e.jobs.push_back(std::move(one));
  }
  // As the store is told: by the numbers that they got.
  auto const name_others = [&] {
    auto const& made = core_.batch_answers();
    for (std::size_t i = 0; i < list->size(); ++i) {
      for (auto const before : e.jobs[i].after)
        (*list)[i].constraints.depends_on.push_back(made[before].id);
      for (auto const before : e.jobs[i].after_any)
        (*list)[i].constraints.after_any.push_back(made[before].id);
    }
  };
  apply(e, {list, list->data()}, {}, name_others);
  auto const answers = core_.batch_answers();
  auto const refused = std::count_if(answers.begin(), answers.end(),
                                     [](submit_result const& each) { return bool{each.error}; });
  keep(promise::contract, refused == 0 || refused == std::ssize(answers),
       "all of a batch, or none");
  say([&] {
    return "a batch of " + std::to_string(list->size()) + " is " +
           (refused > 0
                ? "refused"
                : "submitted, from job " + std::to_string(answers.front().id.value) + " on");
  });
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (!answers[i].error)
      open_.acknowledged.push_back({answers[i].id, (*list)[i].tenant_id, {}});
    else if (answers[i].error->code != "batch_refused")
      check_refusal((*list)[i], *answers[i].error);
}

/// The reply is lost while the scheduler is down, or with its commit: whoever has a key asks again.
void fault_world::submit(std::shared_ptr<submission const> s) {
  if (life_ == 0)
    return;
  auto const held = core_.find_key(s->tenant_id, s->key);
  auto const kept = s->key.empty() ? job_id{} : decided_.find_key(s->tenant_id, s->key);
  if (!held && kept) {  // it has ended: the store answers
    open_.acknowledged.push_back({kept, s->tenant_id, s->key});
    return;
  }
  job_submitted e;
  e.request = s.get();
  e.ended = ended_before(*s);
  apply(e, s);
  auto const answer = core_.last_answer();
  if (held)
    keep(promise::p1_ends_once, answer == *held, "the same answer for the same key", held->id);
  if (answer.error) {
    check_refusal(*s, *answer.error);
    return;
  }
  if (answer.existing) {  // it may have come with another key
    keep(promise::contract, decided_.at(answer.id).facts.record.unique == s->unique,
         "the answer for a unique job has its word", answer.id);
    open_.acknowledged.push_back({answer.id, s->tenant_id, {}});
    return;
  }
  say([&] {
    return "job " + std::to_string(answer.id.value) + " of " + s->tenant_id + " is submitted, " +
           to_string(s->priority) +
           (s->array              ? ", an array"
            : s->nodes > 1        ? ", a gang of " + std::to_string(s->nodes)
            : s->pipeline.empty() ? ""
                                  : ", steps");
  });
  open_.acknowledged.push_back({answer.id, s->tenant_id, s->key});
}

void fault_world::submit_again() {
  if (!keyed_.empty())
    submit(keyed_[below(keyed_.size())]);
}

void fault_world::cancel_one() {
  if (life_ == 0 || decided_.rows().empty())
    return;
  job_id const id{1 + below(decided_.rows().rbegin()->first.value)};
  bool const known = core_.knows(id);
  say([&] { return "job " + std::to_string(id.value) + " is canceled"; });
  apply(cancel_requested{id});
  keep(promise::contract, known == !core_.last_answer().error, "a cancel of what lives", id);
}

void fault_world::drain_one() {
  if (life_ == 0)
    return;
  drain_ordered e{{any_machine().info.name}};
  if (one_in(2))
    e.deadline_ms = static_cast<std::int64_t>(below(5'000));
  say([&] { return e.nodes.front() + " is drained"; });
  apply(e);
}

void fault_world::announce_one() {
  if (life_ == 0)
    return;
  maintenance_window w;
  w.from = now() + static_cast<std::int64_t>(below(20'000));
  w.until = w.from + static_cast<std::int64_t>(1 + below(10'000));
  apply(drain_ordered{{any_machine().info.name}, {}, {}, w});
}

void fault_world::resume_one() {
  if (life_ != 0)
    apply(resume_ordered{{any_machine().info.name}});
}

/// Somebody edits the config. Nothing in it keeps a job from ever starting.
void fault_world::change_tenants() {
  auto& a = settings_.tenants["a"];
  a.max_priority = priority::realtime;
  a.quota = {};
  if (one_in(2))
    // A gang that was accepted before waits for a quota that is large enough.
    a.quota.running = static_cast<std::int64_t>((calm_ ? 4 : 2) + below(2));
  if (one_in(2))
    a.quota.gpus_by_model["A100"] = milli{2'000};
  a.budget_usd.reset();
  if (one_in(2) && !calm_)
    a.budget_usd = micro{static_cast<std::int64_t>(1 + below(60'000))};
  auto& b = settings_.tenants["b"];
  b.weight.value = static_cast<std::int64_t>(1 + below(3)) * 1000;
  b.submit_rate.reset();
  if (one_in(3) && !calm_)
    b.submit_rate = tenant_rate{5, 1000, 20};
  say([] { return "the tenants' settings change"; });
  if (life_ != 0)
    apply(tenants_changed{settings_.tenants});
}

void fault_world::answer_one() {
  if (questions_.empty())
    return;
  auto const at = static_cast<std::ptrdiff_t>(below(questions_.size()));
  auto const q = questions_[static_cast<std::size_t>(at)];
  if (calm_ || !one_in(5))  // else it is answered twice, or differently
    questions_.erase(questions_.begin() + at);
  answer(q, calm_ ? one_in(2) : !one_in(4), calm_ ? 0 : delay());
}

void fault_world::answer(consult_supervisor const& q, bool retry, std::int64_t after_ms) {
  if (!retry)
    given_up_.insert(q.ref);
  supervisor_decided const decided{q.ref, retry, static_cast<std::int64_t>(below(3)) * 700};
  network_.remind(true_ms_ + after_ms, 0, decision{life_, decided});
}

/// It has forgotten what it was asked.
void fault_world::restart_supervisor() {
  if (life_ == 0)
    return;
  ++faults_;
  std::string const tenant(1, static_cast<char>('a' + below(3)));
  std::erase_if(questions_, [&](auto const& q) { return q.tenant_id == tenant; });
  apply(supervisor_restarted{tenant});
}

void fault_world::repeat_old_outcome() {
  if (life_ == 0 || old_outcomes_.empty())
    return;
  ++faults_;
  auto [from, outcome] = old_outcomes_[below(old_outcomes_.size())];
  if (one_in(4))
    from = below(machines_.size());
  ended(from, outcome);
}

}  // namespace nsai::simulation

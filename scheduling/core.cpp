#include "scheduling/core.hpp"

#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {

core::core(core_settings settings) : state_(std::make_unique<state>(std::move(settings))) {}
core::~core() = default;
core::core(core&&) noexcept = default;
core& core::operator=(core&&) noexcept = default;

core::state::state(core_settings given) : core_queries(std::move(given)) {
  use_tenants(*this);
  for (auto const& stage : settings.known_stages) {
    auto const index = stage_names.intern(stage.name);
    stages.resize(std::max<std::size_t>(stages.size(), index + 1));
    stages[index].description = stage;
  }
}

void core::apply(event const& e, timestamp now, effects& out) {
  state_->begin(now, out);
  std::visit([this](auto const& each) { state_->handle(each); }, e);
  state_->finish();
}

void core::state::begin(timestamp at, effects& to) {
  out = &to;
  auto const before = now;
  now = std::max(now, at);  // time that runs backwards stands still here
  shares.advance(now);
  nodes.now = now;
  bool const stalled = before && now - before > settings.lease_ms;
  if (stalled && nodes.size() > 0) {
    // Nobody was heard because the scheduler did not listen.
    heard_floor = now;
    no_loss_before = std::max(no_loss_before, now + settings.stall_grace_ms);
  }
}

void core::state::finish() {
  if (restoring) {  // nothing is decided on half of what is known
    out = nullptr;
    return;
  }
  follow_up();
  fire_timers();
  if (adopt_until && now >= adopt_until)
    expire_unconfirmed();
  if (next_silence && now >= next_silence)
    watch_silence();
  if (next_rest_end && now >= next_rest_end)
    end_rests();
  if (next_service && now >= next_service)
    look_at_service();
  fire_recurrences();
  if (next_health && now >= next_health)
    look_at_health();
  follow_up();
  dispatch();  // last: whoever performs the effects finds every granted job alive
  tell_wake();
  out = nullptr;
}

void core::state::fire_timers() {
  while (auto const due = clock.take_due(now)) {
    auto& j = at(due->job);
    switch (due->kind) {
      case timer_kind::not_before:
        drop_hold(j, hold_time);
        break;
      case timer_kind::backoff:
        end_backoff(j);
        break;
      case timer_kind::deadline:
        stop(j, true);
        break;
      case timer_kind::max_cost:
        if (j.composite) {
          gang_reached_max_cost(j);
        } else if (!j.is_stopped()) {
          j.overspent = true;
          stop_attempt(j);
        }
        break;
    }
    follow_up();
  }
}

void core::state::handle(recurrence_set const& e) {
  recurrences.set({e.tenant_id, e.name}, e.times, e.next_at, now);
}

void core::state::handle(recurrence_canceled const& e) {
  recurrences.erase({e.tenant_id, e.name});
}

void core::state::fire_recurrences() {
  for (auto const& due : recurrences.take_due(now))
    emit(recurrence_due{due.of.first, due.of.second, due.next_at});
}

// Asked for again only when the promise made before is used up or too late: an event that changes
// nothing about time adds no effect.
void core::state::tell_wake() {
  timestamp wanted = clock.next();
  take_earlier(wanted, adopt_until);
  take_earlier(wanted, next_silence);
  take_earlier(wanted, next_rest_end);
  take_earlier(wanted, next_service);
  if (queues.count() > 0 && reserving_due)
    take_earlier(wanted, next_reserving);
  take_earlier(wanted, next_health);
  take_earlier(wanted, recurrences.next());
  if (nodes.size() > 0 && settings.wake_every_ms > 0)
    take_earlier(wanted, now + settings.wake_every_ms);
  if (!wanted || (announced_wake > now && announced_wake <= wanted))
    return;
  announced_wake = std::max(wanted, now + 1);
  emit(wake_at{announced_wake});
}

job& core_queries::at(job_id id) {
  auto* const found = jobs.find(id);
  NSAI_ASSERT(found != nullptr);
  return *found;
}

rare_facts& core_queries::rare(job& j) {
  j.rare = true;
  return rares[j.id];
}

rare_facts const* core_queries::find_rare(job const& j) const {
  return j.rare ? &rares.at(j.id) : nullptr;
}

submit_answer const& core::last_answer() const {
  return state_->answer;
}

std::vector<submit_answer> const& core::batch_answers() const {
  return state_->answers;
}

timestamp core::next_recurrence(std::string const& tenant, std::string const& name) const {
  return state_->recurrences.next_of({tenant, name});
}

bool core::knows(job_id job) const {
  return state_->jobs.find(job) != nullptr;
}

std::size_t core::live_jobs() const {
  return state_->jobs.size();
}

job_status core::status_of(job_id job) const {
  return state_->at(job).status;
}

std::string const& core::tenant_of(job_id job) const {
  return state_->tenants[state_->at(job).tenant];
}

live_job core::look_up(job_id job) const {
  return state_->look_up(state_->at(job));
}

explanation core::explain(job_id job) const {
  return state_->explain(state_->at(job));
}

start_facts core::facts(job_id job) const {
  return state_->facts(state_->at(job));
}

std::optional<submit_result> core::find_key(std::string const& tenant,
                                            std::string const& key) const {
  auto const known = state_->tenants.find(tenant);
  if (key.empty() || known == none)
    return std::nullopt;
  auto const found = state_->keys.find(std::to_string(known) + "\n" + key);
  if (found == state_->keys.end())
    return std::nullopt;
  return state_->numbers_of(found->second);
}

bool core::is_current(attempt_ref ref) const {
  auto const* const j = state_->jobs.find(ref.job);
  return j != nullptr && state_->has_attempt(*j) && j->attempt == ref.attempt;
}

bool core::session_known(std::string const& uuid, std::uint64_t session) const {
  auto const* const node = state_->nodes.find(uuid);
  return node != nullptr && node->status != node_status::lost && node->session == session;
}

std::vector<node_record> core::nodes() const {
  return state_->node_records();
}

std::vector<stage_description> core::stages() const {
  std::vector<stage_description> list;
  for (auto const& stage : state_->stages)
    if (stage.description)
      list.push_back(*stage.description);
  std::sort(list.begin(), list.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
  return list;
}

void core::describe(stats& to) const {
  for (std::size_t level = 0; level < priority_levels; ++level) {
    auto const p = static_cast<priority>(level);
    to.queues[to_string(p)] =
        static_cast<std::int64_t>(state_->queues.count(p)) + state_->groups.parked(p);
  }
  to.running = state_->running;
  to.nodes = 0;
  std::as_const(state_->nodes).for_each([&](node_index, node_state const& node) {
    to.nodes += node.status == node_status::ready ? 1 : 0;
  });
  to.refused_outcomes = state_->refused_outcomes;
  to.live_jobs = static_cast<std::int64_t>(state_->jobs.size());
}

std::vector<tenant_record> core::tenants() const {
  return state_->tenant_records();
}

std::vector<used_amounts> core::usage() const {
  return state_->usage();
}

void core::check_invariants() const {
  state_->check();
}

}  // namespace nsai::scheduling

#include "simulation/fault_world.hpp"

#include <algorithm>

namespace nsai::simulation {

using namespace scheduling;

namespace {

node_info node_of(std::size_t number, std::int64_t cores, std::vector<std::string> const& models) {
  node_info n;
  n.name = n.uuid = "n" + std::to_string(number);
  n.incarnation = 1;
  n.cpus.value = cores * 1000;
  n.memory_mb = 100'000;
  for (auto const& model : models) {
    auto const index = static_cast<std::uint32_t>(n.gpus.size());
    n.gpus.push_back({index, n.name + "-" + std::to_string(index), model, 40'960, true});
  }
  stage_description echo;
  echo.name = "echo";
  stage_description brief;
  brief.name = "brief";
  brief.brief = true;
  n.stages = {echo, brief};
  return n;
}

}  // namespace

fault_world::fault_world(std::uint64_t seed, world_options options)
    : random_(seed), options_(std::move(options)) {
  settings_.adopt_ms = 20'000;
  settings_.stall_grace_ms = 10'000;
  settings_.half_life_ms = 120'000;
  settings_.immune_ms = 2'000;
  settings_.max_preemptions = 2;
  settings_.share_between_tenants = one_in(2);
  settings_.tenants["*"].max_priority = priority::realtime;
  if (one_in(2)) {
    settings_.tenants["a"].max_priority = priority::realtime;
    settings_.tenants["a"].quota.running = 2;
    settings_.tenants["a"].quota.cpu = milli{1'500};
  }
  settings_.tenants["b"].max_priority = priority::realtime;
  settings_.tenants["b"].weight.value = static_cast<std::int64_t>(1 + below(3)) * 1000;
  core_ = core{settings_};
  std::vector<std::vector<std::string>> const gpus{
      {}, {"A100", "A100"}, {"H100"}, {"A100", "H100", "T4"}, {}};
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    machine m;
    m.info = node_of(i, 2 + static_cast<std::int64_t>(below(4)), gpus[i]);
    if (one_in(2))  // a cent in seconds, so that limits are reached
      m.info.price_per_hour_usd.value = static_cast<std::int64_t>(below(5'000'000));
    machines_.push_back(std::move(m));
  }
  for (auto const& m : machines_)
    network_.remind(true_ms_, index_of(m), tick{m.info.incarnation});
}

void fault_world::say(std::function<std::string()> const& text) const {
  if (options_.trace)
    options_.trace(to_rfc3339(now()).substr(11, 12) + " " + text());
}

std::size_t fault_world::index_of(std::string const& uuid) const {
  auto const found = std::find_if(machines_.begin(), machines_.end(),
                                  [&](auto const& m) { return m.info.uuid == uuid; });
  keep(promise::contract, found != machines_.end(), "a node that has registered");
  return static_cast<std::size_t>(found - machines_.begin());
}

/// Of a message: mostly short, now and then longer than a lease.
std::int64_t fault_world::delay() {
  if (calm_)
    return static_cast<std::int64_t>(below(3));
  if (one_in(64))
    return static_cast<std::int64_t>(below(9'000));
  return static_cast<std::int64_t>(one_in(8) ? below(900) : below(12));
}

void fault_world::pass(std::int64_t ms) {
  auto const until = true_ms_ + ms;
  while (auto due = network_.take(until, true_ms_))
    deliver(*due);
  true_ms_ = until;
}

void fault_world::deliver(letter& l) {
  auto& m = machines_[l.machine];
  bool const heard_by_node = m.up && l.connection == m.connection;
  std::visit(
      [&](auto& what) {
        using kind = std::decay_t<decltype(what)>;
        if constexpr (requires { receive(l.machine, l.connection, what); }) {
          if (life_ != 0)
            receive(l.machine, l.connection, what);
        } else if constexpr (requires { receive(m, what); }) {
          if (heard_by_node)
            receive(m, what);
        } else if constexpr (std::is_same_v<kind, tick>) {
          if (m.up && what.incarnation == m.info.incarnation)
            tick_of(m);
        } else if constexpr (std::is_same_v<kind, attempt_over>) {
          if (what.incarnation == m.info.incarnation && m.attempts.contains(what.ref))
            finish(m, what.ref, attempt_result::none);
        } else if constexpr (std::is_same_v<kind, boot>) {
          boot_machine(m);
        } else if constexpr (std::is_same_v<kind, commit_over>) {
          committed(what.number);
        } else if constexpr (std::is_same_v<kind, wake>) {
          if (life_ != 0 && what.number == wake_no_)
            apply(clock_advanced{});
        } else if constexpr (std::is_same_v<kind, decision>) {
          if (what.life == life_)
            apply(what.what);
        } else {
          boot_scheduler();
        }
      },
      l.what);
  settle();
}

void fault_world::step() {
  act();
  settle();
}

void fault_world::act() {
  switch (below(32)) {
    case 0:
    case 1:
    case 2:
      return submit_something();
    case 3:
      return one_in(3) ? submit_batch() : submit_something();
    case 4:
      return submit_again();
    case 5:
      return cancel_one();
    case 6:
    case 7:
      return answer_one();
    case 8:
      return one_in(3) ? restart_supervisor() : repeat_old_outcome();
    case 9:
      return look();
    case 10:
      return one_in(2) ? drain_one() : resume_one();
    case 11:
      return one_in(6) ? announce_one() : resume_one();
    case 12:
      return cut(any_machine());
    case 13:
      ++faults_;
      return network_.stall(any_machine().connection,
                            true_ms_ + static_cast<std::int64_t>(below(12'000)));
    case 14:
      return one_in(2) ? crash(any_machine()) : void(any_machine().mute = !one_in(3));
    case 15:
      return one_in(4) ? leave(any_machine()) : void();
    case 16:
      return one_in(3) ? crash_scheduler() : void();
    case 17: {
      if (!one_in(3))
        return;
      ++faults_;
      offset_ms_ += static_cast<std::int64_t>(below(one_in(3) ? 90'000 : 1'500)) -
                    static_cast<std::int64_t>(below(1'500));
      return say([&] { return "the scheduler's clock jumps"; });
    }
    case 18:
      return life_ != 0 ? apply(clock_advanced{}) : void();
    case 19:
      return pass(static_cast<std::int64_t>(below(6'000)));
    case 20:
      return one_in(4) ? change_tenants() : void();
    default:
      return pass(static_cast<std::int64_t>(below(700)));
  }
}

std::int64_t fault_world::live() const {
  stats s;
  core_.describe(s);
  return s.live_jobs;
}

/// What is submitted waits for no place that never comes: with every node back, all of it ends.
void fault_world::settle_down() {
  calm_ = true;
  say([] { return "no more faults"; });
  for (auto& m : machines_)
    m.mute = m.sick = false;
  mend_gpus();
  change_tenants();
  pass(15'000);  // until what is down or stalled is back
  for (int round = 0; round < 3000 && (live() > 0 || committing_ || !open_.empty()); ++round) {
    while (!questions_.empty())
      answer_one();
    if (life_ != 0 && !decided_.orders().empty())
      apply(resume_ordered{{decided_.orders().begin()->first}});
    // Quarantines last up to an hour: somebody has looked.
    if (life_ != 0 && round % 64 == 0)
      for (auto const& m : machines_)
        apply(resume_ordered{{m.info.name}});
    settle();
    pass(1'000);
  }
  for (auto const& each : decided_.rows()) {
    auto const id = each.first;
    auto const& record = each.second.facts.record;
    if (is_terminal(record.status))
      continue;
    say([&] {
      return "job " + std::to_string(id.value) + " of " + record.tenant_id + " is " +
             to_string(record.status) +
             (life_ != 0 ? ": " + core_.look_up(id).wait_reason : std::string{});
    });
    keep(promise::p1_ends_once, false, "that everything ends once there are no more faults", id);
  }
  core_.check_invariants();
  durable_.check_spent();
  check_the_end();
}

void fault_world::check_the_end() const {
  for (auto const id : acknowledged_)
    keep(promise::p1_ends_once, durable_.rows().contains(id), "what was acknowledged", id);
  for (auto const& [id, row] : durable_.rows()) {
    keep(promise::p1_ends_once, row.durable_ends == 1, "one end", id);
    auto const allowed = allowed_failures(durable_, row);
    keep(promise::p4_retries, row.own_outcomes <= allowed, "at most max_retries + 1 failures", id);
    auto const& r = row.facts.record;
    bool const own_end =
        r.status == job_status::failed && row.error && row.error->code == "exit_status";
    bool const is_member = r.parent_id && durable_.at(*r.parent_id).facts.nodes > 1;
    if (own_end && !is_member && !given_up_.contains({id, r.attempt}))
      keep(promise::p4_retries, row.own_outcomes == allowed,
           "no retry fewer than max_retries while the supervisor goes on", id);
  }
}

}  // namespace nsai::simulation

// What a node does: it registers, beats, runs what it is told and keeps outcomes until they are
// recorded.
#include <algorithm>

#include "simulation/fault_world.hpp"

namespace nsai::simulation {
namespace {

constexpr std::int64_t beat_ms = 1000;

}  // namespace

void fault_world::to_scheduler(machine const& m, payload what) {
  network_.send(network::direction::to_scheduler, true_ms_ + delay(),
                {index_of(m), m.connection, std::move(what)});
}

void fault_world::tick_of(machine& m) {
  auto const silent_ms = true_ms_ - m.heard_ms;
  if (m.ends_ms > 0 && true_ms_ >= m.ends_ms)
    leave(m);
  if (!calm_ && !m.info.gpus.empty() && one_in(30))
    change_gpus(m);
  if (m.connection != 0 && silent_ms > settings_.lease_ms) {
    hang_up(m);
  } else if (m.connection == 0) {
    if (life_ != 0) {
      m.connection = network_.connect();
      greet(m);
    }
  } else if (m.session != 0 && !m.mute) {
    to_scheduler(m, heartbeat{m.session, {++next_port_}, m.gpus});
    for (auto const& outcome : m.spool)
      if (one_in(2))
        tell(m, outcome);
  }
  auto const jitter = static_cast<std::int64_t>(below(calm_ ? 10 : 200));
  network_.remind(true_ms_ + beat_ms + jitter, index_of(m), tick{m.info.incarnation});
}

/// A GPU fails or is sound again, or strangers take memory of it or give it back. What runs on one
/// that fails is ended.
void fault_world::change_gpus(machine& m) {
  ++faults_;
  m.gpus.resize(m.info.gpus.size());
  for (std::size_t i = 0; i < m.gpus.size(); ++i)
    m.gpus[i].index = static_cast<std::uint32_t>(i);
  auto& gpu = m.gpus[below(m.gpus.size())];
  auto const memory_mb = m.info.gpus[gpu.index].memory_mb;
  if (one_in(2)) {
    gpu.foreign_mb = one_in(2) ? 0 : static_cast<std::int64_t>(below(memory_mb + 1));
  } else if (!gpu.fault.empty()) {
    gpu.fault.clear();
  } else {
    gpu.fault = "XID 79";
    for (auto const& [ref, held] : std::map{m.attempts})
      for (auto const& device : held.what.devices)
        if (device.index == gpu.index && m.attempts.contains(ref))
          stop_one(m, ref, attempt_result::device_fault);
  }
  say([&] {
    return "GPU " + std::to_string(gpu.index) + " of " + m.info.name + ": fault \"" + gpu.fault +
           "\", " + std::to_string(gpu.foreign_mb) + " MiB of strangers";
  });
}

/// All are sound, and nobody else is there.
void fault_world::mend_gpus() {
  for (auto& m : machines_)
    for (auto& gpu : m.gpus) {
      gpu.fault.clear();
      gpu.foreign_mb = 0;
    }
}

void fault_world::greet(machine& m) {
  m.session = 0;
  m.heard_ms = true_ms_;
  hello h;
  h.generation = ++m.generation;
  h.registration.node = m.info;
  if (m.ends_ms > 0)
    h.registration.node.leaves_in_ms = std::max<std::int64_t>(1, m.ends_ms - true_ms_);
  for (auto const& [ref, held] : m.attempts)
    h.registration.held.push_back(held.what);
  h.registration.outcomes = m.spool;
  h.registration.gpus = m.gpus;
  to_scheduler(m, std::move(h));
}

void fault_world::receive(machine& m, welcome const& w) {
  if (w.generation != m.generation)
    return;
  m.session = w.session;
  m.heard_ms = true_ms_;
  for (auto const& outcome : m.spool)
    tell(m, outcome);
  if (m.leaving)
    to_scheduler(m, goodbye{m.session});
}

void fault_world::receive(machine& m, beat_answer const& a) {
  m.heard_ms = true_ms_;
  if (!a.known && m.session != 0)
    greet(m);
}

void fault_world::receive(machine& m, start const& s) {
  auto const ref = s.what.ref;
  if (s.session != m.session || m.attempts.contains(ref))
    return;
  if (auto const done =
          std::find_if(m.spool.begin(), m.spool.end(), [&](auto const& o) { return o.ref == ref; });
      done != m.spool.end()) {
    tell(m, *done);
    return;
  }
  if (m.never_starts.contains(ref))  // its stop was faster, and is settled
    return;
  for (auto const& [older, held] : std::map{m.attempts})
    if (older.job == ref.job && older.attempt < ref.attempt)
      stop_one(m, older, attempt_result::revoked);
  keep(promise::p2_fenced, started_.insert(ref).second, "that no attempt is started twice", ref);
  m.attempts[ref] = {s.what, s.brief};
  m.waiting.push_back(ref);
  check_room(m);
  if (m.leaving)
    finish(m, ref, attempt_result::returned);
  else
    launch(m);
}

/// P3 as the machine sees it, whatever the scheduler's books say. What may have been granted ahead
/// waits here until there is room.
void fault_world::check_room(machine const& m) const {
  std::map<std::uint32_t, std::int64_t> share;
  std::map<std::uint32_t, std::int64_t> memory;
  std::map<std::uint32_t, std::set<std::string>> tenants;
  std::int64_t cpu = 0;
  std::int64_t memory_mb = 0;
  for (auto const& [ref, held] : m.attempts) {
    cpu += held.brief ? 0 : held.what.cpu.value;
    memory_mb += held.what.memory_mb;
    for (auto const& d : held.what.devices) {
      share[d.index] += d.share_milli;
      memory[d.index] += d.memory_mb;
      tenants[d.index].insert(durable_.at(ref.job).facts.record.tenant_id);
      keep(promise::p3_capacity, share[d.index] <= 1000, "shares that fit the device", ref);
      keep(promise::p3_capacity, memory[d.index] <= m.info.gpus.at(d.index).memory_mb,
           "memory that fits the device", ref);
      keep(promise::p3_capacity, settings_.share_between_tenants || tenants[d.index].size() == 1,
           "one tenant a device", ref);
    }
    keep(promise::p3_capacity, cpu <= m.info.cpus.value, "cores that fit the node", ref);
    keep(promise::p3_capacity, memory_mb <= m.info.memory_mb, "memory that fits the node", ref);
  }
}

void fault_world::launch(machine& m) {
  std::int64_t used = 0;
  for (auto const& [ref, held] : m.attempts)
    used += held.started ? held.what.cpu.value : 0;
  while (!m.waiting.empty()) {
    auto const ref = m.waiting.front();
    auto const found = m.attempts.find(ref);
    if (found == m.attempts.end()) {
      m.waiting.pop_front();
      continue;
    }
    auto& held = found->second;
    if (used + held.what.cpu.value > m.info.cpus.value) {
      keep(promise::p3_capacity, held.brief, "room for what was not granted ahead", ref);
      return;
    }
    m.waiting.pop_front();
    used += held.what.cpu.value;
    held.started = true;
    auto const usual = even_ ? 2'000 + below(8'000) : below(one_in(2) ? 1'500 : 20'000);
    auto const takes = held.brief ? below(20) : usual;
    network_.remind(true_ms_ + static_cast<std::int64_t>(takes), index_of(m),
                    attempt_over{m.info.incarnation, ref});
  }
}

void fault_world::receive(machine& m, stop const& s) {
  if (m.attempts.contains(s.ref)) {
    stop_one(m, s.ref, attempt_result::canceled);
    return;
  }
  auto const done =
      std::find_if(m.spool.begin(), m.spool.end(), [&](auto const& o) { return o.ref == s.ref; });
  if (done != m.spool.end()) {
    tell(m, *done);
    return;
  }
  m.never_starts.insert(s.ref);
  m.spool.push_back(outcome_of(s.ref, attempt_result::canceled, 0));
  tell(m, m.spool.back());
}

void fault_world::stop_one(machine& m, attempt_ref ref, attempt_result as) {
  auto& held = m.attempts.at(ref);
  if (!held.started) {
    finish(m, ref, as);
    return;
  }
  held.stopping = true;
  held.stopped_as = as;
  network_.remind(true_ms_ + static_cast<std::int64_t>(below(3'000)), index_of(m),
                  attempt_over{m.info.incarnation, ref});
}

/// `none`: as it happens.
void fault_world::finish(machine& m, attempt_ref ref, attempt_result as) {
  static std::vector<attempt_result> const results{
      attempt_result::succeeded, attempt_result::succeeded, attempt_result::succeeded,
      attempt_result::succeeded, attempt_result::succeeded, attempt_result::failed,
      attempt_result::failed,    attempt_result::timed_out, attempt_result::canceled,
      attempt_result::lost,      attempt_result::returned,  attempt_result::device_fault};
  auto const& held = m.attempts.at(ref);
  if (as == attempt_result::none && held.stopping && !one_in(4))
    as = held.stopped_as;
  if (as == attempt_result::none)
    as = even_                  ? attempt_result::succeeded
         : m.sick && !one_in(4) ? attempt_result::failed
                                : results[below(results.size())];
  if (calm_ && as == attempt_result::device_fault)
    as = attempt_result::succeeded;
  auto const outcome = outcome_of(ref, as, static_cast<std::int64_t>(below(8)));
  m.attempts.erase(ref);
  m.spool.push_back(outcome);
  if (!calm_)
    old_outcomes_.emplace_back(index_of(m), outcome);
  say([&] {
    return m.info.name + " ends " + std::to_string(ref.job.value) + "." +
           std::to_string(ref.attempt) + " as " + to_string(as);
  });
  if (calm_ || !one_in(4))
    tell(m, outcome);
  launch(m);
}

void fault_world::tell(machine const& m, attempt_outcome const& outcome) {
  if (m.session == 0)
    return;  // the next registration tells it
  to_scheduler(m, outcome_report{m.session, outcome});
  if (!calm_ && one_in(12))
    to_scheduler(m, outcome_report{m.session, outcome});
}

void fault_world::receive(machine& m, recorded const& r) {
  std::erase_if(m.spool, [&](auto const& o) { return o.ref == r.ref; });
}

/// Of the two ends one may not notice until it misses the other's beats.
void fault_world::cut(machine& m) {
  if (m.connection == 0)
    return;
  ++faults_;
  say([&] { return "the connection of " + m.info.name + " breaks"; });
  network_.cut(m.connection, below(4));
  if (one_in(2))
    network_.remind(true_ms_ + delay(), {index_of(m), m.connection, closed{}});
  if (one_in(2))
    m.connection = m.session = 0;
}

void fault_world::hang_up(machine& m) {
  if (m.connection == 0)
    return;
  network_.cut(m.connection, below(4));
  if (calm_ || !one_in(3))
    network_.remind(true_ms_ + delay(), {index_of(m), m.connection, closed{}});
  m.connection = m.session = 0;
}

void fault_world::stop_machine(machine& m, std::int64_t away_ms) {
  hang_up(m);
  m.up = false;
  m.attempts.clear();
  m.waiting.clear();
  network_.remind(true_ms_ + away_ms, index_of(m), boot{});
}

void fault_world::crash(machine& m) {
  if (!m.up)
    return;
  ++faults_;
  say([&] { return m.info.name + " crashes"; });
  std::erase_if(m.spool, [&](auto const&) { return one_in(4); });
  stop_machine(m, static_cast<std::int64_t>(below(8'000)));
}

/// Of a node that leaves, first its end.
void fault_world::boot_machine(machine& m) {
  if (m.up) {
    if (m.leaving)
      stop_machine(m, static_cast<std::int64_t>(below(8'000)));
    return;
  }
  m.up = true;
  m.leaving = m.mute = false;
  m.sick = !calm_ && one_in(6);
  ++m.info.incarnation;
  m.ends_ms = !calm_ && one_in(8) ? true_ms_ + static_cast<std::int64_t>(below(60'000)) : 0;
  say([&] { return m.info.name + " starts again"; });
  network_.remind(true_ms_, index_of(m), tick{m.info.incarnation});
}

/// It says goodbye, hands back what it has, and is gone for a while.
void fault_world::leave(machine& m) {
  if (!m.up || m.leaving)
    return;
  ++faults_;
  say([&] { return m.info.name + " leaves"; });
  m.leaving = true;
  if (m.session != 0)
    to_scheduler(m, goodbye{m.session});
  for (auto const& [ref, held] : std::map{m.attempts})
    stop_one(m, ref, attempt_result::returned);
  network_.remind(true_ms_ + static_cast<std::int64_t>(below(6'000)), index_of(m), boot{});
}

}  // namespace nsai::simulation

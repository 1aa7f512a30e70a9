// What the scheduler's process does around the core: batches, commits, sessions, and its own
// crashes.
#include <algorithm>

#include "scheduling/service.hpp"
#include "simulation/fault_world.hpp"

namespace nsai::simulation {

using namespace scheduling;

namespace {

bool is_durable(effect const& e) {
  return !std::holds_alternative<happened>(e) && !std::holds_alternative<wake_at>(e) &&
         !std::holds_alternative<consult_supervisor>(e) &&
         !std::holds_alternative<attempt_stopped>(e);
}

std::string text_of(attempt_ref ref) {
  return std::to_string(ref.job.value) + "." + std::to_string(ref.attempt);
}

}  // namespace

void fault_world::apply(scheduling::event const& e, std::shared_ptr<submission const> submitted,
                        std::shared_ptr<attempt_outcome const> outcome,
                        std::function<void()> const& before_it_is_stored) {
  effects list;
  if (events_ % options_.books_every == 0)
    core_ = core{core_};  // a copy goes on as the original would
  core_.apply(e, now(), list);
  core_now_ = std::max(core_now_, now());
  ++events_;
  if (before_it_is_stored)
    before_it_is_stored();
  hear(list, std::move(submitted), std::move(outcome));
}

void fault_world::hear(effects& list, std::shared_ptr<submission const> submitted,
                       std::shared_ptr<attempt_outcome const> outcome) {
  decided_.record(list, now(), submitted.get(), outcome.get());
  for (auto& e : list) {
    if (auto* const g = std::get_if<attempt_granted>(&e)) {
      hear(*g);
    } else if (auto const* const s = std::get_if<attempt_stopped>(&e)) {
      open_.letters.push_back({index_of(s->node_uuid), 0, 0, stop{s->ref}});
    } else if (auto const* const o = std::get_if<outcome_settled>(&e)) {
      open_.letters.push_back({index_of(o->node_uuid), 0, 0, recorded{o->ref}});
    } else if (auto const* const q = std::get_if<consult_supervisor>(&e)) {
      open_.questions.push_back(*q);
    } else if (auto const* const over = std::get_if<job_ended>(&e)) {
      say([&] {
        return "job " + std::to_string(over->id.value) + " ends as " + to_string(over->status) +
               (over->error ? ": " + over->error->message : "");
      });
    } else if (auto const* const w = std::get_if<wake_at>(&e)) {
      keep(promise::contract, w->at > timestamp{}, "a time to wake at");
      network_.remind(true_ms_ + std::max<std::int64_t>(0, w->at - now()), 0, wake{++wake_no_});
    }
  }
  std::erase_if(list, [](auto const& e) { return !is_durable(e); });
  if (!list.empty())
    open_.changes.push_back({std::move(list), now(), std::move(submitted), std::move(outcome)});
  if (events_ % options_.books_every == 0)
    core_.check_invariants();
}

void fault_world::hear(attempt_granted& g) {
  keep(promise::contract, core_.is_current(g.ref), "a grant of a current attempt", g.ref);
  auto const index = index_of(*g.node_uuid);
  auto const& info = machines_[index].info;
  if (!calm_ && events_ % 4 == 0)
    check_grant(g);
  // They outlive the commit, unlike what the core points to.
  g.node_uuid = &info.uuid;
  g.node_name = &info.name;
  auto const facts = core_.facts(g.ref.job);
  say([&] { return "grant " + text_of(g.ref) + " on " + info.name; });
  held_attempt what{g.ref, facts.resources.cpu, facts.resources.memory_mb, g.devices};
  bool const brief = facts.stage == "brief" && g.devices.empty();
  open_.letters.push_back({index, g.session, 0, start{g.session, std::move(what), brief}});
}

/// Nothing goes to a node that drains, or that is not there for long enough.
void fault_world::check_grant(attempt_granted const& g) const {
  auto const all = core_.nodes();
  auto const found =
      std::find_if(all.begin(), all.end(), [&](auto const& r) { return r.uuid == *g.node_uuid; });
  keep(promise::contract,
       found != all.end() && found->status == node_status::ready && !found->drain,
       "grants only to nodes that take jobs", g.ref);
  keep(promise::contract,
       found->health != place_health::quarantined &&
           std::none_of(g.devices.begin(), g.devices.end(),
                        [&](auto const& d) {
                          return found->gpus.at(d.index).health == place_health::quarantined;
                        }),
       "nothing for what is quarantined", g.ref);
  auto const bound = time_bound_ms(core_.facts(g.ref.job).constraints);
  for (auto const& w : found->maintenance)
    keep(promise::contract, core_now_ + bound <= w.from, "an end before the window", g.ref);
  keep(promise::contract, !found->leaves_at || core_now_ + bound <= found->leaves_at,
       "an end before the node's", g.ref);
  auto const order = decided_.orders().find(*g.node_uuid);
  keep(promise::contract, order == decided_.orders().end() || !order->second.since,
       "nothing for a node that is to drain", g.ref);
}

void fault_world::settle() {
  if (life_ == 0 || committing_ || open_.empty())
    return;
  auto next = std::make_unique<batch>(std::exchange(open_, {}));
  if (next->changes.empty()) {
    send_out(*next);
    return;
  }
  committing_ = std::move(next);
  auto const takes = one_in(32) && !calm_ ? below(4'000) : below(6);
  network_.remind(true_ms_ + static_cast<std::int64_t>(takes), 0, commit_over{++commit_no_});
}

void fault_world::committed(std::uint64_t number) {
  if (!committing_ || number != commit_no_)
    return;
  if (!calm_ && one_in(300)) {
    crash_scheduler();
    return;
  }
  auto const done = std::move(committing_);
  for (auto const& c : done->changes)
    durable_.record(c.list, c.at, c.submitted.get(), c.outcome.get());
  send_out(*done);
}

void fault_world::send_out(batch const& b) {
  for (auto const& each : b.letters) {
    auto const to = links_.find(each.machine);
    if (to == links_.end())
      continue;  // it will register again, and what it holds is compared then
    auto const& [connection, session] = to->second;
    bool const stale = std::holds_alternative<start>(each.what)     ? each.session != session
                       : std::holds_alternative<welcome>(each.what) ? each.connection != connection
                                                                    : false;
    if (stale)
      continue;
    network_.send(network::direction::to_node, true_ms_ + delay(),
                  {each.machine, connection, each.what});
    if (!calm_ && one_in(16) && !std::holds_alternative<welcome>(each.what))  // a repeat
      network_.send(network::direction::to_node, true_ms_, {each.machine, connection, each.what});
  }
  for (auto const& a : b.acknowledged) {
    acknowledged_.insert(a.id);
    if (a.key.empty())
      continue;
    auto const [known, is_new] = keys_.emplace(std::pair{a.tenant, a.key}, a.id);
    keep(promise::p1_ends_once, known->second == a.id, "one job a key", a.id);
  }
  for (auto const& q : b.questions)
    questions_.push_back(q);
}

void fault_world::ended(std::size_t on, attempt_outcome const& outcome) {
  auto const copy = std::make_shared<attempt_outcome const>(outcome);
  apply(attempt_ended{machines_[on].info.uuid, copy.get()}, {}, copy);
}

void fault_world::receive(std::size_t from, connection_no on, hello& m) {
  for (auto const& outcome : m.registration.outcomes)
    ended(from, outcome);
  std::erase_if(open_.letters, [&](mail const& each) {
    return each.machine == from && std::holds_alternative<start>(each.what);
  });
  auto const session = ++last_session_;
  apply(node_registered{&m.registration, session});
  keep(promise::contract, !core_.last_answer().error, "that a known node may register");
  links_[from] = {on, session};
  say([&] {
    return machines_[from].info.name + " registers, session " + std::to_string(session) + ", " +
           std::to_string(m.registration.held.size()) + " held";
  });
  open_.letters.insert(open_.letters.begin(), {from, 0, on, welcome{session, m.generation}});
}

void fault_world::receive(std::size_t from, connection_no on, heartbeat const& m) {
  auto const& uuid = machines_[from].info.uuid;
  auto const to = links_.find(from);
  bool const known =
      to != links_.end() && to->second.session == m.session && core_.session_known(uuid, m.session);
  if (known)
    apply(node_beat{uuid, m.session, {}, m.ports, m.gpus});
  network_.send(network::direction::to_node, true_ms_ + delay(), {from, on, beat_answer{known}});
}

void fault_world::receive(std::size_t from, connection_no, outcome_report const& m) {
  auto const to = links_.find(from);
  bool const known = to != links_.end() && to->second.session == m.session;
  // Whether an outcome of an older session is read is the actor's own matter: both are right.
  if (!known && one_in(2))
    return;
  ended(from, m.outcome);
}

void fault_world::receive(std::size_t from, connection_no, goodbye const& m) {
  if (auto const to = links_.find(from); to == links_.end() || to->second.session != m.session)
    return;
  apply(node_left{machines_[from].info.uuid, m.session});
}

void fault_world::receive(std::size_t from, connection_no on, closed const&) {
  auto const to = links_.find(from);
  if (to == links_.end() || to->second.connection != on)
    return;
  apply(node_disconnected{machines_[from].info.uuid, to->second.session});
  links_.erase(from);
}

/// What was not committed is forgotten. A commit under way may have become durable: then what it
/// would have let go is lost.
void fault_world::crash_scheduler() {
  if (life_ == 0)
    return;
  ++faults_;
  life_ = 0;
  bool const persisted = committing_ && one_in(2);
  if (persisted)
    for (auto const& c : committing_->changes)
      durable_.record(c.list, c.at, c.submitted.get(), c.outcome.get());
  say([&] {
    return std::string{"the scheduler crashes"} + (persisted ? " between a commit and its messages"
                                                   : committing_ ? ", and a commit is lost"
                                                                 : "");
  });
  committing_.reset();
  open_ = {};
  decided_ = durable_;
  questions_.clear();
  ++wake_no_;
  ++commit_no_;
  for (auto const& [machine, l] : links_)
    network_.cut(l.connection, below(4));
  links_.clear();
  auto const down = calm_ ? 100 : below(one_in(8) ? 30'000 : 3'000);
  network_.remind(true_ms_ + static_cast<std::int64_t>(down), 0, scheduler_boot{});
}

void fault_world::boot_scheduler() {
  life_ = ++lives_;
  if (!calm_ && one_in(3))
    offset_ms_ += static_cast<std::int64_t>(below(20'000)) - 10'000;
  core_now_ = now();
  effects list;
  core_ = durable_.restore(settings_, now(), list);
  say([] { return "the scheduler starts again"; });
  hear(list, {}, {});
  for (auto const& [id, row] : decided_.rows())
    keep(promise::p1_ends_once, is_terminal(row.facts.record.status) || core_.knows(id),
         "that a restart knows what has not ended", id);
  core_.check_invariants();
}

/// What people may ask at any time.
void fault_world::look() {
  if (life_ == 0)
    return;
  for (auto const& [id, row] : decided_.rows()) {
    auto const& r = row.facts.record;
    keep(promise::contract, core_.knows(id) != is_terminal(r.status), "what lives is known", id);
    if (!core_.knows(id))
      continue;
    auto const live = core_.look_up(id);
    keep(promise::contract, live.status == r.status && live.attempt == r.attempt,
         "the same state in core and store", id);
    keep(promise::contract, live.status == job_status::running || !live.wait_reason.empty(),
         "a reason for every wait", id);
  }
  keep(promise::contract, core_.nodes().size() <= machines_.size(), "no more nodes than there are");
}

}  // namespace nsai::simulation

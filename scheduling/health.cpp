#include "scheduling/health.hpp"

#include <algorithm>
#include <set>

#include "scheduling/timers.hpp"

namespace nsai::scheduling {
namespace {

constexpr std::int64_t memory_ms = 60 * 60 * 1000;  // of failures, and of earlier quarantines
constexpr std::int64_t first_quarantine_ms = 60'000;
constexpr std::int64_t longest_quarantine_ms = 60 * 60 * 1000;
constexpr std::size_t most_failures = 32;
constexpr std::size_t most_programs = 10'000;
constexpr std::size_t tenants_to_suspect = 2;
constexpr std::size_t jobs_to_suspect = 2;
constexpr std::size_t jobs_in_row = 5;
constexpr std::size_t part_that_may_go = 5;  // one in so many, without evidence of the hardware

std::string const no_reason;

}  // namespace

void health::add(place_no number, std::uint32_t group) {
  if (places_.size() <= number)
    places_.resize(number + 1);
  places_[number].exists = true;
  places_[number].group = group;
}

void health::remove(place_no number) {
  if (number < places_.size())
    places_[number].exists = false;
}

place_health health::of(place_no number) const {
  return number < places_.size() ? places_[number].state : place_health::sound;
}

std::string const& health::reason(place_no number) const {
  return number < places_.size() ? places_[number].reason : no_reason;
}

timestamp health::until(place_no number) const {
  return number < places_.size() ? places_[number].until : timestamp{};
}

bool health::starts_one_at_a_time(place_no node) const {
  return node < places_.size() && places_[node].one_at_a_time;
}

timestamp health::last_failure(place_no node) const {
  return starts_one_at_a_time(node) ? places_[node].last_failure : timestamp{};
}

void health::note(std::array<place_no, 2>& seen, place_no number) {
  if (seen[0] == none || seen[0] == number)
    seen[0] = number;
  else
    seen[1] = number;
}

bool health::fails_everywhere(std::uint64_t program) const {
  auto const found = programs_.find(program);
  return found != programs_.end() && found->second.places[1] != none;
}

bool health::fails_on_nodes(std::uint64_t program) const {
  auto const found = programs_.find(program);
  return found != programs_.end() && found->second.nodes[1] != none;
}

void health::note_failure(health_attempt const& a, timestamp now) {
  nothing_failed_ = false;
  if (programs_.size() >= most_programs)
    programs_.clear();
  auto& where = programs_[a.program];
  note(where.nodes, a.node);
  for (auto const number : a.places) {
    note(where.places, number);
    auto& list = places_[number].failures;
    std::erase_if(list, [&](auto const& f) { return now - f.at > memory_ms; });
    if (list.size() >= most_failures)
      list.erase(list.begin());
    list.push_back({a.job, a.tenant, a.program, now});
    auto& at = failed_at_[a.job];
    if (std::find(at.begin(), at.end(), number) == at.end())
      at.push_back(number);
  }
}

void health::count_in_row(health_attempt const& a, timestamp now) {
  auto& node = places_[a.node];
  auto& row = node.row;
  std::erase_if(row, [&](auto const& each) { return fails_on_nodes(each.second); });
  bool const known =
      std::any_of(row.begin(), row.end(), [&](auto const& each) { return each.first == a.job; });
  if (!known && !fails_on_nodes(a.program) && row.size() < jobs_in_row)
    row.emplace_back(a.job, a.program);
  node.one_at_a_time = node.one_at_a_time || row.size() >= jobs_in_row;
  node.last_failure = now;
}

/// Why the place should be kept from jobs; empty: nothing speaks against it.
std::string health::suspicion(place const& p) const {
  std::set<job_id> failed;
  std::set<tenant_index> tenants;
  std::set<job_id> well_elsewhere;
  for (auto const& f : p.failures) {
    if (f.well_elsewhere)
      well_elsewhere.insert(f.job);
    if (!f.in_row || (!f.well_elsewhere && fails_everywhere(f.program)))
      continue;
    failed.insert(f.job);
    tenants.insert(f.tenant);
  }
  if (well_elsewhere.size() >= jobs_to_suspect)
    return std::to_string(well_elsewhere.size()) + " jobs that failed here succeeded elsewhere";
  if (failed.size() >= jobs_to_suspect && tenants.size() >= tenants_to_suspect)
    return std::to_string(failed.size()) + " jobs of " + std::to_string(tenants.size()) +
           " tenants failed here in a row";
  return {};
}

/// Without evidence of the hardware: the fault may lie with the jobs after all.
bool health::may_quarantine(place const& p) const {
  std::size_t all = 0;
  std::size_t kept = 1;
  for (auto const& other : places_) {
    if (!other.exists || other.group != p.group)
      continue;
    ++all;
    kept += &other != &p && other.state != place_health::sound && !other.by_hardware ? 1 : 0;
  }
  return kept * part_that_may_go <= all;
}

void health::judge(place_no number, timestamp now, changes& to) {
  auto& p = places_[number];
  if (p.state != place_health::sound)
    return;
  auto why = suspicion(p);
  if (why.empty() || !may_quarantine(p))
    return;
  p.by_hardware = false;
  quarantine(number, std::move(why), end_of_quarantine(p, now), to);
}

timestamp health::end_of_quarantine(place& p, timestamp now) {
  if (p.released && now - p.released > memory_ms)
    p.times = 0;
  auto lasts = first_quarantine_ms;
  for (std::uint32_t i = 0; i < p.times && lasts < longest_quarantine_ms; ++i)
    lasts *= 2;
  ++p.times;
  return now + std::min(lasts, longest_quarantine_ms);
}

/// Until some time, or (0) while evidence stands.
void health::quarantine(place_no number, std::string reason, timestamp until, changes& to) {
  auto& p = places_[number];
  p.state = place_health::quarantined;
  p.until = until;
  p.reason = std::move(reason);
  if (until)
    take_earlier(next_, until);
  health_change change{number, p.state, p.reason, {}};
  for (auto const& f : p.failures)
    if (f.in_row || f.well_elsewhere)
      change.blamed.push_back(f.job);
  p.failures.clear();  // each is held against the place once
  to.push_back(std::move(change));
}

void health::release(place_no number, std::string reason, timestamp now, changes& to) {
  auto& p = places_[number];
  p.state = place_health::sound;
  p.by_hardware = false;
  p.released = now;
  p.until = {};
  p.reason.clear();
  p.failures.clear();
  to.push_back({number, p.state, std::move(reason), {}});
}

health::changes health::failed(health_attempt const& a, timestamp now) {
  changes list;
  note_failure(a, now);
  count_in_row(a, now);
  for (auto const number : a.places) {
    auto& p = places_[number];
    if (p.state == place_health::probation && !fails_everywhere(a.program))
      quarantine(number, "a job failed here on probation", end_of_quarantine(p, now), list);
    else
      judge(number, now, list);
  }
  return list;
}

/// Evidence that was settled by hand says nothing of a later fault.
bool health::is_evident(place const& p) {
  return !p.evidence.empty() && p.state == place_health::quarantined;
}

health::changes health::fault(health_attempt const& a, timestamp now) {
  changes list;
  nothing_failed_ = false;
  auto const is_known = std::any_of(a.places.begin(), a.places.end(),
                                    [&](place_no number) { return is_evident(places_[number]); });
  for (auto const number : a.places) {
    auto& p = places_[number];
    if (is_known && !is_evident(p))
      continue;  // its node knows which of them it was
    p.by_hardware = true;
    if (p.state != place_health::quarantined)
      quarantine(number, "its hardware reported a fault", end_of_quarantine(p, now), list);
  }
  return list;
}

health::changes health::witness(place_no number, std::string const& evidence, timestamp now) {
  changes list;
  auto& p = places_[number];
  if (p.evidence == evidence)
    return list;
  p.evidence = evidence;
  if (!evidence.empty()) {
    nothing_failed_ = false;
    p.by_hardware = true;
    quarantine(number, evidence, {}, list);
  } else if (p.state == place_health::quarantined && !p.until) {
    release(number, "its node finds it sound again", now, list);
  }
  return list;
}

health::changes health::succeeded(health_attempt const& a, timestamp now) {
  changes list;
  programs_.erase(a.program);
  auto& node = places_[a.node];
  node.row.clear();
  node.one_at_a_time = false;
  for (auto const number : a.places) {
    auto& p = places_[number];
    for (auto& f : p.failures)
      f.in_row = false;
    if (p.state == place_health::probation)
      release(number, {}, now, list);
  }
  auto const before = failed_at_.find(a.job);
  if (before == failed_at_.end())
    return list;
  auto const elsewhere = std::move(before->second);
  failed_at_.erase(before);
  for (auto const number : elsewhere) {
    if (std::find(a.places.begin(), a.places.end(), number) != a.places.end())
      continue;
    for (auto& f : places_[number].failures)
      f.well_elsewhere = f.well_elsewhere || f.job == a.job;
    judge(number, now, list);
  }
  return list;
}

health::changes health::advance(timestamp now) {
  changes list;
  next_ = {};
  for (place_no number = 0; number < places_.size(); ++number) {
    auto& p = places_[number];
    if (p.state != place_health::quarantined || !p.until)
      continue;
    if (now < p.until) {
      take_earlier(next_, p.until);
      continue;
    }
    p.state = place_health::probation;
    list.push_back({number, p.state, {}, {}});
  }
  return list;
}

health::changes health::release(place_no number) {
  changes list;
  if (number >= places_.size())
    return list;
  auto& p = places_[number];
  p.one_at_a_time = false;
  p.row.clear();
  p.times = 0;
  if (p.state != place_health::sound)
    release(number, {}, {}, list);
  p.failures.clear();
  return list;
}

}  // namespace nsai::scheduling

// P5, in a cluster without faults whose work never runs out.
//
// For 25 minutes of virtual time each of three tenants has jobs of one core waiting, more than the
// cluster can run, all of equal priority; beside them wait a few `offline` jobs of the same size.
// Held against the promise at every second:
//  - no tenant without a quota has less than its share by weight (rounded down, less one job) for
//    longer than use takes to decay, plus as long as two jobs may run. One that has used all of the
//    cluster before waits until its use has halved so often that its part, by weight, is what the
//    others have used since: log2(weight of all / its weight) times;
//  - every offline job is granted within the time after which waiting counts (10 minutes), plus the
//    grants that those before it take at one in twenty.
#include <algorithm>
#include <cmath>

#include "simulation/fault_world.hpp"

namespace nsai::simulation {

using namespace scheduling;

namespace {

constexpr std::int64_t lasts_ms = 25 * 60 * 1000;
constexpr std::int64_t longest_job_ms = 10'000;
constexpr std::int64_t aged_after_ms = 10 * 60 * 1000;
constexpr std::int64_t aged_every = 20;
constexpr std::size_t offline_jobs = 3;
constexpr std::size_t backlog = 8;  // of each tenant

std::vector<std::string> const tenants{"a", "b", "c"};

}  // namespace

void fault_world::feed(std::string const& tenant, priority level) {
  auto const s = std::make_shared<submission>();
  s->tenant_id = tenant;
  s->priority = level;
  s->stage = "echo";
  keep(promise::contract, !complete_and_check(*s), "a sound submission");
  submit(s);
  settle();
}

void fault_world::check_fairness() {
  calm_ = even_ = true;
  mend_gpus();
  change_tenants();  // no budget and no rate keeps a tenant from its share
  std::int64_t cores = 0;
  for (auto const& m : machines_)
    cores += m.info.cpus.value / 1000;
  auto oldest = decided_.rows().empty() ? job_id{} : decided_.rows().rbegin()->first;
  // Jobs end every so often; each aged job waits for its twentieth grant, one behind the other.
  auto const grant_every_ms = longest_job_ms / cores + 1;
  auto const offline_within =
      aged_after_ms + longest_job_ms +
      static_cast<std::int64_t>(offline_jobs + 1) * aged_every * grant_every_ms;
  std::int64_t weights = 0;
  auto const weight = [&](std::string const& tenant) {
    auto const found = settings_.tenants.find(tenant);
    return found == settings_.tenants.end() ? 1000 : found->second.weight.value;
  };
  std::int64_t all = 0;
  for (auto const& tenant : tenants)
    all += weight(tenant);
  auto const share_within = [&](std::string const& tenant) {
    auto const halvings = std::log2(static_cast<double>(all) / static_cast<double>(weight(tenant)));
    return static_cast<std::int64_t>(static_cast<double>(settings_.half_life_ms) * halvings) +
           2 * longest_job_ms;
  };
  std::int64_t free = cores;
  for (auto const& tenant : tenants) {
    bool const limited =
        settings_.tenants.contains(tenant) && settings_.tenants.at(tenant).quota.running;
    if (limited)
      free -= *settings_.tenants.at(tenant).quota.running;
    else
      weights += weight(tenant);
  }
  std::size_t offline_given = 0;
  std::map<std::string, std::int64_t> below_since;
  auto const start = true_ms_;
  while (true_ms_ - start < lasts_ms) {
    std::map<std::string, std::int64_t> runs;
    std::map<std::string, std::size_t> waits;
    auto at = decided_.rows().upper_bound(oldest);
    for (; at != decided_.rows().end() && is_terminal(at->second.facts.record.status); ++at)
      oldest = at->first;
    for (; at != decided_.rows().end(); ++at) {
      auto const& r = at->second.facts.record;
      if (r.status == job_status::running)
        ++runs[r.tenant_id];
      else if (r.status == job_status::queued && r.priority == priority::batch)
        ++waits[r.tenant_id];
      if (r.status == job_status::queued && r.priority == priority::offline)
        keep(promise::p5_fairness, now() - r.created_at <= offline_within,
             "a grant for every offline job after ageing", r.id);
    }
    for (auto const& tenant : tenants) {
      for (auto n = waits[tenant]; n < backlog; ++n)
        feed(tenant, priority::batch);
      bool const limited =
          settings_.tenants.contains(tenant) && settings_.tenants.at(tenant).quota.running;
      bool const has_less = runs[tenant] < free * weight(tenant) / weights - 1;
      if (limited || !has_less)
        below_since.erase(tenant);
      else
        below_since.emplace(tenant, true_ms_);
      if (below_since.contains(tenant) && true_ms_ - below_since.at(tenant) > share_within(tenant))
        throw broken_promise(promise::p5_fairness,
                             "P5: expected: no tenant below its share for longer than the decay; "
                             "tenant " +
                                 tenant);
    }
    // Only now: an idle cluster would take them at once.
    for (; offline_given < offline_jobs; ++offline_given)
      feed(tenants[offline_given], priority::offline);
    pass(1'000);
  }
  // What is left ends too.
  even_ = false;
  settle_down();
}

}  // namespace nsai::simulation

// What the scheduler knows from the store when it starts, and again after a store error.
#include <cmath>
#include <set>

#include "actors/scheduler_state.hpp"
#include "actors/trace_id.hpp"
#include "processes/large_pages.hpp"

namespace nsai::actors {

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
  settings.large_tables = processes::large_pages();
  core_ = scheduling::core{settings};
  events_reserved_ = db.events_reserved();
  payloads_.clear();
  payload_bytes_ = 0;
  due_.clear();
  spent_.clear();
  keyed_.clear();
  traces_.clear();
  load_usage(db.usage());
  for (auto const& [tenant, spent] : db.spending())
    apply(scheduling::spending_restored{tenant, spent});
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
    if (job.record.nodes && !job.record.parent_id)
      event.nodes = static_cast<std::int32_t>(*job.record.nodes);
    if (job.over) {
      event.over = job.over->outcome;
      event.over_error = job.over->error;
    }
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
    event.cost_rate = job.cost_rate;
    std::vector<job_id> ended;
    auto const& c = job.record.constraints;
    for (auto const* const list : {&c.depends_on, &c.after_any})
      for (auto const dependency : *list)
        if (!is_live(dependency))
          ended.push_back(dependency);
    if (!ended.empty())
      for (auto const& known : db.statuses(ended))
        event.ended.push_back({known.id, known.status, known.tenant_id});
    submission described;
    described.tenant_id = job.record.tenant_id;
    described.name_space = job.record.name_space;
    described.metadata = job.record.metadata;
    bool const is_step = job.record.parent_id && !job.record.array_index && !job.record.rank;
    event.label =
        label_for(described, job.record.stage, {}, is_step ? job.record.name : std::string{});
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
  // Behind the jobs: those whose time has come while nobody ran are due now.
  recurrences_.clear();
  for (auto& each : db.recurrences())
    restore(std::move(each));
  // A number that was refused will be given to another job, of which those who watched the refused
  // one may not hear.
  std::erase_if(watchers_, [this](auto const& each) { return !core_.knows(each.first); });
}

}  // namespace nsai::actors

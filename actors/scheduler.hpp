#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "messages/node.hpp"
#include "scheduling/core.hpp"
#include "store/job_store.hpp"

namespace nsai::actors {

struct scheduler_options {
  scheduling::core_settings core;
  std::int64_t beat_ms = 1000;
  std::int64_t retention_ms =
      30LL * 24 * 60 * 60 * 1000;  // ended jobs are kept this long; 0: for ever
  store::store_options store;
  /// The scheduler's clock; tests give a virtual one.
  std::function<timestamp()> now;
  /// trace_seed(): the same at every start on the same store.
  std::uint64_t trace_seed = 0;
  /// Whether answers pile up before the network: records are read later, then. Asked by the reading
  /// thread.
  std::function<bool()> congested = [] { return false; };
  /// Store actors block in SQLite and need threads of their own; tests on the deterministic
  /// scheduler say false.
  bool own_threads = true;
};

/// Whoever reads the config -> scheduler, in its own process only: what tenants may have from now
/// on. Checked before (`check`).
struct change_tenants {
  std::map<std::string, tenant_settings> tenants;
};

/// The scheduler. Clients and executors get its handle from the gate.
///   submit_jobs, retry_jobs -> submit_reply      durable when answered
///   cancel_jobs, watch_jobs -> answer            watch: and `jobs_ended` later
///   get_jobs, list_jobs     -> job_list, explain_job -> explained
///   read_log                -> log_chunk         asked of the executor that has it
///   list_nodes -> node_list, list_stages -> stage_list, list_tenants -> tenant_list,
///   get_stats -> stats
///   (watch_events, actor)   -> events            and more `events` later; events_read -> nothing
///   detach_reader           -> answer
///   (register_node, actor)  -> registered | answer with the refusal
///   beat -> beat_reply; report_outcomes -> nothing (outcomes_recorded later); leave_cluster ->
///   answer
/// Opens the store first; throws store_error when it cannot.
caf::actor spawn_scheduler(caf::actor_system& system, scheduler_options options);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::change_tenants)

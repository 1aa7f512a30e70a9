#include "messages/registry.hpp"

#include <caf/actor_system_config.hpp>

#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"
#include "messages/recurrence.hpp"
#include "messages/tenant.hpp"

namespace nsai {
namespace {

template <described... Ts>
void add(caf::actor_system_config& config) {
  (config.add_message_type<Ts>(Ts::type_name), ...);
}

}  // namespace

void register_messages(caf::actor_system_config& config) {
  add<knock, challenge, hello, answer, submit_jobs, submit_reply, jobs_ended, watch_jobs, get_jobs,
      list_jobs, job_list, cancel_jobs, retry_jobs, read_log, log_chunk, list_nodes, node_list,
      list_stages, stage_list, list_tenants, tenant_list, explain_job, explained, drain_nodes,
      resume_nodes>(config);
  add<add_recurrence, cancel_recurrences, list_recurrences, recurrence_list>(config);
  add<start_attempts, stop_attempts, report_outcomes, outcomes_recorded, register_node, registered>(
      config);
  add<beat, beat_reply, leave_cluster, watch_events, events, events_read, detach_reader, get_stats,
      stats>(config);
}

}  // namespace nsai

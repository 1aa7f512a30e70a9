#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/scheduler_link.hpp"
#include "messages/api.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

/// Anyone -> client: answered by `jobs_ended`, with an end for each job in the order given, when
/// all have ended. Errors: not_found/unknown_job, timeout/timed_out after `limit` (0: none), and
/// when the scheduler stays away.
struct await_jobs {
  std::vector<job_id> jobs;
  std::chrono::milliseconds limit{0};
};

/// Client -> one who follows events: the scheduler stays away, no more of them will come.
struct events_lost {
  error_info why;
};

struct client_settings {
  find_scheduler find;
  std::string tenant = "default";
  std::chrono::milliseconds call_limit{30'000};       // of one call, reconnects included
  std::chrono::milliseconds reconnect_limit{60'000};  // absence of the scheduler a wait outlives
  std::chrono::milliseconds pause_limit{30'000};      // as client_options has it
};

/// A program's side of the scheduler, for actors: it takes the scheduler's own messages (api.hpp)
/// and answers as the scheduler does, but it is always there. Calls wait while there is no
/// connection, and are repeated over a new one; submissions and retries get an idempotency key (a
/// random one where the caller gave none), so that a lost reply never makes a second job.
///   submit_jobs, retry_jobs -> submit_reply        with `subscribe`, jobs_ended follow
///   cancel_jobs, cancel_recurrences -> answer
///   add_recurrence, list_recurrences -> recurrence_list
///   get_jobs, list_jobs -> job_list, explain_job -> explained
///   read_log -> log_chunk
///   drain_nodes, resume_nodes -> answer
///   list_nodes -> node_list, list_stages -> stage_list, list_tenants -> tenant_list,
///   get_stats -> stats
///   await_jobs -> jobs_ended
///   watch_events, reader -> events                 with `follow`, more go to the reader, which
///   events_read -> nothing                         confirms them
///   detach_reader -> answer
/// What comes faster than the tenant may submit is held back and sent again when the scheduler
/// says, as long as that is within pause_limit; jobs that were accepted are not sent again. The
/// tenant of requests that belong to one is the client's own; what a list or a watch asks for stays
/// as it came. A call that fails gets a caf::error that carries an error_info (client_error takes
/// it out): unavailable when the scheduler did not answer within call_limit, refused when it does
/// not take this program. Ends by an exit message; open calls fail then.
caf::behavior client_actor(caf::event_based_actor* self, client_settings settings);

/// What a failed call failed with.
error_info client_error(caf::actor_system const& system, caf::error const& e);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::await_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::events_lost)

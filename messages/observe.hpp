#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "messages/attempt.hpp"
#include "messages/gpu.hpp"

namespace nsai {

/// Executor -> scheduler, every beat: alive, and how far its attempts are.
struct attempt_progress {
  static constexpr char const* type_name = "attempt_progress";
  attempt_ref ref;
  progress_info progress;
  static constexpr auto fields() {
    return std::tuple{field{"ref", &attempt_progress::ref},
                      field{"progress", &attempt_progress::progress}};
  }
};
struct beat {
  static constexpr char const* type_name = "beat";
  std::string uuid;
  std::uint64_t session = 0;
  std::vector<attempt_progress> progress;
  std::vector<std::uint32_t> ports;  // free ones, chosen since the last beat or the registration
  std::vector<gpu_state> gpus{};     // those of which something has changed since
  static constexpr auto fields() {
    return std::tuple{field{"uuid", &beat::uuid}, field{"session", &beat::session},
                      field{"progress", &beat::progress}, field{"ports", &beat::ports},
                      field{"gpus", &beat::gpus}};
  }
};
/// Scheduler -> executor, answers a beat. A session that is not `known` registers again.
struct beat_reply {
  static constexpr char const* type_name = "beat_reply";
  std::uint64_t session = 0;
  bool known = false;
  static constexpr auto fields() {
    return std::tuple{field{"session", &beat_reply::session}, field{"known", &beat_reply::known}};
  }
};

/// Executor -> scheduler at shutdown: no new attempts, please; what ran is handed back as outcomes.
struct leave_cluster {
  static constexpr char const* type_name = "leave_cluster";
  std::string uuid;
  std::uint64_t session = 0;
  static constexpr auto fields() {
    return std::tuple{field{"uuid", &leave_cluster::uuid},
                      field{"session", &leave_cluster::session}};
  }
};

/// Something that happened, under one of its names: a work event ("work.job.started") or a bridged
/// one ("crucible.stage.started").
struct event {
  static constexpr char const* type_name = "event";
  std::uint64_t sequence = 0;  // ascending, also over restarts of the scheduler
  timestamp at;
  std::string name;
  std::map<std::string, std::int64_t> measurements;  // count, duration_ms, delay_ms, queue_ms,
                                                     // progress_permille
  job_id job;                                        // 0: not about a job
  std::string tenant_id;
  std::string name_space;
  std::string experiment_id;
  std::string experiment_type;
  std::string stage_name;  // of an experiment's stage: its name there; of other jobs: what they run
  attempt_no attempt = 0;
  std::string node;
  std::string detail;    // backend, handler, progress text or error message, where one applies
  std::string trace_id;  // of the job, its retries and children
  static constexpr auto fields() {
    using e = event;
    return std::tuple{field{"sequence", &e::sequence},
                      field{"at", &e::at},
                      field{"name", &e::name},
                      field{"measurements", &e::measurements},
                      field{"job_id", &e::job},
                      field{"tenant_id", &e::tenant_id},
                      field{"namespace", &e::name_space},
                      field{"experiment_id", &e::experiment_id},
                      field{"experiment_type", &e::experiment_type},
                      field{"stage_name", &e::stage_name},
                      field{"attempt", &e::attempt},
                      field{"node", &e::node},
                      field{"detail", &e::detail},
                      field{"trace_id", &e::trace_id}};
  }
};

inline constexpr std::uint64_t only_new_events = std::numeric_limits<std::uint64_t>::max();

/// Client -> scheduler, with the reader's handle: the events after `after` that match, as far as
/// they are still kept, then new ones as `events` messages while `follow`. A follower is sent a
/// bounded number ahead of what it has confirmed, the answer to this included. `pattern` is a list
/// of shell patterns on names, with commas between them ("work.job.*,crucible.*"); empty: all work
/// events. A tenant other than the empty one sees its own jobs' events and those of nodes.
/// A follower with a `handler` name is attached: the tenant has no other of that name, anyone of
/// the tenant detaches it by the name, and its end without that is an event. The same actor may
/// ask again.
struct watch_events {
  static constexpr char const* type_name = "watch_events";
  std::string tenant_id;
  std::string pattern;
  bool follow = false;
  std::uint64_t after = 0;  // a sequence number, or only_new_events; 0: some of the recent ones
  std::string handler;      // empty: none
  static constexpr auto fields() {
    using w = watch_events;
    return std::tuple{field{"tenant_id", &w::tenant_id}, field{"pattern", &w::pattern},
                      field{"follow", &w::follow}, field{"after", &w::after},
                      field{"handler", &w::handler}};
  }
};
struct events {
  static constexpr char const* type_name = "events";
  std::vector<event> list;
  // Before the first of `list`, at most so many were no longer kept when their turn came.
  std::uint64_t dropped = 0;
  bool more = false;           // kept ones follow: who does not follow asks again after `position`
  std::uint64_t position = 0;  // nothing that matches lies between the last of `list` and this
  // Refused, or detached by another: no more will come.
  std::optional<error_info> error;
  static constexpr auto fields() {
    return std::tuple{field{"list", &events::list}, field{"dropped", &events::dropped},
                      field{"more", &events::more}, field{"position", &events::position},
                      field{"error", &events::error}};
  }
};
/// Anyone -> scheduler: ends the attached follower of that name, which hears of it. With a `reason`
/// (it failed, it blocked) an event tells of it. Answered by `answer`: not_found/unknown_handler.
struct detach_reader {
  static constexpr char const* type_name = "detach_reader";
  std::string tenant_id;
  std::string handler;
  std::string reason;
  static constexpr auto fields() {
    using d = detach_reader;
    return std::tuple{field{"tenant_id", &d::tenant_id}, field{"handler", &d::handler},
                      field{"reason", &d::reason}};
  }
};
/// Subscriber -> scheduler: has read up to here; at most a bounded number of events is under way to
/// it.
struct events_read {
  static constexpr char const* type_name = "events_read";
  std::uint64_t sequence = 0;
  static constexpr auto fields() { return std::tuple{field{"sequence", &events_read::sequence}}; }
};

struct get_stats {
  static constexpr char const* type_name = "get_stats";
  bool all = true;
  static constexpr auto fields() { return std::tuple{field{"all", &get_stats::all}}; }
};
/// `jobs` counts every job since the store was made, by status; `queues` the waiting ones by
/// priority.
struct stats {
  static constexpr char const* type_name = "stats";
  std::map<std::string, std::int64_t> jobs;
  std::map<std::string, std::int64_t> queues;
  std::int64_t running = 0;
  std::int64_t nodes = 0;
  milli uptime_s;
  std::int64_t commits = 0;
  std::int64_t refused_outcomes = 0;  // of superseded attempts
  std::int64_t live_jobs = 0;         // held in the scheduler's memory
  std::string store_error;            // empty: the store takes writes
  static constexpr auto fields() {
    using s = stats;
    return std::tuple{field{"jobs", &s::jobs},
                      field{"queues", &s::queues},
                      field{"running", &s::running},
                      field{"nodes", &s::nodes},
                      field{"uptime_s", &s::uptime_s},
                      field{"commits", &s::commits},
                      field{"refused_outcomes", &s::refused_outcomes},
                      field{"live_jobs", &s::live_jobs},
                      field{"store_error", &s::store_error}};
  }
};

}  // namespace nsai

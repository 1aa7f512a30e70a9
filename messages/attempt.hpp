#pragma once

#include <string>
#include <vector>

#include "messages/node.hpp"

namespace nsai {

/// Names one attempt; the pair is the fence that keeps late outcomes out.
struct attempt_ref {
  static constexpr char const* type_name = "attempt_ref";
  job_id job;
  attempt_no attempt = 0;

  static constexpr auto fields() {
    return std::tuple{field{"job", &attempt_ref::job}, field{"attempt", &attempt_ref::attempt}};
  }
  friend auto operator<=>(attempt_ref const&, attempt_ref const&) = default;
};

/// The place of an attempt among those of its gang, and where they meet.
struct gang_place {
  static constexpr char const* type_name = "gang_place";
  std::int32_t rank = 0;          // from 0
  std::int32_t nodes = 1;         // members in all, each on a node of its own
  std::string master_addr;        // the host that rank 0's node advertises
  std::uint32_t master_port = 0;  // free on that node, which has chosen it

  static constexpr auto fields() {
    using g = gang_place;
    return std::tuple{field{"rank", &g::rank}, field{"nodes", &g::nodes},
                      field{"master_addr", &g::master_addr}, field{"master_port", &g::master_port}};
  }
  friend bool operator==(gang_place const&, gang_place const&) = default;
};

/// Scheduler -> executor. The holder may run this attempt on these devices as soon as they are free
/// there. A repeat of the same (job, attempt) is a redelivery: start nothing, report its outcome
/// again if there is one.
struct start_attempt {
  static constexpr char const* type_name = "start_attempt";
  attempt_ref ref;
  std::string tenant_id;
  std::string stage;
  json_text options;
  json_text context;
  milli cpu;
  std::int64_t memory_mb = 0;  // 0: not bounded
  std::vector<device_grant> devices;
  std::int64_t timeout_ms = 0;  // 0: none; counted from the start on the node
  std::int64_t grace_ms = 0;
  std::string stop_signal;
  std::optional<std::int64_t> array_index;
  std::string trace_id;
  std::optional<gang_place> gang;
  job_id run;        // of an experiment's stage: the experiment; 0: none
  std::string step;  // and what the stage is called in it

  static constexpr auto fields() {
    using s = start_attempt;
    return std::tuple{field{"ref", &s::ref},
                      field{"tenant_id", &s::tenant_id},
                      field{"stage", &s::stage},
                      field{"options", &s::options},
                      field{"context", &s::context},
                      field{"cpu", &s::cpu},
                      field{"memory_mb", &s::memory_mb},
                      field{"devices", &s::devices},
                      field{"timeout_ms", &s::timeout_ms},
                      field{"grace_ms", &s::grace_ms},
                      field{"stop_signal", &s::stop_signal},
                      field{"array_index", &s::array_index},
                      field{"trace_id", &s::trace_id},
                      field{"gang", &s::gang},
                      field{"run", &s::run},
                      field{"step", &s::step}};
  }
};

/// Scheduler -> executor, one message for all grants of a commit. `session` is that of the
/// registration; an executor ignores messages of another session.
struct start_attempts {
  static constexpr char const* type_name = "start_attempts";
  std::uint64_t session = 0;
  std::vector<start_attempt> attempts;

  static constexpr auto fields() {
    return std::tuple{field{"session", &start_attempts::session},
                      field{"attempts", &start_attempts::attempts}};
  }
};

/// Scheduler -> executor. End these attempts (stop signal, grace period, SIGKILL) and report them
/// as canceled once nothing is left of them; those that are unknown are reported at once. A repeat
/// changes nothing.
struct stop_attempts {
  static constexpr char const* type_name = "stop_attempts";
  std::uint64_t session = 0;
  std::vector<attempt_ref> attempts;

  static constexpr auto fields() {
    return std::tuple{field{"session", &stop_attempts::session},
                      field{"attempts", &stop_attempts::attempts}};
  }
};

/// How one attempt ended, seen from its node. Times are durations, since only the scheduler's clock
/// is recorded.
struct attempt_outcome {
  static constexpr char const* type_name = "attempt_outcome";
  attempt_ref ref;
  attempt_result result = attempt_result::succeeded;
  json_text value;    // the stage's result
  json_text context;  // the context after the stage; empty: unchanged
  std::optional<error_info> error;
  std::int64_t duration_ms = 0;
  std::int64_t busy_us = 0;  // what the stage itself took; 0: not measured apart from duration_ms
  std::string worker;
  std::string backend;
  std::int64_t peak_memory_mb = 0;      // of its processes; 0: not measured
  std::int64_t peak_gpu_memory_mb = 0;  // of all its GPUs together, as seen about once a second

  static constexpr auto fields() {
    using a = attempt_outcome;
    return std::tuple{field{"ref", &a::ref},
                      field{"result", &a::result},
                      field{"value", &a::value},
                      field{"context", &a::context},
                      field{"error", &a::error},
                      field{"duration_ms", &a::duration_ms},
                      field{"busy_us", &a::busy_us},
                      field{"worker", &a::worker},
                      field{"backend", &a::backend},
                      field{"peak_memory_mb", &a::peak_memory_mb},
                      field{"peak_gpu_memory_mb", &a::peak_gpu_memory_mb}};
  }
  friend bool operator==(attempt_outcome const&, attempt_outcome const&) = default;
};

/// Executor -> scheduler. Repeated until `outcomes_recorded` names each of them.
struct report_outcomes {
  static constexpr char const* type_name = "report_outcomes";
  std::uint64_t session = 0;
  std::vector<attempt_outcome> outcomes;

  static constexpr auto fields() {
    return std::tuple{field{"session", &report_outcomes::session},
                      field{"outcomes", &report_outcomes::outcomes}};
  }
};

/// Scheduler -> executor, after the commit: these outcomes are durable (or refused for good);
/// forget them.
struct outcomes_recorded {
  static constexpr char const* type_name = "outcomes_recorded";
  std::vector<attempt_ref> attempts;

  static constexpr auto fields() {
    return std::tuple{field{"attempts", &outcomes_recorded::attempts}};
  }
};

/// An attempt that a node holds: what it occupies there.
struct held_attempt {
  static constexpr char const* type_name = "held_attempt";
  attempt_ref ref;
  milli cpu;
  std::int64_t memory_mb = 0;
  std::vector<device_grant> devices;

  static constexpr auto fields() {
    return std::tuple{field{"ref", &held_attempt::ref}, field{"cpu", &held_attempt::cpu},
                      field{"memory_mb", &held_attempt::memory_mb},
                      field{"devices", &held_attempt::devices}};
  }
  friend bool operator==(held_attempt const&, held_attempt const&) = default;
};

/// Executor -> scheduler, first message of a session (with the executor's handle beside it): who it
/// is, what it offers, what it still runs and which outcomes it has not seen recorded. Answered by
/// `registered`.
struct register_node {
  static constexpr char const* type_name = "register_node";
  node_info node;
  std::vector<held_attempt> held;  // running or waiting on the node
  std::vector<attempt_outcome> outcomes;
  std::vector<gpu_state> gpus{};  // as they are; one that is not named is as usual

  static constexpr auto fields() {
    using r = register_node;
    return std::tuple{field{"node", &r::node}, field{"held", &r::held},
                      field{"outcomes", &r::outcomes}, field{"gpus", &r::gpus}};
  }
};

/// Scheduler -> executor. From now on grants may come. Attempts under `stop` were superseded: stop
/// them first.
struct registered {
  static constexpr char const* type_name = "registered";
  std::uint64_t session = 0;
  std::int64_t beat_ms = 1000;
  std::int64_t lease_ms = 5000;
  std::vector<attempt_ref> stop;

  static constexpr auto fields() {
    return std::tuple{field{"session", &registered::session},
                      field{"beat_ms", &registered::beat_ms},
                      field{"lease_ms", &registered::lease_ms}, field{"stop", &registered::stop}};
  }
};

}  // namespace nsai

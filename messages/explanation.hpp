#pragma once

#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai {

/// The rule that holds a job back. Where several do, the first of these that nothing else has to
/// lift before; of nodes, how far the one got that lacks least.
enum class wait_rule : std::uint8_t {
  none,          // nothing: it runs or has ended
  confirmation,  // it ran before the scheduler's restart, and its node has not spoken yet
  group,         // its concurrency group has no place
  budget,        // its tenant's is spent
  quota,         // its tenant's
  child,         // it waits for the first of its children
  no_node,       // no node is there
  stage,         // no node has the stage,
  labels,        // or the labels,
  gpu_model,     // or such a GPU,
  size,          // or is large enough
  service,       // the nodes drain, have maintenance, or leave too soon
  silent,        // the nodes are not heard
  unable,        // the nodes cannot start anything: a full disk
  probation,     // the nodes start one job at a time
  quarantine,    // places where jobs failed are kept from others
  gpu_memory,    // processes that are not of nsai hold memory of the GPUs
  busy,          // others hold what it needs
  priority,      // the same, and a more urgent job comes first
  fair_share,    // the same, and the job of a tenant comes first that has used less of its share
  gang,          // fewer nodes have room than its gang needs, or the other members still run
  reservation,   // room is kept for another job
  room_kept,     // room is kept for it, which is not free yet
  dependency,    // on other jobs, or on earlier steps
  not_before,    // its time has not come
  array_limit,   // so many children run at once as may
  supervisor,    // its tenant's supervisor decides on a retry
  backoff        // before a retry
};
std::vector<std::string> const& enum_names(wait_rule);

/// Nodes that are alike in what they have and in what keeps them from a job.
struct node_class {
  static constexpr char const* type_name = "node_class";
  std::int64_t nodes = 0;
  std::string example;  // the name of one
  std::string has;      // what each offers: "cpu 64, memory 262144 MiB, 8 GPUs of NVIDIA A100"
  wait_rule rule = wait_rule::none;  // none: it has room
  std::string why;                   // in words
  static constexpr auto fields() {
    using n = node_class;
    return std::tuple{field{"nodes", &n::nodes}, field{"example", &n::example},
                      field{"has", &n::has}, field{"rule", &n::rule}, field{"why", &n::why}};
  }
};

/// An attempt that has what a job waits for.
struct room_holder {
  static constexpr char const* type_name = "room_holder";
  job_id job;
  std::string node;                 // name
  std::vector<std::uint32_t> gpus;  // those it has there
  timestamp until;  // by what it is expected to take, or else its timeout; 0: not known
  static constexpr auto fields() {
    using h = room_holder;
    return std::tuple{field{"job", &h::job}, field{"node", &h::node}, field{"gpus", &h::gpus},
                      field{"until", &h::until}};
  }
};

/// Why a job waits, and until when.
struct explanation {
  static constexpr char const* type_name = "explanation";
  job_id job;
  job_status status = job_status::pending;
  wait_rule rule = wait_rule::none;
  std::string reason;  // the rule in words; empty when nothing holds it back
  /// If every attempt takes what it is expected to and nothing else is submitted. 0: not known.
  timestamp expected_start;
  std::vector<job_id> waits_for;     // its dependencies, or the job that comes first
  std::vector<node_class> nodes;     // what keeps each class of nodes from it, largest class first
  std::vector<room_holder> holders;  // on nodes that could run it, first to end first: at most 20
  static constexpr auto fields() {
    using e = explanation;
    return std::tuple{field{"job", &e::job},
                      field{"status", &e::status},
                      field{"rule", &e::rule},
                      field{"reason", &e::reason},
                      field{"expected_start", &e::expected_start},
                      field{"waits_for", &e::waits_for},
                      field{"nodes", &e::nodes},
                      field{"holders", &e::holders}};
  }
};

explanation because(wait_rule rule, std::string reason);

/// Client -> scheduler; answered by `explained`.
struct explain_job {
  static constexpr char const* type_name = "explain_job";
  std::string tenant_id;
  job_id job;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &explain_job::tenant_id}, field{"job", &explain_job::job}};
  }
};
struct explained {
  static constexpr char const* type_name = "explained";
  explanation why;
  std::optional<error_info> error;
  static constexpr auto fields() {
    return std::tuple{field{"why", &explained::why}, field{"error", &explained::error}};
  }
};

}  // namespace nsai

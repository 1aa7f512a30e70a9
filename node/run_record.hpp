#pragma once

#include <vector>

#include "messages/record.hpp"
#include "stages/metrics_table.hpp"

/// What `nsai experiment`, `compare` and `artifacts` print with --json.
namespace nsai::node {

/// A file that a job has left. Others may be named by stages with fields of their own.
struct artifact_record {
  static constexpr char const* type_name = "artifact";
  std::string name;
  std::string kind;  // report, model, figure, ...; file: nothing is known of it
  std::string path;  // on the node
  std::optional<std::int64_t> bytes;
  std::optional<std::string> sha256;  // nothing: too large to be hashed
  std::optional<job_id> job;
  std::string node;

  static constexpr auto fields() {
    using a = artifact_record;
    return std::tuple{field{"name", &a::name},     field{"kind", &a::kind},
                      field{"path", &a::path},     field{"bytes", &a::bytes},
                      field{"sha256", &a::sha256}, field{"job", &a::job},
                      field{"node", &a::node}};
  }
};

/// Values of two branches of an experiment that did not agree.
struct conflict_record {
  static constexpr char const* type_name = "conflict";
  std::string path;  // in the context
  json kept;
  json dropped;

  static constexpr auto fields() {
    using c = conflict_record;
    return std::tuple{field{"path", &c::path}, field{"kept", &c::kept},
                      field{"dropped", &c::dropped}};
  }
};

struct run_record {
  static constexpr char const* type_name = "run";
  job_record run;
  std::vector<job_record> stages;  // in the order of the pipeline
  json metrics;                    // null: it has not succeeded
  json conflicts;                  // of conflict_record
  json artifacts;                  // of artifact_record, with what stages add to it

  static constexpr auto fields() {
    using r = run_record;
    return std::tuple{field{"run", &r::run}, field{"stages", &r::stages},
                      field{"metrics", &r::metrics}, field{"conflicts", &r::conflicts},
                      field{"artifacts", &r::artifacts}};
  }
};

struct run_comparison {
  static constexpr char const* type_name = "comparison";
  job_id a;
  job_id b;
  std::vector<stages::metric_pair> metrics;

  static constexpr auto fields() {
    using r = run_comparison;
    return std::tuple{field{"a", &r::a}, field{"b", &r::b}, field{"metrics", &r::metrics}};
  }
};

}  // namespace nsai::node

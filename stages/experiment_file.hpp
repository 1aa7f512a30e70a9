#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai::stages {

struct backend_ref {
  static constexpr char const* type_name = "backend";
  std::string id;
  static constexpr auto fields() { return std::tuple{field{"id", &backend_ref::id}}; }
};

/// One entry of an experiment's pipeline, as written in the file.
struct stage_def {
  static constexpr char const* type_name = "stage";
  std::string name;  // empty: the stage's
  std::string stage;
  json options = json::object();
  bool enabled = true;
  std::optional<std::vector<std::string>> depends_on;  // names; absent: the stage before this one
  nsai::resources resources;
  nsai::constraints constraints;
  std::optional<nsai::priority> priority;  // absent: the experiment's
  static constexpr auto fields() {
    using s = stage_def;
    return std::tuple{field{"name", &s::name},
                      field{"stage", &s::stage},
                      field{"options", &s::options},
                      field{"enabled", &s::enabled},
                      field{"depends_on", &s::depends_on},
                      field{"resources", &s::resources},
                      field{"constraints", &s::constraints},
                      field{"priority", &s::priority}};
  }
};

/// The top level of an experiment file. The entries of `pipeline` are `stage_def`s, read one by one
/// so that the faults of all of them are told.
struct experiment_file {
  static constexpr char const* type_name = "experiment";
  std::string id;
  std::string name;
  std::string type = "experiment";
  backend_ref backend;
  std::optional<nsai::priority> priority;  // absent: batch, or what submits it says
  json pipeline = json::array();
  json dataset;  // a name, or {claims, corpus, predictions, limit}
  json metadata = json::object();
  static constexpr auto fields() {
    using e = experiment_file;
    return std::tuple{field{"id", &e::id},
                      field{"name", &e::name},
                      field{"type", &e::type},
                      field{"backend", &e::backend},
                      field{"priority", &e::priority},
                      field{"pipeline", &e::pipeline},
                      field{"dataset", &e::dataset},
                      field{"metadata", &e::metadata}};
  }
};

}  // namespace nsai::stages

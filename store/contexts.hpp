#pragma once

#include <string>
#include <vector>

#include "store/job_store.hpp"
#include "store/sqlite.hpp"

namespace nsai::store {

/// How contexts flow from job to job through the store. A child of an experiment starts with its
/// own context (its parent's, when it has none) as the children it comes after have changed it: of
/// several, what each has changed since their common predecessors is merged, in the order of the
/// pipeline. A predecessor that left no context passes on what it had itself started with, and its
/// result under `outputs` by its name (one above 256 KiB: {"job", "bytes"} in its place), so that
/// the chain is never broken; each adds its name to `completed_stages`. Other jobs start with the
/// context they were submitted with.
///
/// A job that depends on others by number (and every child of such a parent) gets more: the
/// contexts that those left, their results under `outputs`, and number and status of each under
/// `inputs.dependencies`, by the name that a job was submitted with, or by its number. What
/// retention has removed, or what has no result, gives nothing. Contexts of jobs before those are
/// not passed on: a chain of plain jobs may be of any length.
class contexts {
 public:
  contexts(sqlite::database& on, store_options const& options) : on_(on), options_(options) {}

  /// What an attempt of `job` is started with.
  payload payload_of(job_id job);
  /// The contexts of `children`, merged in order over the one their parent was submitted with.
  std::string merged(job_id parent, std::vector<job_id> const& children);

 private:
  struct inputs {
    std::string context;
    std::string context_out;
    std::string result;
    job_id parent;
    std::string name;
    std::string rules;         // constraints
    std::string parent_rules;  // of an experiment's child: those of its parent
  };
  struct pipeline;

  inputs read(job_id job, std::string* options);
  pipeline pipeline_of(job_id parent, json base);
  json start_of(pipeline& in, std::uint32_t step, inputs const& of);
  /// What these steps leave together, over what their experiment started with.
  json const& joined(pipeline& in, std::vector<std::uint32_t> heads);
  json const& passed_on(pipeline& in, std::uint32_t step);
  /// Gets ready what `joined` will ask for, so that nothing recurses along a pipeline.
  void prepare(pipeline& in, std::vector<std::uint32_t> const& heads);
  /// With what those left on whom it depends by number.
  json with_outputs(json base, std::string const& rules);
  void merge(json& first, json const& ancestor, json const& second) const;

  sqlite::database& on_;
  store_options const& options_;
  sqlite::statement read_{
      on_,
      "SELECT coalesce(p.context, (SELECT o.context FROM payloads o WHERE o.job = j.parent)), "
      "j.context_out, j.result, j.parent, "
      "coalesce(j.options, p.options), p.name, p.constraints, "
      "iif(j.payload_of = j.id, (SELECT o.constraints FROM payloads o WHERE o.job = j.parent), "
      "NULL) "
      "FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id = ?1",
      "reading the payload of a job"};
  sqlite::statement steps_{on_,
                           "SELECT c.after, coalesce(length(j.context_out), 0) > 0 "
                           "FROM payloads e JOIN payloads c ON c.job BETWEEN e.job + 1 AND e.job + "
                           "e.children JOIN jobs j ON j.id = c.job WHERE e.job = ? ORDER BY c.job",
                           "reading the steps of an experiment"};
  sqlite::statement output_{on_,
                            "SELECT j.status, j.result, j.context_out, "
                            "iif(j.payload_of = j.id, p.name, NULL) "
                            "FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id = ?1",
                            "reading the output of a job"};
};

}  // namespace nsai::store

#pragma once

#include <set>
#include <unordered_map>

#include "store/job_store.hpp"
#include "store/sqlite.hpp"

namespace nsai::store {

/// How contexts flow from job to job through the store. A child of an experiment starts with its
/// own context (its parent's, when it has none) as the children it comes after have changed it: of
/// several, what each has changed since their common predecessors is merged, in the order of the
/// pipeline. A predecessor that left no context passes on what it had itself started with, and its
/// result under `outputs` by its name, so that the chain is never broken; each adds its name to
/// `completed_stages`. Other jobs start with the context they were submitted with.
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
  using known = std::unordered_map<job_id, std::string>;  // what jobs pass on
  using family = std::set<job_id>;                        // children of one experiment
  struct inputs {
    std::string context;
    std::string context_out;
    std::string result;
    std::string after;
    job_id parent;
    std::string name;
    std::string rules;         // constraints
    std::string parent_rules;  // of an experiment's child: those of its parent

    std::vector<job_id> predecessors() const;
  };

  inputs read(job_id job, std::string* options);
  std::string start_of(inputs const& of, known& passed, int depth);
  /// What `heads` leave together, over what their experiment started with.
  std::string joined(family const& heads, std::string const& base, known& passed, int depth);
  std::string const& passed_on(job_id job, known& passed, int depth);
  family with_ancestors(job_id job);
  family heads_of(family all);
  /// With what those left on whom it depends by number.
  std::string with_outputs(std::string const& base, std::string const& rules);
  std::string merge(std::string const& ancestor, std::string const& first,
                    std::string const& second) const;

  sqlite::database& on_;
  store_options const& options_;
  sqlite::statement read_{
      on_,
      "SELECT coalesce(p.context, (SELECT o.context FROM payloads o WHERE o.job = j.parent)), "
      "j.context_out, iif(j.payload_of = j.id, p.after, NULL), j.parent, "
      "coalesce(j.options, p.options), p.name, p.constraints, "
      "iif(j.payload_of = j.id, (SELECT o.constraints FROM payloads o WHERE o.job = j.parent), "
      "NULL), j.result "
      "FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id = ?1",
      "reading the payload of a job"};
  sqlite::statement output_{on_,
                            "SELECT j.status, j.result, j.context_out, "
                            "iif(j.payload_of = j.id, p.name, NULL) "
                            "FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id = ?1",
                            "reading the output of a job"};
};

}  // namespace nsai::store

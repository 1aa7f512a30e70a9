#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/job.hpp"
#include "messages/node.hpp"
#include "messages/record.hpp"
#include "scheduling/boxed.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// How the latest attempt of a job failed, until its supervisor has decided.
struct verdict {
  attempt_result result = attempt_result::failed;
  std::optional<error_info> error;
  std::string node;  // name
  std::int64_t duration_ms = 0;
};

/// Where a job ran before the restart of the scheduler.
struct unconfirmed_place {
  std::string node_uuid;
  std::string node_name;
  std::uint64_t incarnation = 0;
  std::vector<device_grant> devices;
};

/// One job has to end before another one.
struct dependency {
  job_id job;            // the other one
  bool however = false;  // any end will do, not only success
  friend auto operator<=>(dependency const&, dependency const&) = default;
};

/// What few jobs have.
struct rare_facts {
  timestamp eligible_at;                 // while it backs off
  std::vector<dependency> dependencies;  // as submitted, by number
  std::vector<dependency> dependents;    // jobs that wait for this one; may have ended meanwhile
  std::int32_t sole_losses = 0;          // node losses where it was alone on the node
  boxed<verdict> last;
  boxed<unconfirmed_place> place;
  std::string const* key = nullptr;     // its entry among the keys
  std::string const* unique = nullptr;  // its entry among the words of unique jobs
};

/// By number; of a job that is named for success and for any end, success comes first.
std::vector<dependency> dependencies_in(constraints const& c);

/// An attempt that is over through no fault of its job.
struct infra_failure {
  attempt_result result = attempt_result::lost;
  error_info error;
  bool counted = true;
  bool at_once = false;  // no second of rest before the next attempt
  bool sole = false;     // it was the only attempt on a node that was lost
  std::int64_t duration_ms = 0;
};

/// A waiting job that has the turn.
struct choice {
  queue_turn turn;
  priority level = priority::batch;  // at which it has its turn
  bool aged = false;                 // its level got the grant for having waited long
};

/// What has been found acceptable before in the same batch.
struct found_before {
  bool is_batch = false;                     // else nothing comes after: `jobs` stays empty
  std::map<std::string, std::int64_t> jobs;  // that may have to wait, by tenant
  std::map<std::string, std::int64_t> made;  // that count for the rate, by tenant
  std::map<std::pair<std::string, std::string>, std::int64_t>
      groups;  // their places, by tenant and name
};

/// A step of an experiment.
struct step_facts {
  std::string name;
  std::vector<std::uint32_t> after;
  std::vector<std::uint32_t> before;  // the steps that wait for this one
  std::optional<job_status> ended;
  job_id reused;  // whose result and context it took over; 0: it runs itself
};

/// Why the attempt of a gang is over for all members, while some are not gone yet.
struct gang_ending {
  attempt_result result = attempt_result::lost;
  std::optional<error_info> error;
  std::string node;  // name
  std::int64_t duration_ms = 0;
  timestamp at;
  bool own = false;           // a failure of the job's own; else one of the infrastructure
  bool counted = false;       // against its limit
  bool at_once = false;       // no second of rest before the next attempt
  bool replaces_own = false;  // of a failure that is counted until all are gone
};

/// What a gang knows of the attempt of its members (core_gangs.cpp).
struct gang_facts {
  std::uint64_t present = 0;  // members that still have theirs
  std::optional<gang_ending> over;
  timestamp stops_at;  // when the attempts of all will have cost what they may; 0: not watched
};

/// What an array, gang or experiment knows of its children, whose numbers follow its own.
struct parent_facts {
  bool experiment = false;
  std::uint64_t children = 0;
  std::array<std::uint64_t, 4> ended{};  // succeeded, failed, canceled, timeout
  std::optional<array_spec> array;
  std::uint64_t active = 0;  // within the limit and not ended
  std::uint64_t next = 0;    // no child before this position waits for the limit
  std::vector<step_facts> steps;
  boxed<gang_facts> gang;           // of a gang only
  std::optional<error_info> error;  // why it will not succeed
  bool skipped = false;             // for a dependency that did not succeed

  std::uint64_t ended_count() const { return ended[0] + ended[1] + ended[2] + ended[3]; }
  bool has_limit() const { return array && array->limit > 0; }
};

/// A job that has left the tables while its parent and the jobs that depend on it have not been
/// told yet.
struct departed {
  job_id id;
  job_id parent;
  std::uint32_t position = 0;
  job_status status = job_status::succeeded;
  bool within_limit = false;
  std::vector<dependency> dependents;
};

/// A stage as far as the core cares.
struct stage_facts {
  std::optional<stage_description> description;  // absent: no node has brought it yet
  std::int64_t outcomes = 0;
  std::int64_t mean_us = 0;  // moving mean of the attempts' durations
};

}  // namespace nsai::scheduling

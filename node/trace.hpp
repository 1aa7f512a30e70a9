#pragma once

#include <vector>

#include "messages/record.hpp"

namespace nsai::node {

/// The timeline of jobs in the Trace Event Format that Chrome's about:tracing and Perfetto read:
///   one process a node, with a lane for each device, and as many for the CPU as ran at once; on
///   them every attempt;
///   one track a job, from its creation to its end, on it what it spent waiting.
/// Times are microseconds since the first of the jobs was created; what has not ended lasts until
/// `now`.
json trace_of(std::vector<job_record> const& jobs, timestamp now);

}  // namespace nsai::node

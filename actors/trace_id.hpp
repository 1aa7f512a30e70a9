#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/values.hpp"

namespace nsai::actors {

/// A cluster's part of the trace ids that it gives out: the same for the same `uuid`.
std::uint64_t trace_seed(std::string_view uuid);

/// The trace id of a job that was submitted without one: 32 hex digits. Computed from the number of
/// the job, or of its parent, so that neither the queue nor the events need to keep it.
std::string trace_id_of(std::uint64_t seed, job_id root);

}  // namespace nsai::actors

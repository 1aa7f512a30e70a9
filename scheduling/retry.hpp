#pragma once

#include <cstdint>

#include "messages/attempt.hpp"
#include "messages/job.hpp"

namespace nsai::scheduling {

/// Whether an attempt that ended so counts as a failure of the job itself: the stage's error or its
/// timeout. All others lie with the infrastructure, or are none.
constexpr bool is_own_failure(attempt_result r) {
  return r == attempt_result::failed || r == attempt_result::timed_out;
}

/// How long a job waits before its own retry number `k`, counted from 1. With b = retry_backoff_ms:
/// constant b, linear b * k, exponential b * 2^(k-1); capped at max_backoff_ms; then times (1 +
/// jitter * unit / 1000). `unit` is drawn by the caller from -1000..1000, so that the formula
/// itself is a function.
std::int64_t retry_delay_ms(constraints const& c, std::int32_t k, std::int32_t unit);

}  // namespace nsai::scheduling

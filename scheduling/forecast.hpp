#pragma once

#include <cstddef>
#include <optional>

#include "scheduling/core.hpp"

namespace nsai::scheduling {

/// So much is tried out for one forecast: some tens of milliseconds' work.
inline constexpr std::size_t most_forecast_events = 20'000;

/// When a job that waits starts, if every attempt succeeds and takes what it is expected to
/// (`estimate_ms`, else `timeout_ms`), and nothing else is submitted. Found by letting the core go
/// on in virtual time, so that all its rules are in it. nullopt: something has to end first of
/// which nobody knows when it ends, something else has to happen first, or it would take more than
/// `most_events` events to find out.
///
/// `ahead`: what `core::hypothetical` gave at the time `now`; it is used up.
std::optional<timestamp> forecast_start(core ahead, job_id job, timestamp now,
                                        std::size_t most_events = most_forecast_events);

}  // namespace nsai::scheduling

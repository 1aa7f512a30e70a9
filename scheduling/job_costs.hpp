#pragma once

#include <optional>

#include "scheduling/core_books.hpp"

/// What attempts cost (cost.hpp), as they begin and end, and what follows from that.
namespace nsai::scheduling {

/// The attempt of the job runs at this rate (0: for nothing) since `since`. One that would exceed
/// `max_cost_usd` gets a timer.
void start_cost(core_books& b, job const& j, cost_rate rate);
/// The attempt that runs has run for so long, and is to be paid.
void pay_attempt(core_books& b, job const& j, std::int64_t ms);
/// It runs no more.
void stop_cost(core_books& b, job const& j);

/// Why a job ends that has reached its `max_cost_usd`.
error_info max_cost_error(core_books const& b, job const& j);
/// The same if it has.
std::optional<error_info> over_max_cost(core_books const& b, job const& j);

/// What keeps the tenant's jobs from starting, in words; empty: it has budget left.
std::string budget_reason(core_books const& b, tenant_index tenant);
/// Jobs that would only wait are refused.
std::optional<error_info> check_budget(core_books const& b, std::string const& tenant);

}  // namespace nsai::scheduling

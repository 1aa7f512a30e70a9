#pragma once

#include <optional>

#include "scheduling/core_queries.hpp"

/// What attempts cost (cost.hpp), as they begin and end, and what follows from that.
namespace nsai::scheduling {

/// The attempt of the job runs at this rate (0: for nothing) since `since`. One that would exceed
/// `max_cost_usd` gets a timer; for a gang, which may cost that as a whole, see `watch_cost`.
void start_cost(core_queries& b, job const& j, cost_rate rate);
/// The attempt that runs has run for so long, and is to be paid.
void pay_attempt(core_books& b, job const& j, std::int64_t ms);
/// It runs no more.
void stop_cost(core_books& b, job const& j);

/// Of all the job's attempts, up to now; of a gang: of all its members'.
micro cost_up_to_now(core_queries const& b, job const& j);
/// In how many milliseconds what the gang's members run at will have cost `max_cost_usd`. nullopt:
/// never. Costs are rounded, so it may be 0 while a few millionths are left.
std::optional<std::int64_t> time_to_max_cost(core_queries const& b, job const& gang);
/// The gang gets a timer for when what its members run at will have cost `max_cost_usd`.
void watch_cost(core_queries& b, job const& gang);
void watch_cost_no_more(core_queries& b, job const& gang);

/// Why a job ends that has reached its `max_cost_usd`.
error_info max_cost_error(core_queries const& b, job const& j);
/// The same if it has.
std::optional<error_info> over_max_cost(core_queries const& b, job const& j);

/// What keeps the tenant's jobs from starting, in words; empty: it has budget left.
std::string budget_reason(core_books const& b, tenant_index tenant);
/// Jobs that would only wait are refused.
std::optional<error_info> check_budget(core_books const& b, std::string const& tenant);

}  // namespace nsai::scheduling

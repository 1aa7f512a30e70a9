#pragma once

#include <cstdint>

#include "messages/values.hpp"
#include "scheduling/node_state.hpp"

/// What jobs cost. Money is in millionths of a USD (`micro`), time in milliseconds.
///
///   cost of a job     = the sum over its attempts
///   cost of an attempt = rate × time
///   rate              = price_per_hour_usd of its node × the part of the node that it holds
///   part of the node  = the largest of  cpu held / cpu offered,  memory held / memory offered,
///                       GPUs held / GPUs offered  (a share of a GPU as in `charge_of`); at most 1
///   time              = from its start on the node to its end there, grace period included; never
///                       more than between its grant and its outcome by the scheduler's clock
///
/// Rates are rounded to the nearest millionth an hour, costs down. An attempt that the
/// infrastructure has ended (node lost, GPU fault, handed back, stopped for another job) costs
/// nothing.
namespace nsai::scheduling {

/// Millionths of a USD an hour; 0: the node has no price.
using cost_rate = std::int64_t;

/// Of what is held there.
cost_rate rate_of(node_state const& node, holding const& held);
micro cost_of(cost_rate rate, std::int64_t ms);
/// The longest time that costs no more than this. `rate` above 0.
std::int64_t time_for(micro cost, cost_rate rate);

}  // namespace nsai::scheduling

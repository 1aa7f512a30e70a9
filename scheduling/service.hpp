#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/node.hpp"

namespace nsai::scheduling {

/// A job that has neither a timeout nor an estimate counts as one with the largest timeout there
/// may be, 7 days: it stays away from a node that is in service no longer than that, and a window
/// months ahead takes nothing from it.
inline constexpr std::int64_t longest_bound_ms = 7LL * 24 * 60 * 60 * 1000;

/// How long an attempt may take, as far as its node's end and windows are concerned: its timeout,
/// else what its owner estimated.
std::int64_t time_bound_ms(constraints const& c);
/// What an attempt probably takes at most: what its owner estimated, else its timeout; 0: neither
/// is there. An estimate may be wrong, and only other jobs are late for it then.
std::int64_t expected_ms(constraints const& c);
/// A bound with three digits, rounded up: jobs that have a timeout of their own each make few
/// shapes then.
std::int64_t coarse_bound_ms(std::int64_t bound_ms);

/// What the orders for a node, the windows of its config and its own end come to at one moment. A
/// value, and a function of its arguments alone: after a restart the same comes out.
struct service {
  bool draining = false;
  drain_info drain;  // while it drains
  /// While it does not: what starts now has to be over by then. 0: no bound.
  timestamp horizon;
  /// The window or the end that bounds it; of a node that drains, the window that it is in.
  std::optional<maintenance_window> window;
  /// When another answer may come out, at the earliest; 0: never.
  timestamp changes_at;

  bool is_past_deadline(timestamp now) const {
    return draining && drain.deadline && now >= drain.deadline;
  }
};

/// `config`: the windows that the node itself brought; `leaves_at`: when it leaves, 0 for never.
service service_at(node_order const& order, std::vector<maintenance_window> const& config,
                   timestamp leaves_at, timestamp now);

/// Windows of both kinds that have not ended and were not dismissed, in order.
std::vector<maintenance_window> windows_ahead(node_order const& order,
                                              std::vector<maintenance_window> const& config,
                                              timestamp now);

}  // namespace nsai::scheduling

#include "scheduling/service.hpp"

#include <algorithm>

#include "scheduling/timers.hpp"

namespace nsai::scheduling {

std::int64_t time_bound_ms(constraints const& c) {
  auto bound = c.timeout_ms.value_or(0);
  if (bound <= 0)
    bound = c.estimated_duration_ms;
  return bound > 0 ? bound : longest_bound_ms;
}

std::int64_t expected_ms(constraints const& c) {
  auto const timeout = std::max<std::int64_t>(c.timeout_ms.value_or(0), 0);
  auto const estimate = std::max<std::int64_t>(c.estimated_duration_ms, 0);
  if (timeout == 0 || estimate == 0)
    return std::max(timeout, estimate);
  return std::min(timeout, estimate);
}

std::int64_t coarse_bound_ms(std::int64_t bound_ms) {
  std::int64_t unit = 1;
  while (bound_ms / unit >= 1000)
    unit *= 10;
  return (bound_ms + unit - 1) / unit * unit;
}

std::vector<maintenance_window> windows_ahead(node_order const& order,
                                              std::vector<maintenance_window> const& config,
                                              timestamp now) {
  std::vector<maintenance_window> list;
  for (auto const& w : order.windows)
    if (w.until > now)
      list.push_back(w);
  for (auto const& w : config)
    if (w.until > now && w.from > order.dismissed)
      list.push_back(w);
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

service service_at(node_order const& order, std::vector<maintenance_window> const& config,
                   timestamp leaves_at, timestamp now) {
  service s;
  timestamp next_window;
  for (auto const& w : windows_ahead(order, config, now)) {
    if (w.from > now) {
      take_earlier(next_window, w.from);
      if (!s.window)
        s.window = w;
      take_earlier(s.changes_at, w.from);
      continue;
    }
    take_earlier(s.changes_at, w.until);
    if (!s.draining) {
      s.draining = true;
      s.window = w;
      s.drain = {w.from, w.from, "maintenance until " + to_rfc3339(w.until)};
    }
  }
  if (order.since) {
    auto const deadline = s.drain.deadline;
    s.draining = true;
    s.drain = {order.since, order.deadline, order.reason};
    take_earlier(s.drain.deadline, deadline);
    if (order.deadline > now)
      take_earlier(s.changes_at, order.deadline);
  }
  if (!s.draining) {
    s.horizon = next_window;
    take_earlier(s.horizon, leaves_at);
  }
  return s;
}

}  // namespace nsai::scheduling

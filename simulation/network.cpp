#include "simulation/network.hpp"

#include <algorithm>

namespace nsai::simulation {

void network::send(direction d, std::int64_t at_ms, letter l) {
  if (!is_open(l.connection))
    return;
  auto& w = ways_[{l.connection, d}];
  w.last_ms = std::max({at_ms, w.last_ms, w.stalled_until});
  queue_.emplace(std::pair{w.last_ms, ++number_}, std::move(l));
}

void network::cut(connection_no c, std::size_t left) {
  if (!is_open(c))
    return;
  cut_.insert(c);
  ways_.erase({c, direction::to_node});
  ways_.erase({c, direction::to_scheduler});
  for (auto at = queue_.begin(); at != queue_.end();) {
    bool const ours = at->second.connection == c;
    bool const arrives = ours && left > 0;
    left -= arrives ? 1 : 0;
    at = ours && !arrives ? queue_.erase(at) : std::next(at);
  }
}

void network::stall(connection_no c, std::int64_t until_ms) {
  if (!is_open(c))
    return;
  for (auto const d : {direction::to_node, direction::to_scheduler})
    ways_[{c, d}].stalled_until = until_ms;
  std::vector<letter> late;
  for (auto at = queue_.begin(); at != queue_.end();) {
    bool const early = at->second.connection == c && at->first.first < until_ms;
    if (early)
      late.push_back(std::move(at->second));
    at = early ? queue_.erase(at) : std::next(at);
  }
  // In their old order, and before anything that is sent from now on.
  for (auto& l : late)
    queue_.emplace(std::pair{until_ms, ++number_}, std::move(l));
}

std::optional<letter> network::take(std::int64_t until_ms, std::int64_t& at_ms) {
  if (queue_.empty() || queue_.begin()->first.first > until_ms)
    return std::nullopt;
  auto node = queue_.extract(queue_.begin());
  at_ms = std::max(at_ms, node.key().first);
  return std::move(node.mapped());
}

}  // namespace nsai::simulation

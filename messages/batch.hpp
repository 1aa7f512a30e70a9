#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "messages/job.hpp"

namespace nsai {

/// Things that come after others, put in an order.
struct ordering {
  std::vector<std::size_t> order;  // each after those before it, otherwise as they stood
  std::vector<std::size_t>
      cycle;  // of those that cannot be ordered, the first once more at its end
};
/// `before[i]`: those that have to come before `i`.
ordering order_of(std::vector<std::vector<std::size_t>> const& before);

/// The submissions of a batch with their names for each other resolved.
struct batch_order {
  std::vector<std::size_t> order;  // each after those it names
  // By position in the batch: the positions of those that it names.
  std::vector<std::vector<std::size_t>> after;
  std::vector<std::vector<std::size_t>> after_any;
};
struct batch_fault {
  std::size_t at = 0;
  error_info error;  // the field begins with jobs[at]
};

/// Whether some submission names others of its batch.
bool names_others(std::vector<submission> const& jobs);
/// Refuses names and keys that come twice, names that nobody has, and cycles (by their names).
std::variant<batch_order, batch_fault> order_batch(std::vector<submission> const& jobs);

/// What the others of a batch are told when jobs[at] was refused.
error_info batch_refusal(std::size_t at, error_info const& why);

}  // namespace nsai

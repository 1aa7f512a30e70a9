#include "scheduling/retry.hpp"

#include <algorithm>

namespace nsai::scheduling {
namespace {

// One day times 1000 retries stays far below the range of int64, powers of two do not.
std::int64_t doubled(std::int64_t base, std::int32_t times, std::int64_t most) {
  for (; times > 0 && base < most; --times)
    base *= 2;
  return base;
}

}  // namespace

std::int64_t retry_delay_ms(constraints const& c, std::int32_t k, std::int32_t unit) {
  k = std::max(k, 1);
  unit = std::clamp(unit, -1000, 1000);
  auto delay = c.retry_backoff_ms;
  if (c.backoff == backoff_kind::linear)
    delay *= k;
  else if (c.backoff == backoff_kind::exponential && delay > 0)
    delay = doubled(delay, k - 1, c.max_backoff_ms);
  delay = std::min(delay, c.max_backoff_ms);
  return delay + delay * c.jitter.value / 1000 * unit / 1000;
}

}  // namespace nsai::scheduling

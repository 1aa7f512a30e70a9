#include "scheduling/token_bucket.hpp"

#include <algorithm>

namespace nsai::scheduling {

token_bucket::token_bucket(std::optional<tenant_rate> rate) : rate_(rate) {
  if (rate_)
    level_ = capacity();
}

void token_bucket::change(std::optional<tenant_rate> rate, timestamp now) {
  if (rate == rate_)
    return;
  if (!rate || !rate_) {
    *this = token_bucket{rate};
    at_ = now;
    return;
  }
  auto const jobs = level_at(now) / rate_->per_ms;
  rate_ = rate;
  level_ = std::min(capacity(), jobs * rate_->per_ms);
  at_ = now;
}

/// Time that runs backwards stands still. Nothing is multiplied that might not fit: a full bucket
/// gains nothing.
std::int64_t token_bucket::level_at(timestamp now) const {
  auto const room = capacity() - level_;
  auto const passed = std::max<std::int64_t>(0, now - at_);
  return passed > room / rate_->jobs ? capacity() : level_ + passed * rate_->jobs;
}

std::optional<std::int64_t> token_bucket::wait_ms(std::int64_t jobs, timestamp now) const {
  if (!rate_)
    return 0;
  if (jobs > rate_->at_once())
    return std::nullopt;
  auto const lacks = jobs * rate_->per_ms - level_at(now);
  return lacks <= 0 ? 0 : (lacks + rate_->jobs - 1) / rate_->jobs;
}

void token_bucket::take(std::int64_t jobs, timestamp now) {
  if (!rate_)
    return;
  level_ =
      std::max<std::int64_t>(0, level_at(now) - std::min(jobs, rate_->at_once()) * rate_->per_ms);
  at_ = std::max(at_, now);
}

}  // namespace nsai::scheduling

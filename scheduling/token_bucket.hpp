#pragma once

#include <cstdint>
#include <optional>

#include "messages/tenant.hpp"
#include "messages/values.hpp"

namespace nsai::scheduling {

/// How many jobs may come now: the bucket holds `burst` of them at most, and `jobs` more come in
/// every `per_ms`. So in any stretch of time no more are let through than its length × rate +
/// burst. Whole numbers only: the unit is a job / per_ms, of which `jobs` come every millisecond.
/// Without a rate everything is let through.
class token_bucket {
 public:
  /// Full.
  explicit token_bucket(std::optional<tenant_rate> rate = {});
  /// What is in it stays, as far as it fits.
  void change(std::optional<tenant_rate> rate, timestamp now);

  bool is_limited() const { return rate_.has_value(); }
  /// How long until so many may come: 0 is now; nullopt is never, they are more than the burst.
  std::optional<std::int64_t> wait_ms(std::int64_t jobs, timestamp now) const;
  /// They come now. Those that may not leave it empty.
  void take(std::int64_t jobs, timestamp now);

 private:
  std::int64_t capacity() const { return rate_->at_once() * rate_->per_ms; }
  std::int64_t level_at(timestamp now) const;

  std::optional<tenant_rate> rate_;
  std::int64_t level_ = 0;  // at `at_`
  timestamp at_;
};

}  // namespace nsai::scheduling

#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "messages/error.hpp"
#include "messages/values.hpp"

namespace nsai::scheduling {

/// The minutes of UTC that match the five fields of crontab(5): minute, hour, day of month, month,
/// day of week. A field is a list of `*`, numbers and ranges, each with an optional step (`*/5`,
/// `1-10/3`; `7/10` is 7 to the end in steps of 10). Months and days of the week have names of
/// three letters, too, in any case; Sunday is 0 and 7. When both days are restricted (neither field
/// begins with `*`) a day that matches one of them will do, as cron has it; else it has to match
/// both.
class cron_times {
 public:
  /// A fault names `field`. Times that never come (30 February) are one.
  static std::variant<cron_times, error_info> parse(std::string const& text,
                                                    std::string const& field = "cron");

  /// The first matching minute after this time.
  timestamp next(timestamp after) const;
  /// Whether the minute in which this time lies matches.
  bool matches(timestamp at) const;

 private:
  cron_times() = default;
  struct day {
    unsigned of_month;
    unsigned month;
    unsigned of_week;
  };
  bool matches_day(day const& d) const;
  /// 0: there is none in the forty years after it, in which every calendar comes once.
  timestamp find(timestamp after) const;

  std::uint64_t minutes_ = 0;
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t weekdays_ = 0;
  bool any_of_days_ = false;  // one of the two days will do
};

}  // namespace nsai::scheduling

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "scheduling/effects.hpp"
#include "scheduling/events.hpp"

namespace nsai::scheduling {

/// No retry is delayed longer than this for a stage that only fails.
inline constexpr std::int64_t longest_slow_ms = 10 * 60 * 1000;

/// What a tenant's supervisor decides about failed attempts, as a value: equal seed and questions
/// give equal answers.
///
/// Only what another attempt may cure is retried. A stage that only fails is slowed: once its last
/// ten or more attempts, of three or more different jobs, have all failed, each further failure
/// doubles the delay again, up to ten minutes. Other stages of the tenant are not slowed, and one
/// success ends it.
class supervision {
 public:
  explicit supervision(std::uint64_t seed) : random_(seed) {}

  supervisor_decided decide(consult_supervisor const& question);

  /// An attempt of this stage has succeeded.
  void succeeded(std::string const& stage) { failing_.erase(stage); }

  bool is_slowed(std::string const& stage) const;

 private:
  struct history {
    std::int32_t failures = 0;     // in a row
    std::array<job_id, 3> jobs{};  // the first three different ones that failed
  };

  std::int32_t draw_unit();

  std::uint64_t random_;
  std::map<std::string, history> failing_;
};

}  // namespace nsai::scheduling

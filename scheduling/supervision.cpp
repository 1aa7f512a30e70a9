#include "scheduling/supervision.hpp"

#include <algorithm>

#include "scheduling/retry.hpp"

namespace nsai::scheduling {
namespace {

constexpr std::int32_t failures_to_slow = 10;
constexpr std::int64_t least_slow_ms = 1000;

bool may_be_cured(consult_supervisor const& question) {
  // A timeout depends on how busy the node was; an error without details says nothing against a
  // retry.
  return question.result == attempt_result::timed_out || !question.error ||
         question.error->retryable;
}

}  // namespace

supervisor_decided supervision::decide(consult_supervisor const& question) {
  auto& past = failing_[question.stage];
  ++past.failures;
  for (auto& job : past.jobs) {
    if (job == question.ref.job)
      break;
    if (!job) {
      job = question.ref.job;
      break;
    }
  }
  supervisor_decided answer{question.ref, false, 0};
  if (!may_be_cured(question) ||
      question.own_failures > question.constraints->max_retries.value_or(0))
    return answer;
  answer.retry = true;
  answer.delay_ms = retry_delay_ms(*question.constraints, question.own_failures, draw_unit());
  if (is_slowed(question.stage)) {
    answer.delay_ms = std::max(answer.delay_ms, least_slow_ms);
    for (auto n = past.failures; n >= failures_to_slow && answer.delay_ms < longest_slow_ms; --n)
      answer.delay_ms = std::min(answer.delay_ms * 2, longest_slow_ms);
  }
  return answer;
}

bool supervision::is_slowed(std::string const& stage) const {
  auto const past = failing_.find(stage);
  return past != failing_.end() && past->second.failures >= failures_to_slow &&
         past->second.jobs.back();
}

// splitmix64 (Steele, Lea, Flood 2014): small, seedable, and the same on every standard library.
std::int32_t supervision::draw_unit() {
  auto z = (random_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<std::int32_t>(z % 2001) - 1000;
}

}  // namespace nsai::scheduling

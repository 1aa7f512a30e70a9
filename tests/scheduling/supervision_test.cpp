#include "scheduling/supervision.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

consult_supervisor question(std::uint64_t job, std::int32_t own_failures = 1,
                            bool retryable = true) {
  consult_supervisor q;
  q.ref = {{job}, static_cast<attempt_no>(own_failures)};
  q.tenant_id = "t";
  q.stage = "train";
  q.own_failures = own_failures;
  q.constraints.emplace().max_retries = 100;
  q.constraints->backoff = backoff_kind::constant;
  q.constraints->jitter.value = 0;
  q.error.emplace();
  q.error->retryable = retryable;
  return q;
}

}  // namespace

TEST_CASE("supervision: what another attempt may cure is retried after its backoff") {
  supervision s{1};
  auto const answer = s.decide(question(7));
  CHECK(answer.retry);
  CHECK(answer.delay_ms == 1000);
  CHECK(answer.ref == attempt_ref{{7}, 1});
}

TEST_CASE("supervision: what no attempt can cure is given up") {
  supervision s{1};
  CHECK_FALSE(s.decide(question(7, 1, false)).retry);
}

TEST_CASE("supervision: a timeout is retried though its error says nothing") {
  supervision s{1};
  auto q = question(7, 1, false);
  q.result = attempt_result::timed_out;
  CHECK(s.decide(q).retry);
}

TEST_CASE("supervision: never one more retry than allowed") {
  supervision s{1};
  auto q = question(7, 2);
  q.constraints->max_retries = 2;
  CHECK(s.decide(q).retry);
  q.own_failures = 3;
  CHECK_FALSE(s.decide(q).retry);
}

TEST_CASE(
    "supervision: a stage that only fails is slowed from the tenth failure of three jobs on") {
  supervision s{1};
  for (int i = 0; i < 9; ++i)
    CHECK(s.decide(question(1 + i % 3)).delay_ms == 1000);
  CHECK_FALSE(s.is_slowed("train"));
  CHECK(s.decide(question(1)).delay_ms == 2000);
  CHECK(s.is_slowed("train"));
  CHECK(s.decide(question(2)).delay_ms == 4000);
  for (int i = 0; i < 40; ++i)
    s.decide(question(3));
  CHECK(s.decide(question(2)).delay_ms == 10 * 60 * 1000);
  auto other = question(2);
  other.stage = "report";
  CHECK(s.decide(other).delay_ms == 1000);
  s.succeeded("train");
  CHECK_FALSE(s.is_slowed("train"));
  CHECK(s.decide(question(1)).delay_ms == 1000);
}

TEST_CASE("supervision: two jobs that only fail say nothing about the stage") {
  supervision s{1};
  for (int i = 0; i < 50; ++i)
    CHECK(s.decide(question(1 + i % 2)).delay_ms == 1000);
  CHECK_FALSE(s.is_slowed("train"));
}

TEST_CASE(
    "supervision: equal seeds draw equal jitter, within its bounds, and not always the same") {
  supervision a{42};
  supervision b{42};
  std::int64_t least = 1 << 30;
  std::int64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    auto q = question(1);
    q.constraints->jitter.value = 500;
    auto const delay = a.decide(q).delay_ms;
    CHECK(delay == b.decide(q).delay_ms);
    CHECK((delay >= 500 && delay <= 1500));
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  CHECK(least < 700);
  CHECK(most > 1300);
}

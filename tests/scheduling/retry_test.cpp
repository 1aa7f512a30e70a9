#include "scheduling/retry.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

constraints with(backoff_kind kind, std::int64_t base = 1000, std::int64_t most = 60'000) {
  constraints c;
  c.backoff = kind;
  c.retry_backoff_ms = base;
  c.max_backoff_ms = most;
  return c;
}

}  // namespace

TEST_CASE("retry: a constant delay stays") {
  for (int k = 1; k <= 5; ++k)
    CHECK(retry_delay_ms(with(backoff_kind::constant), k, 0) == 1000);
}

TEST_CASE("retry: a linear delay grows by its base up to the cap") {
  CHECK(retry_delay_ms(with(backoff_kind::linear), 1, 0) == 1000);
  CHECK(retry_delay_ms(with(backoff_kind::linear), 7, 0) == 7000);
  CHECK(retry_delay_ms(with(backoff_kind::linear), 59, 0) == 59'000);
  CHECK(retry_delay_ms(with(backoff_kind::linear), 61, 0) == 60'000);
}

TEST_CASE("retry: an exponential delay doubles up to the cap, however late the retry") {
  CHECK(retry_delay_ms(with(backoff_kind::exponential), 1, 0) == 1000);
  CHECK(retry_delay_ms(with(backoff_kind::exponential), 2, 0) == 2000);
  CHECK(retry_delay_ms(with(backoff_kind::exponential), 6, 0) == 32'000);
  CHECK(retry_delay_ms(with(backoff_kind::exponential), 7, 0) == 60'000);
  CHECK(retry_delay_ms(with(backoff_kind::exponential), 1000, 0) == 60'000);
  CHECK(retry_delay_ms(with(backoff_kind::exponential, 86'400'000, 604'800'000), 1000, 0) ==
        604'800'000);
}

TEST_CASE("retry: jitter moves the capped delay by its part and no further") {
  auto c = with(backoff_kind::constant, 10'000);
  c.jitter.value = 50;
  CHECK(retry_delay_ms(c, 1, 1000) == 10'500);
  CHECK(retry_delay_ms(c, 1, -1000) == 9'500);
  CHECK(retry_delay_ms(c, 1, 500) == 10'250);
  CHECK(retry_delay_ms(c, 1, 99'999) == 10'500);
  c.jitter.value = 1000;
  CHECK(retry_delay_ms(c, 1, -1000) == 0);
}

TEST_CASE("retry: no backoff is no delay") {
  for (auto const kind : {backoff_kind::constant, backoff_kind::linear, backoff_kind::exponential})
    CHECK(retry_delay_ms(with(kind, 0), 9, 1000) == 0);
}

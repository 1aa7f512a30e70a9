#include "processes/wire.hpp"

#include <stdexcept>

#include <doctest/doctest.h>

using namespace nsai::processes;

TEST_CASE("wire: a spec and an exit come back from their frames") {
  process_spec spec;
  spec.argv = {"sh", "-c", std::string(100'000, 'x')};
  spec.env = {"A=b", ""};
  spec.memory_limit_mb = 7;
  auto bytes = encode(spec);
  auto const taken = take_frame(bytes);
  REQUIRE(taken);
  CHECK(bytes.empty());
  CHECK(taken->kind == frame_kind::run);
  auto const back = decode_spec(taken->body);
  CHECK(back.argv == spec.argv);
  CHECK(back.env == spec.env);
  CHECK(back.memory_limit_mb == 7);

  process_exit exit;
  exit.signal = 11;
  exit.stderr_tail = "oops";
  auto more = encode(exit);
  auto const told = decode_exit(take_frame(more)->body);
  CHECK(told.signal == 11);
  CHECK_FALSE(told.exit_status);
  CHECK(told.stderr_tail == "oops");
}

TEST_CASE("wire: a part of a frame is waited for; nonsense is refused") {
  auto const whole = encode(stop_order{15, 1000});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    auto part = whole.substr(0, length);
    CHECK_FALSE(take_frame(part));
  }
  std::string zero(8, '\0');
  CHECK_THROWS_AS(take_frame(zero), std::runtime_error);
  std::string huge(8, '\xff');
  CHECK_THROWS_AS(take_frame(huge), std::runtime_error);
  CHECK_THROWS_AS(decode_stop("abc"), std::runtime_error);
  CHECK_THROWS_AS(decode_spec("\x01"), std::runtime_error);
}

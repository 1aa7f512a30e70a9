#include "scheduling/boxed.hpp"

#include <string>

#include <doctest/doctest.h>

using nsai::scheduling::boxed;

TEST_CASE("boxed: a copy is a copy of the value") {
  boxed<std::string> one{std::string{"one"}};
  auto other = one;
  other->append(" more");
  CHECK(*one == "one");
  CHECK(*other == "one more");
  other = one;
  CHECK(*other == "one");
  boxed<std::string> const empty;
  other = empty;
  CHECK_FALSE(other);
  CHECK(*one == "one");
}

TEST_CASE("boxed: stands for a std::optional, in both directions") {
  boxed<std::string> const empty = std::optional<std::string>{};
  CHECK_FALSE(empty);
  CHECK(std::optional<std::string>(empty) == std::nullopt);
  boxed<std::string> full = std::optional<std::string>{"text"};
  CHECK(std::optional<std::string>(full) == "text");
  CHECK(full.take() == "text");
  CHECK_FALSE(full);
  CHECK(full.take() == std::nullopt);
}

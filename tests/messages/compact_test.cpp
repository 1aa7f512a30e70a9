#include "messages/compact.hpp"

#include <random>

#include <doctest/doctest.h>

#include "messages/api.hpp"

using namespace nsai;

TEST_CASE("compact: fields with their usual value take no bytes") {
  CHECK(compact::encoded(constraints{}) == std::string(1, '\0'));
  submission s;
  s.stage = "echo";
  // The bit of the stage, its length, and the four letters.
  CHECK(compact::encoded(s).size() == 7);
  CHECK(compact::decoded<submission>(compact::encoded(s)) == s);
}

TEST_CASE("compact: numbers at their bounds come back") {
  for (auto const value :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
        std::int64_t{63}, std::int64_t{64}, std::numeric_limits<std::int64_t>::max()}) {
    std::string bytes;
    compact::writer out{bytes};
    compact::write(out, value);
    compact::reader in{bytes};
    std::int64_t back = 7;
    REQUIRE(compact::read(in, back));
    CHECK(back == value);
    CHECK(in.left() == 0);
  }
  std::string bytes;
  compact::writer out{bytes};
  compact::write(out, std::numeric_limits<std::uint64_t>::max());
  std::uint64_t back = 0;
  compact::reader in{bytes};
  CHECK(compact::read(in, back));
  CHECK(back == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("compact: what is not exactly one value of the type is refused") {
  auto const good = compact::encoded(cancel_jobs{"t", {{1}, {300}}});
  REQUIRE(compact::decoded<cancel_jobs>(good));
  CHECK_FALSE(compact::decoded<cancel_jobs>(good + '\0'));
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(compact::decoded<cancel_jobs>(good.substr(0, length)));
  // A field that this version does not have.
  CHECK_FALSE(compact::decoded<knock>("\x02\x01"));
  // An enumeration beyond its last name: the priority of a submission is its tenth field.
  CHECK_FALSE(compact::decoded<submission>(std::string{"\x80\x04\x04", 3}));
  CHECK(compact::decoded<submission>(std::string{"\x80\x04\x03", 3}));
  // A list longer than the message could hold, and a number with more than 64 bits.
  CHECK_FALSE(compact::decoded<cancel_jobs>("\x02\xff\xff\xff\xff\x0f"));
  CHECK_FALSE(compact::decoded<knock>("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
  // A number that does not fit into the field: versions have 32 bits.
  CHECK_FALSE(compact::decoded<knock>("\x01\xff\xff\xff\xff\x1f"));
}

TEST_CASE("compact: any bytes are refused or give a value that is written the same way again") {
  std::mt19937_64 random{20260301};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (auto& byte : bytes)
      byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 8);
    if (auto const value = compact::decoded<submission>(bytes)) {
      auto const again = compact::encoded(*value);
      CHECK(compact::decoded<submission>(again) == *value);
    }
  }
}

TEST_CASE("compact: a message of zeros cannot ask for more memory than a machine has") {
  std::string bytes;
  compact::writer out{bytes};
  out.number(1);  // the list of jobs
  out.number(4'000'000);
  bytes.append(4'000'000, '\0');
  CHECK_FALSE(compact::decoded<submit_jobs>(bytes));
}

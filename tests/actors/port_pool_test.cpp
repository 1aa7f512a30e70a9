// Ports that a node offers to gangs.
#include "actors/port_pool.hpp"

#include <set>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace nsai::actors;

namespace {

bool can_listen(std::uint32_t port) {
  nsai::processes::file_descriptor const socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = INADDR_ANY;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
         ::listen(socket.get(), 1) == 0;
}

}  // namespace

TEST_CASE("port pool: its ports are taken until they are released, and then replaced") {
  port_pool pool{3};
  auto const first = pool.all();
  REQUIRE(first.size() == 3);
  CHECK(std::set(first.begin(), first.end()).size() == 3);
  for (auto const port : first)
    CHECK_FALSE(can_listen(port));
  CHECK(pool.fresh().empty());
  pool.release(first[1]);
  CHECK(can_listen(first[1]));
  CHECK(pool.fresh().size() == 1);
  CHECK(pool.fresh().empty());
  CHECK(pool.all().size() == 3);
  pool.release(1);  // not one of its own
  CHECK(pool.all().size() == 3);
}

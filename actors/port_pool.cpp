#include "actors/port_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

namespace nsai::actors {
namespace {

constexpr std::uint32_t most_in_range = 12'000;
constexpr std::uint32_t least_port = 10'000;  // below are services of all kinds

/// The first port that the kernel gives away by itself.
std::uint32_t first_ephemeral() {
  constexpr std::uint32_t usual = 32'768;
  std::ifstream in{"/proc/sys/net/ipv4/ip_local_port_range"};
  std::uint32_t first = usual;
  in >> first;
  return in && first > least_port + 1000 ? first : usual;
}

/// Bound on all addresses, of both families where there are both; an invalid one when it is taken.
processes::file_descriptor bind_to(std::uint32_t port) {
  processes::file_descriptor socket{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int const off = 0;
  if (socket.get() >= 0 &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return socket;
    if (errno == EADDRINUSE)
      return processes::file_descriptor{-1};
  }
  socket = processes::file_descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = INADDR_ANY;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return socket;
  return processes::file_descriptor{-1};
}

}  // namespace

port_pool::port_pool(std::size_t wanted)
    : wanted_(wanted), end_(first_ephemeral()), random_(std::random_device{}()) {
  first_ = std::max(least_port, end_ > most_in_range ? end_ - most_in_range : 0U);
}

void port_pool::top_up() {
  // On a machine whose ports are all taken there is none to offer; the next beat tries again.
  constexpr int most_tries = 200;
  std::uniform_int_distribution<std::uint32_t> draw{first_, end_ - 1};
  for (int i = 0; i < most_tries && held_.size() < wanted_; ++i) {
    auto const port = draw(random_);
    if (held_.contains(port))
      continue;
    auto socket = bind_to(port);
    if (socket.get() < 0)
      continue;
    held_.emplace(port, std::move(socket));
    fresh_.push_back(port);
  }
}

std::vector<std::uint32_t> port_pool::all() {
  top_up();
  fresh_.clear();
  std::vector<std::uint32_t> ports;
  for (auto const& [port, socket] : held_)
    ports.push_back(port);
  return ports;
}

std::vector<std::uint32_t> port_pool::fresh() {
  top_up();
  return std::exchange(fresh_, {});
}

}  // namespace nsai::actors

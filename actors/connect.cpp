#include "actors/connect.hpp"

#include <cstring>
#include <memory>
#include <optional>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/secret.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

using clock = std::chrono::steady_clock;
using deadline = clock::time_point;

std::chrono::milliseconds left(deadline until) {
  auto const rest = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
  return std::max(rest, std::chrono::milliseconds{1});
}

error_info unavailable(endpoint const& where, std::string code, std::string const& why) {
  return error_of("unavailable", std::move(code),
                  "the scheduler at " + to_string(where) + " cannot be reached: " + why);
}

/// A connected socket, or the reason why there is none.
std::variant<int, std::string> dial(addrinfo const& address, deadline until) {
  int const fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return std::string{std::strerror(errno)};
  auto const fail = [fd](int code) -> std::string {
    ::close(fd);
    return std::strerror(code);
  };
  if (::connect(fd, address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS)
    return fail(errno);
  pollfd waiting{fd, POLLOUT, 0};
  if (::poll(&waiting, 1, static_cast<int>(left(until).count())) != 1)
    return fail(ETIMEDOUT);
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length);
  if (code != 0)
    return fail(code);
  int const on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::variant<int, error_info> dial(endpoint const& where, deadline until) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  auto const port = std::to_string(where.port);
  if (int const code = ::getaddrinfo(where.host.c_str(), port.c_str(), &hints, &found); code != 0)
    return unavailable(where, "cannot_connect", ::gai_strerror(code));
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const addresses{found, &::freeaddrinfo};
  std::string why = "it has no address";
  for (auto const* address = found; address != nullptr; address = address->ai_next) {
    auto result = dial(*address, until);
    if (auto const* fd = std::get_if<int>(&result))
      return *fd;
    why = std::get<std::string>(result);
  }
  return unavailable(where, "cannot_connect", why);
}

using handle_or_error = std::variant<caf::actor, error_info>;

/// Hands the socket to CAF, which exchanges handshakes and gives the published actor.
handle_or_error adopt(caf::scoped_actor& self, endpoint const& where, int fd, deadline until) {
  auto& middleman = self->system().middleman();
  auto broker = middleman.named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  caf::io::scribe_ptr scribe = middleman.backend().new_scribe(fd);
  handle_or_error result = unavailable(where, "timed_out", "it did not answer in time");
  self->request(broker, left(until), caf::connect_atom::value, std::move(scribe), where.port)
      .receive(
          [&](caf::node_id&, caf::strong_actor_ptr& published, std::set<std::string>&) {
            if (published)
              result = caf::actor_cast<caf::actor>(published);
            else
              result = unavailable(where, "not_a_scheduler", "nothing is published there");
          },
          [&](caf::error& e) {
            if (e != caf::sec::request_timeout)
              result = unavailable(where, "not_a_scheduler", self->system().render(e));
          });
  return result;
}

/// One knock and one hello.
handle_or_error pass_gate(caf::scoped_actor& self, caf::actor const& gate, endpoint const& where,
                          std::string const& secret, deadline until) {
  handle_or_error result = unavailable(where, "timed_out", "it did not answer in time");
  auto const failed = [&](caf::error& e) {
    if (e != caf::sec::request_timeout)
      result = unavailable(where, "not_a_scheduler", self->system().render(e));
  };
  std::string nonce;
  self->request(gate, left(until), knock{protocol_version})
      .receive(
          [&](challenge& c) {
            if (c.version == protocol_version)
              nonce = c.nonce;
            else
              result =
                  error_of("refused", "wrong_version",
                           "the scheduler at " + to_string(where) + " speaks protocol version " +
                               std::to_string(c.version) + "; this program speaks version " +
                               std::to_string(protocol_version));
          },
          failed);
  if (nonce.empty())
    return result;
  self->request(gate, left(until), hello{nonce, prove(secret, nonce)})
      .receive(
          [&](answer& a, caf::actor& scheduler) {
            if (a.error)
              result = *a.error;
            else
              result = scheduler;
          },
          failed);
  return result;
}

}  // namespace

endpoint parse_endpoint(std::string const& text) {
  constexpr char const* expected = "HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:4600";
  auto const colon = text.rfind(':');
  auto const fault = [&] {
    return shape_error("scheduler", "\"" + text.substr(0, 80) + "\" is not allowed", expected);
  };
  if (colon == std::string::npos || colon == 0 || text.size() - colon - 1 > 5 ||
      colon + 1 == text.size())
    throw fault();
  unsigned port = 0;
  for (auto i = colon + 1; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9')
      throw fault();
    port = port * 10 + static_cast<unsigned>(text[i] - '0');
  }
  if (port == 0 || port > 65'535)
    throw fault();
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, static_cast<std::uint16_t>(port)};
}

std::string to_string(endpoint const& e) {
  return e.host + ":" + std::to_string(e.port);
}

std::variant<caf::actor, error_info> connect_to_scheduler(caf::actor_system& system,
                                                          endpoint const& where,
                                                          std::string const& secret,
                                                          std::chrono::milliseconds limit) {
  auto const until = clock::now() + limit;
  auto dialled = dial(where, until);
  if (auto* error = std::get_if<error_info>(&dialled))
    return *error;
  caf::scoped_actor self{system};
  auto published = adopt(self, where, std::get<int>(dialled), until);
  if (std::holds_alternative<error_info>(published))
    return published;
  return pass_gate(self, std::get<caf::actor>(published), where, secret, until);
}

}  // namespace nsai::actors

#include "tests/e2e/networks.hpp"

#include <sstream>

#include <doctest/doctest.h>
#include <unistd.h>

namespace nsai::tests {
namespace {

using namespace std::chrono_literals;

finished ip(std::string const& words) {
  std::vector<std::string> argv{"ip"};
  std::istringstream in{words};
  for (std::string word; in >> word;)
    argv.push_back(word);
  return run_program(argv, {}, 10s);
}

void want(std::string const& words) {
  auto const result = ip(words);
  REQUIRE_MESSAGE(result.exit_code == 0, "ip " << words << ": " << result.err);
}

std::string name_of(std::string const& what) {
  static int count = 0;
  return "nsai-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + "-" + what;
}

// On the head's loopback, so that it is the same seen from every node.
constexpr char const* head_address = "10.231.0.1";
// No card has it: frames to it are passed over by who receives them.
constexpr char const* nobody = "02:00:00:00:00:99";

}  // namespace

std::string networks::why_not() {
  if (::geteuid() != 0)
    return "network namespaces need root";
  if (::access("/usr/sbin/ip", X_OK) != 0 && ::access("/sbin/ip", X_OK) != 0)
    return "network namespaces need the program ip (Debian package iproute2)";
  auto const space = name_of("try");
  auto const made = ip("netns add " + space);
  if (made.exit_code != 0)
    return "network namespaces cannot be made here: " + made.err;
  auto const linked = ip("link add v0 netns " + space + " type veth peer name v1 netns " + space);
  ip("netns del " + space);
  return linked.exit_code == 0 ? "" : "links between networks cannot be made: " + linked.err;
}

networks::networks(cluster& of, std::vector<std::string> const& nodes)
    : head_(name_of("head")), secret_file_(of.data_of("head") / "secret") {
  want("netns add " + head_);
  want("-n " + head_ + " link set lo up");
  want("-n " + head_ + " addr add " + head_address + "/32 dev lo");
  of.listen_on(head_address);
  for (auto const& words : {"", "head"})
    of.start_through(words, {"ip", "netns", "exec", head_});
  for (auto const& node : nodes) {
    auto const number = std::to_string(links_.size() + 1);
    auto const base = "10.231." + number + ".";
    auto& l = links_[node] = {name_of(node), "to" + number, base + "1", base + "2"};
    want("netns add " + l.space);
    want("link add " + l.device + " netns " + head_ + " type veth peer name eth0 netns " + l.space);
    want("-n " + head_ + " addr add " + l.head_side + "/30 dev " + l.device);
    want("-n " + head_ + " link set " + l.device + " up");
    want("-n " + l.space + " link set lo up");
    want("-n " + l.space + " addr add " + l.node_side + "/30 dev eth0");
    want("-n " + l.space + " link set eth0 up");
    want("-n " + l.space + " route add " + head_address + "/32 via " + l.head_side);
    of.start_through(node, {"ip", "netns", "exec", l.space});
  }
}

networks::~networks() {
  for (auto const& [node, l] : links_)
    ip("netns del " + l.space);
  ip("netns del " + head_);
}

void networks::cut_to_head(std::string const& node) {
  auto const& l = links_.at(node);
  want("-n " + l.space + " neigh replace " + l.head_side + " lladdr " + nobody +
       " dev eth0 nud permanent");
}

void networks::cut_from_head(std::string const& node) {
  auto const& l = links_.at(node);
  want("-n " + head_ + " neigh replace " + l.node_side + " lladdr " + nobody + " dev " + l.device +
       " nud permanent");
}

void networks::cut(std::string const& node) {
  cut_to_head(node);
  cut_from_head(node);
}

void networks::heal(std::string const& node) {
  auto const& l = links_.at(node);
  ip("-n " + l.space + " neigh del " + l.head_side + " dev eth0");
  ip("-n " + head_ + " neigh del " + l.node_side + " dev " + l.device);
}

}  // namespace nsai::tests

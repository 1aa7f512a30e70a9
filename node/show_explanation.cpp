#include <iostream>

#include <fmt/format.h>

#include "node/output.hpp"
#include "node/units.hpp"

namespace nsai::node {
namespace {

constexpr std::size_t most_classes = 20;

std::string time_from(timestamp at, timestamp now) {
  return at > now ? fmt::format("{} (in {})", to_rfc3339(at), show_duration(at - now))
                  : to_rfc3339(at) + " (any moment)";
}

void show_holders(explanation const& why, timestamp now, output const& out) {
  std::vector<std::vector<std::string>> rows{{"HELD BY", "NODE", "GPUS", "UNTIL"}};
  for (auto const& h : why.holders) {
    std::string gpus;
    for (auto const index : h.gpus)
      gpus += (gpus.empty() ? "" : ",") + std::to_string(index);
    rows.push_back({"job " + std::to_string(h.job.value), h.node, gpus.empty() ? "-" : gpus,
                    h.until ? time_from(h.until, now) : "not known: no timeout, no estimate"});
  }
  out.table(rows);
}

void show_classes(explanation const& why, output const& out) {
  std::vector<std::vector<std::string>> rows{{"NODES", "LIKE", "WITH", ""}};
  std::int64_t left_out = 0;
  for (auto const& c : why.nodes)
    if (rows.size() <= most_classes)
      rows.push_back({std::to_string(c.nodes), c.example, escaped(c.has), escaped(c.why)});
    else
      left_out += c.nodes;
  if (left_out > 0)
    rows.push_back({std::to_string(left_out), "", "others (all of them: --json)"});
  out.table(rows);
}

}  // namespace

void show_explanation(explanation const& why, timestamp now, output const& out) {
  std::cout << fmt::format("job {} is {}{}{}\n", why.job.value, to_string(why.status),
                           why.reason.empty() ? "" : ": ", escaped(why.reason));
  if (why.expected_start)
    std::cout << fmt::format(
        "it starts at {}, if all takes what it is expected to and nothing else is submitted\n",
        time_from(why.expected_start, now));
  if (!why.holders.empty())
    show_holders(why, now, out);
  if (!why.nodes.empty())
    show_classes(why, out);
}

}  // namespace nsai::node

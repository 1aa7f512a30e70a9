// Watches a cluster from a process of its own: shows how it is, attaches a handler by name and
// prints what that is told, one line an event.
//
//   monitoring [HOST:PORT [SECRET_FILE [COUNT [PATTERN...]]]]
//
// Ends after COUNT events (0: never); without a PATTERN it prints the crucible.* events of every
// tenant. Over a restart of the scheduler it goes on after the last event it has printed.
#include <algorithm>
#include <cstdlib>
#include <future>
#include <iostream>

#include "actors/work_client.hpp"

using namespace nsai;

namespace {

constexpr char const* handler_name = "monitoring";

void show_jobs(std::string const& title, std::vector<job_record> const& jobs) {
  std::cout << title << ": " << jobs.size() << '\n';
  for (auto const& job : jobs)
    std::cout << "  job " << job.id.value << ' ' << to_string(job.status) << ' '
              << (job.name.empty() ? "run" : job.name) << ' ' << job.node << '\n';
}

void show_cluster(client& cluster) {
  std::cout << write_json(value_or_throw(cluster.get_stats())).dump(2) << '\n';
  show_jobs("running jobs", value_or_throw(cluster.list_jobs({.status = job_status::running})));
  show_jobs("jobs of the proposer", value_or_throw(cluster.list_jobs({.name_space = "proposer"})));
}

void print(event const& e) {
  std::cout << to_rfc3339(e.at) << ' ' << e.name << " job " << e.job.value << " stage "
            << e.stage_name;
  if (auto const took = e.measurements.find("duration_ms"); took != e.measurements.end())
    std::cout << " took " << took->second << " ms";
  if (!e.node.empty())
    std::cout << " on " << e.node;
  std::cout << " trace " << e.trace_id << std::endl;
}

/// Prints, and fulfils `enough` after so many. It runs on a thread of its own, so it may take its
/// time.
actors::event_handler printer(std::int64_t count, std::shared_ptr<std::promise<void>> enough) {
  return [left = count, enough](event const& e) mutable {
    print(e);
    if (--left == 0)
      enough->set_value();
  };
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> const words(argv + 1, argv + argc);
  auto const word = [&](std::size_t i) { return i < words.size() ? words[i] : std::string{}; };
  std::vector<std::string> patterns(words.begin() + std::min<std::ptrdiff_t>(argc - 1, 3),
                                    words.end());
  if (patterns.empty())
    patterns = {"crucible.*"};

  client cluster{find_cluster(word(0), word(1))};
  auto error = cluster.connect();  // fails at once where other calls would try for a while
  if (!error) {
    show_cluster(cluster);
    auto const enough = std::make_shared<std::promise<void>>();
    error = cluster.attach(handler_name, patterns, printer(std::atoll(word(2).c_str()), enough),
                           audience::everyone);
    if (!error) {
      std::cout << "attached as " << handler_name << std::endl;
      enough->get_future().wait();
      error = cluster.detach(handler_name, audience::everyone);
    }
  }
  if (error)
    std::cerr << "monitoring: " << error->message << '\n';
  return error ? 1 : 0;
} catch (std::exception const& e) {
  std::cerr << "monitoring: " << e.what() << '\n';
  return 1;
}

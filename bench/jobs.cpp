// Job rates and latency of a running scheduler, seen by a client process over TCP.
//   bench_jobs load HOST:PORT JOBS BATCH [PROGRAM] | latency HOST:PORT JOBS | fill HOST:PORT JOBS
//   BATCH | gpu HOST:PORT JOBS
// With a program, `command` jobs that run it, 40 at once on a core; else echo jobs. `gpu`: jobs of
// one empty kernel on a whole GPU each, one at a time and then all at once.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>

#include <caf/all.hpp>

#include "actors/config.hpp"
#include "actors/connect.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "node/access.hpp"

namespace {

using namespace nsai;
using clock_type = std::chrono::steady_clock;

submit_jobs batch_of(int count, int from, std::string const& program) {
  submit_jobs m;
  m.subscribe = true;
  for (int i = 0; i < count; ++i) {
    submission s;
    if (program.empty()) {
      s.stage = "echo";
      s.options.text = "{\"text\":\"hello " + std::to_string(from + i) + "\"}";
    } else {
      s.stage = "command";
      s.options = json_text::of({{"argv", {program}}});
      s.resources.cpu = milli{25};
    }
    m.jobs.push_back(std::move(s));
  }
  return m;
}

submit_jobs gpu_batch_of(int count) {
  submit_jobs m;
  m.subscribe = true;
  m.jobs.resize(static_cast<std::size_t>(count));
  for (auto& s : m.jobs) {
    s.stage = "gpu_noop";
    s.resources.gpu_count = 1;
  }
  return m;
}

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

using batch_maker = std::function<submit_jobs(int count, int from)>;

void load(caf::scoped_actor& self, caf::actor const& scheduler, int jobs, int batch,
          batch_maker const& make) {
  auto const begin = clock_type::now();
  for (int sent = 0; sent < jobs; sent += batch)
    self->send(scheduler, make(std::min(batch, jobs - sent), sent));
  int ended = 0;
  int acknowledged = 0;
  int bad = 0;
  double acknowledged_s = 0;
  self->receive_while([&] { return ended < jobs && bad == 0; })(
      [&](jobs_ended const& m) {
        ended += static_cast<int>(m.jobs.size());
        for (auto const& job : m.jobs)
          bad += job.status != job_status::succeeded;
      },
      [&](submit_reply const& m) {
        acknowledged += static_cast<int>(m.results.size());
        for (auto const& result : m.results)
          bad += result.error.has_value();
        if (acknowledged == jobs)
          acknowledged_s = seconds_since(begin);
      });
  std::cout << json{{"what", "nsai"},
                    {"batch", batch},
                    {"jobs_per_s", ended / seconds_since(begin)},
                    {"acknowledged_per_s", jobs / acknowledged_s},
                    {"bad", bad}}
            << std::endl;
}

void latency(caf::scoped_actor& self, caf::actor const& scheduler, int jobs,
             batch_maker const& make) {
  std::vector<double> ms;
  int bad = 0;
  for (int i = 0; i < jobs; ++i) {
    auto const begin = clock_type::now();
    self->send(scheduler, make(1, i));
    bool ended = false;
    self->receive_while([&] { return !ended; })(
        [&](jobs_ended const& m) {
          ended = true;
          for (auto const& job : m.jobs)
            bad += job.status != job_status::succeeded;
        },
        [&](submit_reply const& m) {
          for (auto const& result : m.results)
            bad += result.error.has_value();
        });
    ms.push_back(seconds_since(begin) * 1000);
  }
  auto const first = ms.front();
  std::sort(ms.begin(), ms.end());
  std::cout << json{{"what", "nsai"},
                    {"bad", bad},
                    {"first_ms", first},
                    {"p50_ms", ms[ms.size() / 2]},
                    {"p99_ms", ms[ms.size() * 99 / 100]}}
            << std::endl;
}

/// Single jobs for a scheduler without nodes, where they stay queued; ends when all are
/// acknowledged.
void fill(caf::scoped_actor& self, caf::actor const& scheduler, int jobs, int batch) {
  auto const begin = clock_type::now();
  int acknowledged = 0;
  int bad = 0;
  for (int sent = 0; sent < jobs; sent += batch) {
    auto m = batch_of(std::min(batch, jobs - sent), sent, "");
    m.subscribe = false;
    self->send(scheduler, std::move(m));
    // A few batches under way are enough; all at once would be measured as memory of the scheduler.
    self->receive_while([&] {
      return sent + batch - acknowledged > 10 * batch ||
             (sent + batch >= jobs && acknowledged < jobs);
    })([&](submit_reply const& reply) {
      acknowledged += static_cast<int>(reply.results.size());
      for (auto const& result : reply.results)
        bad += result.error.has_value();
    });
  }
  std::cout << json{{"what", "fill"},
                    {"jobs", acknowledged},
                    {"acknowledged_per_s", acknowledged / seconds_since(begin)},
                    {"bad", bad}}
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const words(argv + 1, argv + argc);
  if (words.size() < 3) {
    std::cerr << "bench_jobs load HOST:PORT JOBS BATCH [PROGRAM] | latency HOST:PORT JOBS | fill "
                 "HOST:PORT JOBS BATCH | gpu HOST:PORT JOBS\n";
    return 2;
  }
  auto const where = actors::parse_endpoint(words[1]);
  actors::system_config config{1};
  caf::actor_system system{config};
  auto found = actors::connect_to_scheduler(system, where, node::find_secret("", where.port),
                                            std::chrono::seconds{3});
  if (auto* error = std::get_if<error_info>(&found)) {
    std::cerr << error->message << '\n';
    return 1;
  }
  caf::scoped_actor self{system};
  auto const scheduler = std::get<caf::actor>(found);
  auto const program = words.size() > 4 ? words[4] : std::string{};
  batch_maker const usual = [&](int count, int from) { return batch_of(count, from, program); };
  batch_maker const on_gpu = [](int count, int) { return gpu_batch_of(count); };
  auto const jobs = std::stoi(words[2]);
  if (words[0] == "load" && words.size() > 3)
    load(self, scheduler, jobs, std::stoi(words[3]), usual);
  else if (words[0] == "gpu") {
    latency(self, scheduler, jobs, on_gpu);
    load(self, scheduler, jobs, 100, on_gpu);
  } else if (words[0] == "fill" && words.size() > 3)
    fill(self, scheduler, jobs, std::stoi(words[3]));
  else
    latency(self, scheduler, jobs, usual);
  std::_Exit(0);
}

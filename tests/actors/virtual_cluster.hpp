#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include <doctest/doctest.h>
#include <stdlib.h>

#include "actors/executor.hpp"
#include "actors/scheduler.hpp"
#include "messages/api.hpp"
#include "messages/observe.hpp"
#include "stages/context_merge.hpp"
#include "stages/stage.hpp"
#include "tests/actors/support.hpp"

namespace nsai::tests {

/// A scheduler with a real store, and executors, on CAF's deterministic scheduler: no thread, no
/// socket, virtual time.
class virtual_cluster : public virtual_system {
 public:
  explicit virtual_cluster(std::string vfs = {}) : vfs_(std::move(vfs)) {
    std::string name = std::filesystem::temp_directory_path() / "nsai-actors.XXXXXX";
    directory = ::mkdtemp(name.data());
    start_scheduler();
  }
  ~virtual_cluster() {
    kill_scheduler();
    for (auto const& each : all_)
      end(each);
    std::filesystem::remove_all(directory);
  }

  void start_scheduler() {
    actors::scheduler_options options;
    options.core.lease_ms = 5000;
    options.core.lost_after_ms = 5000;
    options.core.adopt_ms = 60'000;
    options.core.known_stages = registry->descriptions();
    options.core.tenants = tenants;
    options.beat_ms = 1000;
    options.store = {directory / "jobs.db", stages::merge_contexts, vfs_};
    options.now = [this] { return now(); };
    options.own_threads = false;
    scheduler = actors::spawn_scheduler(sys, std::move(options));
    run();
  }

  void kill_scheduler() {
    auto const gone = std::exchange(scheduler, {});
    if (gone)
      end(gone);
  }

  timestamp now() {
    auto const since = sched.clock().now().time_since_epoch();
    return {1'700'000'000'000 +
            std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
  }

  node_info node(std::string const& name, std::int64_t cpus = 2) const {
    node_info n;
    n.uuid = "uuid-" + name;
    n.incarnation = 1;
    n.name = name;
    n.cpus = milli{cpus * 1000};
    n.memory_mb = 1000;
    n.stages = registry->descriptions();
    return n;
  }

  /// A real executor; its stages have to be brief ones.
  caf::actor start_executor(std::string const& name, std::int64_t leaves_in_ms = 0) {
    auto where = std::make_shared<actors::workplace>();
    where->data_dir = directory / name;
    where->registry = registry;
    std::filesystem::create_directories(where->data_dir / "spool");
    actors::executor_options options;
    options.node = node(name);
    options.where = where;
    options.leaves_in_ms = leaves_in_ms;
    options.find_scheduler = [this](caf::actor me) {
      if (scheduler)
        caf::anon_send(me, actors::scheduler_found{scheduler});
    };
    auto executor = keep(actors::spawn_executor(sys, std::move(options)));
    run();
    return executor;
  }

  /// Asks the scheduler; the answer comes in virtual no time.
  template <class Reply, class... Messages>
  Reply ask(Messages&&... messages) {
    return ask_of<Reply>(scheduler, std::forward<Messages>(messages)...);
  }
  template <class Reply, class... Messages>
  Reply ask_of(caf::actor const& whom, Messages&&... messages) {
    caf::scoped_actor self{sys};
    auto handle = self->request(whom, caf::infinite, std::forward<Messages>(messages)...);
    run();
    Reply result;
    handle.receive([&](Reply& reply) { result = std::move(reply); },
                   [&](caf::error const& e) { FAIL("asking: " << sys.render(e)); });
    return result;
  }

  submit_result submit(submission s) {
    return ask<submit_reply>(submit_jobs{{std::move(s)}, false}).results.at(0);
  }
  submit_result submit(std::string const& stage, json const& options, constraints limits = {}) {
    submission s;
    s.stage = stage;
    s.options = json_text::of(options);
    s.constraints = limits;
    return submit(std::move(s));
  }
  job_record job(job_id id) { return ask<job_list>(get_jobs{"default", {id}}).jobs.at(0); }

  caf::actor keep(caf::actor a) {
    all_.push_back(a);
    return a;
  }

  std::map<std::string, tenant_settings> tenants;  // from the next start on
  std::filesystem::path directory;
  std::shared_ptr<stages::registry const> registry =
      std::make_shared<stages::registry>(stages::built_in_stages());
  caf::actor scheduler;

 private:
  std::string vfs_;
  std::vector<caf::actor> all_;
};

/// A node that does only what the test says; it writes down what it is told.
struct puppet {
  puppet(virtual_cluster& c, std::string const& name) : cluster(c), info(c.node(name)) {
    actor = c.keep(c.sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
          [this](start_attempts const& m) {
            for (auto const& each : m.attempts)
              started.push_back(each.ref);
          },
          [this](stop_attempts const& m) {
            stopped.insert(stopped.end(), m.attempts.begin(), m.attempts.end());
          },
          [this](outcomes_recorded const& m) {
            recorded.insert(recorded.end(), m.attempts.begin(), m.attempts.end());
          },
      };
    }));
    join();
  }

  /// Registers, holding the given attempts; gives those that it has to stop.
  std::vector<attempt_ref> join(std::vector<attempt_ref> const& holding = {}) {
    register_node request;
    request.node = info;
    for (auto const ref : holding)
      request.held.push_back({ref, milli{1000}, 0, {}});
    request.outcomes = spooled;
    auto const reply = cluster.ask<registered>(request, actor);
    session = reply.session;
    return reply.stop;
  }
  bool beats() { return cluster.ask<beat_reply>(beat{info.uuid, session, {}, {}}).known; }
  void report(attempt_ref ref, attempt_result as) {
    attempt_outcome outcome;
    outcome.ref = ref;
    outcome.result = as;
    spooled = {outcome};
    caf::anon_send(cluster.scheduler, report_outcomes{session, {outcome}});
    cluster.run();
  }

  virtual_cluster& cluster;
  node_info info;
  caf::actor actor;
  std::uint64_t session = 0;
  std::vector<attempt_outcome> spooled;  // told at every registration
  std::vector<attempt_ref> started;
  std::vector<attempt_ref> stopped;
  std::vector<attempt_ref> recorded;
};

}  // namespace nsai::tests

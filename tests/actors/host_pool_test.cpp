// Warm stage hosts with real processes, without actors.
#include "actors/host_pool.hpp"

#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <sys/wait.h>

#include "processes/process_tree.hpp"
#include "tests/processes/support.hpp"

using namespace nsai;
using namespace nsai::actors;
using namespace nsai::tests;

namespace {

class pool_fixture {
 public:
  explicit pool_fixture(host_settings settings = {}) {
    auto keeper = processes::keeper::start();
    keeper_pid = keeper.pid();
    where.data_dir = directory.path;
    where.stage_host = NSAI_STAGE_HOST;
    where.registry = std::make_shared<stages::registry const>(stages::built_in_stages());
    where.pool = std::make_shared<processes::process_pool>(std::move(keeper));
    pool.emplace(where, settings);
  }

  start_attempt attempt(std::string stage, json const& options, std::string tenant = "t") {
    start_attempt a;
    a.ref = {{++last_job}, 1};
    a.stage = std::move(stage);
    a.options = json_text::of(options);
    a.tenant_id = std::move(tenant);
    return a;
  }
  attempt_ref give(std::vector<start_attempt> attempts, bool brief = false) {
    auto const ref = attempts.front().ref;
    host_work work;
    work.attempts = std::move(attempts);
    work.brief = brief;
    work.over = [this](std::vector<attempt_outcome> list) {
      std::lock_guard const lock{mutex};
      for (auto& each : list) {
        order.push_back(each.ref);
        CHECK_MESSAGE(outcomes.emplace(each.ref, std::move(each)).second, "a second outcome");
      }
      changed.notify_all();
    };
    work.progress = [this](attempt_ref r, progress_info const& p) {
      std::lock_guard const lock{mutex};
      progress[r] = p;
      changed.notify_all();
    };
    pool->run(std::move(work));
    return ref;
  }
  attempt_outcome outcome(attempt_ref ref) {
    std::unique_lock lock{mutex};
    REQUIRE(
        changed.wait_for(lock, std::chrono::seconds{60}, [&] { return outcomes.contains(ref); }));
    return outcomes.at(ref);
  }
  attempt_outcome run(start_attempt a) { return outcome(give({std::move(a)})); }
  bool has(attempt_ref ref) {
    std::lock_guard const lock{mutex};
    return outcomes.contains(ref);
  }
  bool running(attempt_ref ref) {
    std::lock_guard const lock{mutex};
    return progress.contains(ref);
  }
  /// An attempt that runs until it is stopped, once it runs.
  attempt_ref spinning(std::string tenant = "t", std::int64_t memory_mb = 0) {
    auto a = attempt("spin", {{"seconds", 600}}, std::move(tenant));
    a.memory_mb = memory_mb;
    auto const ref = give({a});
    REQUIRE(eventually([&] { return running(ref); }));
    return ref;
  }
  std::string log(attempt_ref ref) { return text_of(where.log_of(ref)); }

  temporary_directory directory;
  workplace where;
  pid_t keeper_pid = 0;
  std::optional<host_pool> pool;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<attempt_ref, attempt_outcome> outcomes;
  std::vector<attempt_ref> order;
  std::map<attempt_ref, progress_info> progress;
  std::uint64_t last_job = 0;
};

std::vector<device_grant> device(std::uint32_t index, std::int64_t share = 1000) {
  device_grant d;
  d.index = index;
  d.uuid = "VGPU-" + std::to_string(index);
  d.share_milli = share;
  d.is_virtual = true;
  return {d};
}

}  // namespace

TEST_CASE_FIXTURE(pool_fixture,
                  "hosts: one process serves a tenant's attempts one after the other") {
  auto const first = run(attempt("echo", {{"text", "a"}}));
  CHECK(first.result == attempt_result::succeeded);
  CHECK(first.value.value().at("text") == "a");
  CHECK(first.backend == "stage_host");
  auto const second = run(attempt("echo", {{"text", "b"}}));
  CHECK(second.worker == first.worker);
  REQUIRE(pool->hosts().size() == 1);
  CHECK("host-" + std::to_string(pool->hosts()[0].pid) == first.worker);
  CHECK(pool->hosts()[0].served == 2);
}

TEST_CASE_FIXTURE(pool_fixture, "hosts: tenants never share one") {
  auto const a = run(attempt("echo", {{"text", "a"}}, "a"));
  auto const b = run(attempt("echo", {{"text", "b"}}, "b"));
  CHECK(a.worker != b.worker);
  CHECK(run(attempt("echo", {{"text", "a"}}, "a")).worker == a.worker);
}

TEST_CASE_FIXTURE(pool_fixture, "hosts: attempts that run at once have a host each") {
  auto const first = spinning();
  CHECK(run(attempt("echo", {{"text", "x"}})).result == attempt_result::succeeded);
  CHECK(pool->hosts().size() == 2);
  pool->stop(first, attempt_result::canceled, 60'000);
  CHECK(outcome(first).result == attempt_result::canceled);
  CHECK(pool->hosts().size() == 2);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "hosts: 500 brief attempts in one piece end in order, in one host") {
  std::vector<start_attempt> many;
  for (int i = 0; i < 500; ++i)
    many.push_back(attempt("echo", {{"text", std::to_string(i)}}));
  auto const refs = many;
  give(many, true);
  for (int i = 0; i < 500; ++i)
    CHECK(outcome(refs[static_cast<std::size_t>(i)].ref).value.value().at("text") ==
          std::to_string(i));
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(pool->hosts().size() == 1);
}

TEST_CASE("hosts: one that has served its count is replaced") {
  pool_fixture f{host_settings{16, 2, 3'600'000, 256}};
  auto const first = f.run(f.attempt("echo", {}));
  CHECK(f.run(f.attempt("echo", {})).worker == first.worker);
  CHECK(f.run(f.attempt("echo", {})).worker != first.worker);
}

TEST_CASE("hosts: one that has reached its age is ended, also when it is idle") {
  pool_fixture f{host_settings{16, 1000, 300, 256}};
  auto const first = f.run(f.attempt("echo", {}));
  CHECK(eventually([&] { return f.pool->hosts().empty(); }));
  CHECK(f.run(f.attempt("echo", {})).worker != first.worker);
}

TEST_CASE("hosts: one whose stages keep more memory than the bound is ended") {
  pool_fixture f{host_settings{16, 1000, 3'600'000, 64}};
  f.where.plugins["hoard"] = NSAI_PLUGINS "/keeps.so";
  f.pool.emplace(f.where, host_settings{16, 1000, 3'600'000, 64});
  auto const first = f.run(f.attempt("echo", {}));
  CHECK(f.run(f.attempt("hoard", {{"memory_mb", 20}})).worker == first.worker);
  CHECK(f.run(f.attempt("echo", {})).worker == first.worker);
  CHECK(f.run(f.attempt("hoard", {{"memory_mb", 100}})).worker == first.worker);
  CHECK(f.run(f.attempt("echo", {})).worker != first.worker);
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "hosts: one whose stage leaves a process behind is ended, and that process, too") {
  where.plugins["linger"] = NSAI_PLUGINS "/keeps.so";
  pool.emplace(where, host_settings{});
  auto const first = run(attempt("echo", {}));
  auto const told = run(attempt("linger", {}));
  REQUIRE(told.result == attempt_result::succeeded);
  auto const left = told.value.value().at("pid").get<pid_t>();
  CHECK(told.worker == first.worker);
  CHECK(run(attempt("echo", {})).worker != first.worker);
  CHECK(eventually([&] { return !alive(left); }));
}

TEST_CASE("hosts: no more than the bound stay idle; the longest idle goes first") {
  pool_fixture f{host_settings{2, 1000, 3'600'000, 256}};
  f.run(f.attempt("echo", {}, "a"));
  auto const b = f.run(f.attempt("echo", {}, "b"));
  auto const c = f.run(f.attempt("echo", {}, "c"));
  CHECK(f.pool->hosts().size() == 2);
  CHECK(f.run(f.attempt("echo", {}, "b")).worker == b.worker);
  CHECK(f.run(f.attempt("echo", {}, "c")).worker == c.worker);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "crash: the attempt fails with its signal, those behind it run on a fresh host") {
  std::vector<start_attempt> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(attempt("echo", {{"text", "x"}}));
  many[7] = attempt("crash", {{"signal", "SIGBUS"}});
  auto const refs = many;
  give(many, true);
  for (auto const& each : refs) {
    auto const told = outcome(each.ref);
    if (each.stage == "crash") {
      CHECK(told.result == attempt_result::failed);
      CHECK(told.error->category == "stage");
      CHECK(told.error->code == "signal");
      CHECK(told.error->signal == "SIGBUS");
    } else {
      CHECK(told.result == attempt_result::succeeded);
    }
  }
}

TEST_CASE_FIXTURE(pool_fixture, "crash: every signal has its name in the error") {
  for (std::string const signal : {"SIGSEGV", "SIGABRT", "SIGKILL", "SIGFPE", "SIGILL"}) {
    auto const told = run(attempt("crash", {{"signal", signal}}));
    CHECK(told.error->signal == signal);
    CHECK(told.error->message.find(signal) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(pool_fixture, "stop: the stage's own end, and its host stays") {
  auto const ref = spinning();
  pool->stop(ref, attempt_result::timed_out, 60'000);
  auto const told = outcome(ref);
  CHECK(told.result == attempt_result::timed_out);
  CHECK(told.error->code == "timeout");
  REQUIRE(pool->hosts().size() == 1);
  CHECK_FALSE(pool->hosts()[0].busy);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "stop: an attempt that does not heed it is killed after its grace, those behind "
                  "it run on a fresh host, unblamed (P6)") {
  auto stubborn = attempt("stubborn", {});
  where.plugins["stubborn"] = NSAI_PLUGINS "/stubborn.so";
  pool.emplace(where, host_settings{});
  auto const behind = attempt("echo", {{"text", "behind"}});
  give({stubborn, behind}, true);
  REQUIRE(eventually([&] { return log(stubborn.ref).find("began") != std::string::npos; }));
  auto const pid = pool->hosts().at(0).pid;
  pool->stop(stubborn.ref, attempt_result::canceled, 50);
  CHECK(outcome(stubborn.ref).result == attempt_result::canceled);
  CHECK_FALSE(alive(pid));
  CHECK(outcome(behind.ref).result == attempt_result::succeeded);
  CHECK(outcome(behind.ref).worker != "host-" + std::to_string(pid));
}

TEST_CASE_FIXTURE(pool_fixture, "stop: an attempt that has not begun is answered at once") {
  auto const first = attempt("sleep", {{"seconds", 600}});
  auto const second = attempt("echo", {});
  give({first, second}, true);
  pool->stop(second.ref, attempt_result::canceled, 60'000);
  CHECK(outcome(second.ref).result == attempt_result::canceled);
  CHECK_FALSE(has(first.ref));
  pool->stop(first.ref, attempt_result::canceled, 60'000);
  CHECK(outcome(first.ref).result == attempt_result::canceled);
}

TEST_CASE_FIXTURE(pool_fixture, "a brief attempt that is not brief is stopped at its timeout") {
  auto slow = attempt("sleep", {{"seconds", 600}});
  slow.timeout_ms = 300;
  slow.grace_ms = 60'000;
  auto const behind = attempt("echo", {});
  give({slow, behind}, true);
  CHECK(outcome(slow.ref).result == attempt_result::timed_out);
  CHECK(outcome(behind.ref).result == attempt_result::succeeded);
}

TEST_CASE_FIXTURE(pool_fixture, "memory: the bound is the attempt's, in a warm host too") {
  CHECK(run(attempt("echo", {})).result == attempt_result::succeeded);
  auto large = attempt("allocate", {{"memory_mb", 300}, {"seconds", 600}});
  large.memory_mb = 100;
  auto const told = run(large);
  CHECK(told.result == attempt_result::failed);
  CHECK(told.error->code == "memory_exceeded");
  auto fitting = attempt("allocate", {{"memory_mb", 60}, {"seconds", 0.2}});
  fitting.memory_mb = 200;
  auto const fits = run(fitting);
  CHECK(fits.result == attempt_result::succeeded);
  CHECK(fits.peak_memory_mb >= 60);
  CHECK(fits.peak_memory_mb < 200);
  auto unbounded = attempt("allocate", {{"memory_mb", 300}, {"seconds", 0.2}});
  CHECK(run(unbounded).result == attempt_result::succeeded);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "devices: an idle host of another tenant is gone before one starts") {
  auto a = attempt("echo", {}, "a");
  a.devices = device(0, 500);
  run(a);
  auto const first = pool->hosts().at(0).pid;
  auto b = attempt("echo", {}, "b");
  b.devices = device(0, 500);
  CHECK(run(b).result == attempt_result::succeeded);
  CHECK_FALSE(alive(first));
  auto const again = pool->hosts().at(0).pid;
  auto whole = attempt("echo", {}, "b");
  whole.devices = device(0);
  CHECK(run(whole).result == attempt_result::succeeded);
  CHECK(pool->hosts().at(0).pid == again);  // its own host is the only one there
  std::mutex done;
  done.lock();
  pool->clear(device(0), [&] { done.unlock(); });
  done.lock();
  CHECK_FALSE(alive(again));
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "devices: a host that had more of a GPU is not given an attempt that may hold less") {
  auto const on = [&](std::int64_t share) {
    auto a = attempt("echo", {});
    a.devices = device(0, share);
    return run(a).worker;
  };
  auto const half = on(500);
  CHECK(on(500) == half);
  CHECK(on(1000) == half);
  CHECK(on(500) != half);
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "devices: what CUDA's libraries may take makes no host too large for its next attempt") {
  where.plugins["hoard"] = NSAI_PLUGINS "/keeps.so";
  pool.emplace(where, host_settings{});
  auto const on = [&](std::vector<device_grant> devices, char const* stage) {
    auto a =
        attempt(stage, stage == std::string{"hoard"} ? json{{"memory_mb", 300}} : json::object());
    a.devices = std::move(devices);
    a.memory_mb = 500;
    return run(a).worker;
  };
  auto real = device(0);
  real.front().is_virtual = false;
  auto const with_gpu = on(real, "hoard");
  CHECK(on(real, "echo") == with_gpu);
  auto const with_virtual = on(device(1), "hoard");
  CHECK(on(device(1), "echo") != with_virtual);
  auto const without = on({}, "hoard");
  CHECK(on({}, "echo") != without);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "devices: an exclusive grant ends the tenant's other idle hosts there") {
  auto const hold = [&](std::int64_t share) {
    auto a = attempt("spin", {{"seconds", 600}});
    a.devices = device(0, share);
    auto const ref = give({a});
    REQUIRE(eventually([&] { return running(ref); }));
    return ref;
  };
  auto const one = hold(300);
  auto const two = hold(300);
  pool->stop(one, attempt_result::canceled, 60'000);
  pool->stop(two, attempt_result::canceled, 60'000);
  outcome(one);
  outcome(two);
  CHECK(pool->hosts().size() == 2);
  auto whole = attempt("echo", {});
  whole.devices = device(0);
  CHECK(run(whole).result == attempt_result::succeeded);
  CHECK(pool->hosts().size() == 1);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "devices: a library's stage that failed on a GPU may have spoilt its process") {
  where.plugins["double"] = NSAI_PLUGINS "/good.so";
  pool.emplace(where, host_settings{});
  auto const on = [&](bool is_virtual, json number) {
    auto a = attempt("double", {{"number", std::move(number)}});
    a.devices = device(0);
    a.devices.front().is_virtual = is_virtual;
    return run(a);
  };
  auto const first = on(false, 1);
  CHECK(on(false, 2).worker == first.worker);
  CHECK(on(false, "no number").result == attempt_result::failed);
  auto const next = on(true, 3);
  CHECK(next.worker != first.worker);
  CHECK(on(true, "no number").result == attempt_result::failed);
  CHECK(on(true, 4).worker == next.worker);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "devices: an idle host that holds too much can be ended, a busy one not") {
  auto const busy = spinning();
  auto const idle = run(attempt("echo", {}));
  REQUIRE(pool->hosts().size() == 2);
  for (auto const& host : pool->hosts())
    pool->end_idle(host.pid);
  CHECK(eventually([&] { return pool->hosts().size() == 1; }));
  CHECK_FALSE(has(busy));
  CHECK(run(attempt("echo", {})).worker != idle.worker);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "logs: what stage code writes goes to its own attempt, also before a crash") {
  where.plugins["double"] = NSAI_PLUGINS "/good.so";
  where.plugins["quit"] = NSAI_PLUGINS "/good.so";
  pool.emplace(where, host_settings{});
  auto const doubled = attempt("double", {{"number", 21}});
  auto const quiet = attempt("echo", {});
  auto const quits = attempt("quit", {});
  CHECK(run(doubled).value.value().at("number") == 42);
  run(quiet);
  auto const told = run(quits);
  CHECK(told.error->code == "exit_status");
  CHECK(told.error->exit_status == 9);
  CHECK(log(doubled.ref) == "doubling\n");
  CHECK(log(quiet.ref).empty());
  CHECK(log(quits.ref) == "giving up\n");
}

TEST_CASE_FIXTURE(pool_fixture,
                  "kill -9 of hosts at random moments: one outcome each, blame for no more "
                  "attempts than there were kills") {
  unsigned const seed = std::random_device{}();
  CAPTURE(seed);
  std::minstd_rand random{seed};
  // The first kill hits for certain, however quickly the short attempts end between two looks.
  auto const endless = attempt("spin", {{"seconds", 600}}, "a");
  std::vector<attempt_ref> refs{endless.ref};
  give({endless});
  REQUIRE(eventually([&] { return running(endless.ref); }));
  int kills = ::kill(pool->hosts().at(0).pid, SIGKILL) == 0 ? 1 : 0;
  for (int i = 0; i < 30; ++i) {
    std::vector<start_attempt> some;
    for (int k = 0; k < 40; ++k)
      some.push_back(attempt("spin", {{"seconds", 0.002}}, i % 2 == 0 ? "a" : "b"));
    for (auto const& each : some)
      refs.push_back(each.ref);
    give(some, true);
  }
  REQUIRE(eventually(
      [&] {
        for (auto const& host : pool->hosts())
          if (host.pid > 0 && host.busy && random() % 40 == 0)
            kills += ::kill(host.pid, SIGKILL) == 0 ? 1 : 0;
        std::lock_guard const lock{mutex};
        return outcomes.size() == refs.size();
      },
      std::chrono::seconds{100}));
  CHECK(outcome(endless.ref).result == attempt_result::failed);
  int failed = 0;
  for (auto const ref : refs)
    if (auto const told = outcome(ref); told.result != attempt_result::succeeded) {
      ++failed;
      CHECK(told.error->signal == "SIGKILL");
    }
  CHECK(kills > 0);
  CHECK(failed <= kills);
}

TEST_CASE("kill -9 of the node leaves no host behind") {
  temporary_directory directory;
  auto const file = (directory.path / "pids").string();
  pid_t const node = ::fork();
  if (node == 0) {
    pool_fixture f;
    f.spinning("a");
    f.run(f.attempt("echo", {}, "b"));
    std::ofstream out{file};
    for (auto const& host : f.pool->hosts())
      out << host.pid << '\n';
    out.close();
    for (;;)
      ::pause();
  }
  auto const pids = pids_in(file, 2);
  ::kill(node, SIGKILL);
  ::waitpid(node, nullptr, 0);
  REQUIRE(pids.size() == 2);
  for (auto const pid : pids)
    CHECK(eventually([&] { return !alive(pid); }));
}

TEST_CASE_FIXTURE(pool_fixture,
                  "a host that cannot be started: its attempts are handed back, unblamed") {
  where.stage_host = "/nonexistent/nsai-stage-host";
  pool.emplace(where, host_settings{});
  auto const told = run(attempt("echo", {}));
  CHECK(told.result == attempt_result::returned);
  CHECK(told.error->category == "infra");
  where.stage_host = "/bin/false";
  pool.emplace(where, host_settings{});
  CHECK(run(attempt("echo", {})).result == attempt_result::returned);
}

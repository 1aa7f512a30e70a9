// nsai node: this machine's part of the cluster.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/connection_guard.hpp"
#include "actors/event_log.hpp"
#include "actors/executor.hpp"
#include "actors/gate.hpp"
#include "actors/host_pool.hpp"
#include "actors/plugin_probe.hpp"
#include "actors/run_directories.hpp"
#include "actors/scheduler.hpp"
#include "actors/scheduler_link.hpp"
#include "actors/telemetry_bridge.hpp"
#include "actors/trace_id.hpp"
#include "node/access.hpp"
#include "node/cli.hpp"
#include "node/config.hpp"
#include "node/offer.hpp"
#include "node/own_process.hpp"
#include "node/smooth_clock.hpp"
#include "node/tenant_reload.hpp"
#include "node/units.hpp"
#include "node/version.hpp"
#include "processes/keeper.hpp"
#include "stages/context_merge.hpp"
#include "stages/experiment.hpp"
#include "store/data_dir.hpp"

namespace nsai::node {
namespace {

namespace fs = std::filesystem;

constexpr char const* default_listen = "127.0.0.1:4600";

/// The options of `nsai node` as typed; what was given overrides the config file.
struct node_words {
  std::string config, name, listen, join, advertise, data_dir, cpus, memory, lifetime;
  std::vector<std::string> virtual_gpus, labels;
  bool no_work = false;
  bool insecure_network = false;
};

[[noreturn]] void refuse(std::string const& field, std::string const& came,
                         std::string const& expected) {
  throw command_error(usage_error(field, came, expected));
}

std::string host_name() {
  std::array<char, 65> buffer{};
  ::gethostname(buffer.data(), buffer.size() - 1);
  std::string name;
  for (char const c : std::string_view{buffer.data()})
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ? c : '-';
  return is_name(name) ? name : "node";
}

/// MODEL:MEMORY[:COUNT]
virtual_gpus parse_virtual_gpu(std::string const& text) {
  auto const first = text.find(':');
  auto const second = first == std::string::npos ? first : text.find(':', first + 1);
  if (first == std::string::npos || first == 0)
    refuse("virtual-gpu", "\"" + text.substr(0, 60) + "\" is not allowed",
           "MODEL:MEMORY[:COUNT] such as A100:80G:2");
  virtual_gpus gpu;
  gpu.model = text.substr(0, first);
  gpu.memory_mb = parse_size_mb(
      text.substr(first + 1, second == std::string::npos ? second : second - first - 1),
      "virtual-gpu");
  if (second != std::string::npos) {
    auto const count = json::parse(text.substr(second + 1), nullptr, false);
    if (!count.is_number_integer() || count.get<int>() < 1 || count.get<int>() > 1024)
      refuse("virtual-gpu", "\"" + text.substr(0, 60) + "\" is not allowed",
             "a count from 1 to 1024");
    gpu.count = count.get<int>();
  }
  return gpu;
}

void apply_words(node_words const& w, node_config& config) {
  auto const replace = [](std::string const& from, std::string& to) {
    if (!from.empty())
      to = from;
  };
  replace(w.name, config.name);
  replace(w.listen, config.listen);
  replace(w.join, config.join);
  replace(w.advertise, config.advertise);
  replace(w.data_dir, config.data_dir);
  if (!w.cpus.empty()) {
    auto const value = json::parse(w.cpus, nullptr, false);
    if (!value.is_number() || value.get<double>() < 0)
      refuse("cpus", "\"" + w.cpus.substr(0, 40) + "\" is not allowed", "a number of cores");
    config.cpus = value.get<milli>();
  }
  if (!w.memory.empty())
    config.memory_mb = parse_size_mb(w.memory, "memory");
  for (auto const& gpu : w.virtual_gpus)
    config.virtual_gpus.push_back(parse_virtual_gpu(gpu));
  for (auto const& label : w.labels) {
    auto const [key, value] = parse_pair(label, "label");
    config.labels[key] = value;
  }
  config.security.insecure_network = config.security.insecure_network || w.insecure_network;
}

node_config config_of(node_words const& w) {
  node_config config;
  std::vector<error_info> faults;
  if (!w.config.empty())
    faults = read_config(stages::read_document(w.config), config);
  if (!faults.empty())
    throw command_error(faults);
  apply_words(w, config);
  if (config.name.empty())
    config.name = host_name();
  if (!is_name(config.name))
    refuse("name", "\"" + config.name.substr(0, 80) + "\" is not allowed",
           "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit");
  if (config.listen.empty())
    config.listen = default_listen;
  if (config.data_dir.empty()) {
    char const* home = std::getenv("HOME");
    config.data_dir = fs::path{home != nullptr ? home : "/tmp"} / ".local/share/nsai" / config.name;
  }
  // Stage hosts and programs have working directories of their own.
  config.data_dir = fs::absolute(config.data_dir).string();
  return config;
}

bool is_loopback(std::string const& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

/// The stage host lies beside this program.
fs::path stage_host_path() {
  return fs::read_symlink("/proc/self/exe").parent_path() / "nsai-stage-host";
}

sigset_t end_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int const signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&set, signal);
  return set;
}

/// The scheduler's half of a node: store, scheduler actor, gate and the secret's copy.
class scheduler_half {
 public:
  scheduler_half(caf::actor_system& system, node_config const& config, store::data_dir const& data,
                 stages::registry const& registry)
      : system_(system) {
    actors::scheduler_options options;
    options.core.lease_ms = config.lease_ms;
    options.core.lost_after_ms = config.lost_after_ms.value_or(config.lease_ms);
    options.core.adopt_ms = config.adopt_ms;
    options.core.tenants = config.tenants;
    options.core.placement = *scheduling::placement_policy_named(config.placement);
    options.core.known_stages = registry.descriptions();
    options.beat_ms = config.heartbeat_ms;
    options.retention_ms = std::int64_t{config.retention.days} * 24 * 60 * 60 * 1000;
    options.store.path = data.file("jobs.db");
    options.store.merge_contexts = stages::merge_contexts;
    options.now = [clock = std::make_shared<smooth_clock>()] { return clock->now(); };
    options.trace_seed = actors::trace_seed(data.node_uuid());
    // Records are read from the store no faster than clients take them.
    auto const congested = std::make_shared<std::atomic<bool>>(false);
    options.congested = [congested] { return congested->load(); };
    auto const where = actors::parse_endpoint(config.listen);
    if (!is_loopback(where.host) && !config.security.insecure_network)
      refuse("listen", config.listen + " is not on this machine, and nothing is encrypted yet",
             "an address of 127.0.0.0/8, or --insecure-network");
    scheduler_ = actors::spawn_scheduler(system, std::move(options));
    // A node without its scheduler is of no use: it ends, and whoever watches over it starts it
    // again.
    scheduler_->attach_functor([&system](caf::error const& reason) {
      if (reason == caf::exit_reason::user_shutdown)
        return;
      spdlog::critical("the scheduler has ended; the node ends too: {}", system.render(reason));
      std::_Exit(exit_job_failed);
    });
    gate_ = system.spawn(actors::gate, data.secret(), scheduler_);
    guard_ = system.spawn(actors::connection_guard, actors::connection_limits{}, congested);
    auto const port = system.middleman().publish(gate_, where.port, where.host.c_str(), true);
    if (!port) {
      stop();
      throw command_error(
          error_of("unavailable", "cannot_listen",
                   "cannot listen on " + config.listen + ": " + system.render(port.error())));
    }
    endpoint_ = {where.host, *port};
    try {
      secret_ = std::make_unique<published_secret>(*port, data.secret());
    } catch (...) {
      stop();
      throw;
    }
  }
  ~scheduler_half() { stop(); }
  scheduler_half(scheduler_half const&) = delete;
  scheduler_half& operator=(scheduler_half const&) = delete;

  caf::actor const& actor() const { return scheduler_; }
  actors::endpoint const& where() const { return endpoint_; }

 private:
  void stop() {
    caf::anon_send_exit(gate_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(guard_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(scheduler_, caf::exit_reason::user_shutdown);
  }

  caf::actor_system& system_;
  caf::actor scheduler_;
  caf::actor gate_;
  caf::actor guard_;
  actors::endpoint endpoint_;
  std::unique_ptr<published_secret> secret_;
};

std::shared_ptr<actors::workplace> workplace_of(node_config const& config,
                                                store::data_dir const& data,
                                                processes::keeper keeper,
                                                std::shared_ptr<stages::registry const> registry) {
  auto where = std::make_shared<actors::workplace>();
  where->data_dir = data.path();
  where->artifacts = config.artifacts;
  actors::remove_left_runs(where->run_dir());
  where->stage_host = stage_host_path();
  where->registry = std::move(registry);
  // Wardens see their sockets close and end what they run; whoever watches over the node starts it
  // again.
  where->pool = std::make_shared<processes::process_pool>(std::move(keeper), [] {
    spdlog::critical("the keeper process has ended; the node ends too, with all that it runs");
    std::_Exit(exit_job_failed);
  });
  where->launchers = config.launchers;
  where->datasets = config.datasets;
  where->inherited_env = config.job_env;
  return where;
}

/// Finds out what the stage libraries have, for the node's offer, and makes the stage hosts.
void add_hosts(node_config const& config, actors::workplace& where, node_info& info) {
  std::vector<actors::wanted_plugin> wanted;
  for (auto const& plugin : config.stage_plugins)
    wanted.push_back({plugin.library, plugin.stages});
  auto const& limits = config.stage_hosts;
  auto found =
      actors::probe_plugins(where, wanted, std::chrono::milliseconds{limits.plugin_load_ms});
  where.plugins = std::move(found.libraries);
  info.stages.insert(info.stages.end(), found.stages.begin(), found.stages.end());
  info.plugin_faults = std::move(found.faults);
  where.hosts = std::make_shared<actors::host_pool>(
      where,
      actors::host_settings{limits.most_idle, limits.attempts, limits.age_ms, limits.grown_mb});
}

/// Writes the events that the config asks for, from where the last start has stopped; ends with
/// this.
class event_sink {
 public:
  event_sink(caf::actor_system& system, node_config const& config, fs::path const& data_dir,
             actors::find_scheduler find)
      : system_(system) {
    if (!config.events)
      return;
    auto const& wish = *config.events;
    auto log = std::make_shared<actors::event_log>(
        actors::event_log_settings{data_dir / wish.file, wish.max_mb * 1024 * 1024, wish.files});
    actors::bridge_settings settings;
    settings.find = std::move(find);
    settings.after = log->last_sequence();
    // A disk that hangs this long is reported; the file then ends until the node's next start.
    settings.handlers.push_back({handler_of(config), wish.names,
                                 [log](event const& e) { log->add(e); }, std::chrono::minutes{10}});
    name_ = settings.handlers.back().name;
    bridge_ = system.spawn(actors::telemetry_bridge, std::move(settings));
  }
  ~event_sink() {
    if (!bridge_)
      return;
    // The line being written is finished; a disk that hangs does not keep the node from ending.
    caf::scoped_actor self{system_};
    self->request(bridge_, std::chrono::seconds{2}, actors::detach_handler{name_})
        .receive([](answer const&) {}, [](caf::error const&) {});
    caf::anon_send_exit(bridge_, caf::exit_reason::user_shutdown);
  }
  event_sink(event_sink const&) = delete;
  event_sink& operator=(event_sink const&) = delete;

 private:
  static std::string handler_of(node_config const& config) { return "events.file@" + config.name; }

  caf::actor_system& system_;
  caf::actor bridge_;
  std::string name_;
};

void say_ready(node_config const& config, actors::endpoint const& scheduler) {
  std::cout << fmt::format("nsai node {} ready scheduler={}", config.name,
                           actors::to_string(scheduler))
            << std::endl;
}

/// Waits for a signal to stop, or for the end of the executor (0).
int next_signal(sigset_t const& signals, std::atomic<bool> const& over, on_hangup const& reload) {
  timespec const pause{0, 200'000'000};
  while (!over) {
    int const signal = ::sigtimedwait(&signals, nullptr, &pause);
    if (signal == SIGHUP && reload)
      reload();
    else if (signal > 0)
      return signal;
  }
  return 0;
}

/// Runs until the executor has ended: a first signal lets it hand its work back, a second one ends
/// it at once.
void work_until_stopped(caf::actor const& executor, sigset_t const& signals,
                        on_hangup const& reload) {
  std::atomic<bool> over = false;
  executor->attach_functor([&over](caf::error const&) { over = true; });
  if (next_signal(signals, over, reload) == 0)
    return;
  spdlog::info("stopping: running attempts have their grace period; a second signal ends at once");
  caf::anon_send(executor, actors::shut_down{false});
  if (next_signal(signals, over, reload) == 0)
    return;
  caf::anon_send(executor, actors::shut_down{true});
  while (!over)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
}

/// How a lifetime is divided: what is left for jobs, and the grace period at the end.
struct lifetime {
  std::int64_t leaves_in_ms = 0;  // 0: it stays
  std::int64_t grace_ms = 0;
};

/// A node that is to be gone at the end of its lifetime leaves earlier, by the grace period; of a
/// short lifetime that is a quarter.
lifetime lifetime_of(node_words const& w, node_config const& config) {
  if (w.lifetime.empty())
    return {0, config.grace_ms};
  constexpr std::int64_t least_ms = 1000;
  auto const ms = parse_duration_ms(w.lifetime, "lifetime");
  if (ms < least_ms)
    refuse("lifetime", "\"" + w.lifetime.substr(0, 40) + "\" is not allowed", "a second or more");
  if (w.no_work)
    refuse("lifetime", "--no-work was given too", "--lifetime on a node that runs jobs");
  auto const grace = std::min(config.grace_ms, ms / 4);
  return {ms - grace, grace};
}

int run_node(node_words const& w, global_options const& global) {
  auto const began = std::chrono::steady_clock::now();
  auto const config = config_of(w);
  auto const life = lifetime_of(w, config);
  spdlog::set_level(spdlog::level::from_str(config.log.level));
  auto const signals = end_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto keeper = processes::keeper::start();  // before the first thread, and before the lock that it
                                             // would hold on to
  return_freed_memory();
  raise_descriptor_limit();
  store::data_dir const data{config.data_dir};
  auto registry = std::make_shared<stages::registry const>(stages::built_in_stages());

  actors::system_config caf_config{std::max<std::size_t>(2, std::thread::hardware_concurrency())};
  caf::actor_system system{caf_config};
  std::unique_ptr<scheduler_half> scheduler;
  actors::find_scheduler find;
  actors::endpoint where;
  if (config.join.empty()) {
    scheduler = std::make_unique<scheduler_half>(system, config, data, *registry);
    where = scheduler->where();
    find = actors::find_locally(scheduler->actor());
  } else {
    where = actors::parse_endpoint(config.join);
    auto const& file =
        global.secret_file.empty() ? config.security.secret_file : global.secret_file;
    find = actors::find_remotely(
        system, where, [file, port = where.port, last = find_secret(file, where.port)]() mutable {
          try {
            last = find_secret(file, port);
          } catch (shape_error const&) {
            // The file is being replaced; the one before serves until it is there.
          }
          return last;
        });
  }
  on_hangup reload;  // without a scheduler, or a file, there is nothing to read again
  if (scheduler && !w.config.empty())
    reload = tenant_reload{w.config, config.tenants, [to = scheduler->actor()](auto const& all) {
                             caf::anon_send(to, actors::change_tenants{all});
                           }};
  event_sink const events{system, config, data.path(), find};
  if (w.no_work) {
    if (!scheduler)
      refuse("no-work", "--join was given too", "--no-work on the node that carries the scheduler");
    say_ready(config, where);
    std::atomic<bool> const never = false;
    next_signal(signals, never, reload);
    return exit_done;
  }
  actors::executor_options options;
  options.node = offer_of(config, data.node_uuid(), *registry);
  auto const place = workplace_of(config, data, std::move(keeper), registry);
  add_hosts(config, *place, options.node);
  options.where = place;
  if (finds_gpus(config))
    options.gpu_library = config.gpu_discovery.library;
  options.find_gpus_every = std::chrono::milliseconds{config.gpu_discovery.again_ms};
  options.grace_ms = life.grace_ms;
  if (life.leaves_in_ms > 0) {
    auto const passed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    options.leaves_in_ms = std::max<std::int64_t>(1, life.leaves_in_ms - passed.count());
  }
  options.on_ready = [&config, where] { say_ready(config, where); };
  options.find_scheduler = find;
  auto const executor = actors::spawn_executor(system, std::move(options));
  work_until_stopped(executor, signals, reload);
  return exit_done;
}

}  // namespace

command node_command() {
  return {"node", "run this machine's node in the foreground",
          "nsai node --join 10.0.0.1:4600 --label zone=b",
          [](CLI::App& app, global_options& global) -> command_body {
            auto words = std::make_shared<node_words>();
            app.add_option("--config", words->config, "JSON file (comments allowed)");
            app.add_option("--name", words->name, "default: the host's name");
            app.add_option("--listen", words->listen,
                           "ADDR:PORT of the scheduler, default 127.0.0.1:4600");
            app.add_option("--join", words->join,
                           "HOST:PORT of the scheduler; without it this node carries one");
            app.add_option("--advertise", words->advertise,
                           "address at which others reach this node");
            app.add_option("--data-dir", words->data_dir, "default ~/.local/share/nsai/NAME");
            app.add_option("--cpus", words->cpus, "cores to offer");
            app.add_option("--memory", words->memory, "memory to offer");
            app.add_option("--virtual-gpu", words->virtual_gpus, "MODEL:MEMORY[:COUNT]")
                ->allow_extra_args(false);
            app.add_option("--label", words->labels, "K=V")->allow_extra_args(false);
            app.add_option("--lifetime", words->lifetime,
                           "leaves by itself after this long; takes no job that may take longer");
            app.add_flag("--no-work", words->no_work, "carry the scheduler only");
            app.add_flag("--insecure-network", words->insecure_network,
                         "listen beyond this machine, unencrypted");
            return [words, &global] { return run_node(*words, global); };
          }};
}

}  // namespace nsai::node

#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "devices/nvml.hpp"
#include "messages/error.hpp"
#include "messages/node.hpp"
#include "messages/tenant.hpp"
#include "messages/values.hpp"
#include "stages/dataset_paths.hpp"

namespace nsai::node {

/// Devices that a config declares, so that every routing rule can be tried without one.
struct virtual_gpus {
  static constexpr char const* type_name = "virtual_gpus";
  std::string model;
  std::int64_t memory_mb = 0;
  std::int32_t count = 1;

  static constexpr auto fields() {
    return std::tuple{field{"model", &virtual_gpus::model},
                      field{"memory_mb", &virtual_gpus::memory_mb},
                      field{"count", &virtual_gpus::count}};
  }
};

struct security_settings {
  static constexpr char const* type_name = "security";
  bool insecure_network = false;  // listen beyond this machine although nothing is encrypted yet
  std::string secret_file;

  static constexpr auto fields() {
    return std::tuple{field{"insecure_network", &security_settings::insecure_network},
                      field{"secret_file", &security_settings::secret_file}};
  }
};

struct log_settings {
  static constexpr char const* type_name = "log";
  std::string level = "info";  // trace, debug, info, warn, error, off

  static constexpr auto fields() { return std::tuple{field{"level", &log_settings::level}}; }
};

struct retention_settings {
  static constexpr char const* type_name = "retention";
  std::int32_t days = 30;  // ended jobs are kept this long; 0: for ever

  static constexpr auto fields() { return std::tuple{field{"days", &retention_settings::days}}; }
};

/// The events of the cluster as JSON lines in a file of this node.
struct event_settings {
  static constexpr char const* type_name = "events";
  std::string file;                          // relative: in the data directory
  std::vector<std::string> names{"work.*"};  // shell patterns
  std::int64_t max_mb = 64;                  // of one file
  std::int32_t files = 4;                    // kept, the current one included

  static constexpr auto fields() {
    return std::tuple{field{"file", &event_settings::file}, field{"names", &event_settings::names},
                      field{"max_mb", &event_settings::max_mb},
                      field{"files", &event_settings::files}};
  }
};

/// A stage library. In the config: its path, or an object with the names of the stages that it is
/// to have, so that they are known when it cannot be loaded.
struct stage_plugin {
  static constexpr char const* type_name = "stage_plugin";
  std::string library;  // absolute; neither group nor others may be able to write it
  std::vector<std::string> stages;

  static constexpr auto fields() {
    return std::tuple{field{"library", &stage_plugin::library},
                      field{"stages", &stage_plugin::stages}};
  }
};

/// When the node gives up a warm stage host.
struct host_limits {
  static constexpr char const* type_name = "stage_hosts";
  std::int64_t most_idle = 16;      // kept warm on the node
  std::int64_t attempts = 100'000;  // served by one
  std::int64_t age_ms = 3'600'000;
  std::int64_t grown_mb = 256;           // MiB that it holds more than after its first attempt
  std::int64_t plugin_load_ms = 10'000;  // a library that takes longer is not used

  static constexpr auto fields() {
    using h = host_limits;
    return std::tuple{field{"most_idle", &h::most_idle}, field{"attempts", &h::attempts},
                      field{"age_ms", &h::age_ms}, field{"grown_mb", &h::grown_mb},
                      field{"plugin_load_ms", &h::plugin_load_ms}};
  }
};

/// The GPUs of this machine, by the driver's own library.
struct gpu_discovery_settings {
  static constexpr char const* type_name = "gpu_discovery";
  std::optional<bool> enabled;  // default: unless there are virtual GPUs
  std::string library = devices::nvml::usual_library;
  std::int64_t again_ms = 60'000;  // between looks for new ones; 0: at the node's start only
  static constexpr auto fields() {
    using g = gpu_discovery_settings;
    return std::tuple{field{"enabled", &g::enabled}, field{"library", &g::library},
                      field{"again_ms", &g::again_ms}};
  }
};

/// A node's config file; every key is optional. Options of the command line override it.
struct node_config {
  static constexpr char const* type_name = "config";
  std::string name;       // default: the host's name
  std::string listen;     // ADDR:PORT, default 127.0.0.1:4600
  std::string advertise;  // the address that others reach this node at
  std::string join;       // HOST:PORT of the scheduler; empty: this node carries it
  std::string data_dir;   // default ~/.local/share/nsai/NAME
  std::string artifacts;  // where jobs leave their files; default: in data_dir
  std::optional<milli> cpus;
  std::optional<std::int64_t> memory_mb;
  std::map<std::string, std::string> labels;
  micro price_per_hour_usd;
  std::vector<maintenance_window> maintenance;  // in UTC; ended ones may stay
  gpu_discovery_settings gpu_discovery;
  std::vector<nsai::node::virtual_gpus> virtual_gpus;
  std::map<std::string, stages::dataset_paths> datasets;
  std::map<std::string, std::vector<std::string>> launchers;
  std::vector<std::string> job_env{"PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH"};
  std::map<std::string, std::string> stage_backends;  // stage -> in_process or stage_host
  std::vector<stage_plugin> stage_plugins;
  host_limits stage_hosts;
  retention_settings retention;
  std::map<std::string, tenant_settings> tenants;  // of the scheduler; `*`: all others
  std::string placement = "balanced";              // scheduling/placement_policy.hpp has the others
  std::int64_t adopt_ms = 60'000;
  std::optional<std::int64_t> lost_after_ms;  // default: the lease
  std::int64_t heartbeat_ms = 1000;
  std::int64_t lease_ms = 5000;
  std::int64_t grace_ms = 10'000;
  log_settings log;
  std::optional<event_settings> events;
  security_settings security;

  static constexpr auto fields() {
    using c = node_config;
    return std::tuple{field{"name", &c::name},
                      field{"listen", &c::listen},
                      field{"advertise", &c::advertise},
                      field{"join", &c::join},
                      field{"data_dir", &c::data_dir},
                      field{"artifacts", &c::artifacts},
                      field{"cpus", &c::cpus},
                      field{"memory_mb", &c::memory_mb},
                      field{"labels", &c::labels},
                      field{"price_per_hour_usd", &c::price_per_hour_usd},
                      field{"maintenance", &c::maintenance},
                      field{"gpu_discovery", &c::gpu_discovery},
                      field{"virtual_gpus", &c::virtual_gpus},
                      field{"datasets", &c::datasets},
                      field{"launchers", &c::launchers},
                      field{"job_env", &c::job_env},
                      field{"stage_backends", &c::stage_backends},
                      field{"stage_plugins", &c::stage_plugins},
                      field{"stage_hosts", &c::stage_hosts},
                      field{"retention", &c::retention},
                      field{"tenants", &c::tenants},
                      field{"placement", &c::placement},
                      field{"adopt_ms", &c::adopt_ms},
                      field{"lost_after_ms", &c::lost_after_ms},
                      field{"heartbeat_ms", &c::heartbeat_ms},
                      field{"lease_ms", &c::lease_ms},
                      field{"grace_ms", &c::grace_ms},
                      field{"log", &c::log},
                      field{"events", &c::events},
                      field{"security", &c::security}};
  }
};

/// Reads a config document; every fault is collected, each with its path. Keys of cli.md that this
/// version does not have yet are refused as unsupported; unknown ones with the nearest known key.
std::vector<error_info> read_config(json const& document, node_config& to);

}  // namespace nsai::node

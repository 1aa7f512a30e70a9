#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/gpu.hpp"
#include "messages/node_order.hpp"
#include "messages/record.hpp"

namespace nsai {

/// One option of a stage. `type` is one of string, integer, number, boolean, array, object, any.
struct option_description {
  static constexpr char const* type_name = "option_description";
  std::string name;
  std::string type;
  json_text default_value;  // empty: none
  bool required = false;
  std::string help;
  std::vector<std::string> choices;  // for strings: when not empty, the only values allowed
  std::optional<milli> least;        // for numbers
  std::optional<milli> most;

  static constexpr auto fields() {
    using o = option_description;
    return std::tuple{field{"name", &o::name},
                      field{"type", &o::type},
                      field{"default", &o::default_value},
                      field{"required", &o::required},
                      field{"help", &o::help},
                      field{"choices", &o::choices},
                      field{"least", &o::least},
                      field{"most", &o::most}};
  }
  friend bool operator==(option_description const&, option_description const&) = default;
};

/// What a stage is called, takes and needs.
struct stage_description {
  static constexpr char const* type_name = "stage_description";
  std::string name;
  std::string summary;
  std::vector<option_description> options;
  std::string backend = "in_process";  // in_process, stage_host or command
  bool brief = false;  // never blocks and returns within milliseconds: may run on a shared thread
  bool open_options = false;                       // takes further options that are not described
  std::map<std::string, std::string> unavailable;  // node -> why it cannot run the stage

  static constexpr auto fields() {
    using s = stage_description;
    return std::tuple{field{"name", &s::name},
                      field{"summary", &s::summary},
                      field{"options", &s::options},
                      field{"backend", &s::backend},
                      field{"brief", &s::brief},
                      field{"open_options", &s::open_options},
                      field{"unavailable", &s::unavailable}};
  }
  friend bool operator==(stage_description const&, stage_description const&) = default;
};

/// A stage library of a node's config whose stages the node cannot run, and why.
struct plugin_fault {
  static constexpr char const* type_name = "plugin_fault";
  std::string library;              // its path
  std::vector<std::string> stages;  // as far as they are known
  std::string reason;

  static constexpr auto fields() {
    using p = plugin_fault;
    return std::tuple{field{"library", &p::library}, field{"stages", &p::stages},
                      field{"reason", &p::reason}};
  }
  friend bool operator==(plugin_fault const&, plugin_fault const&) = default;
};

/// What a node offers. `uuid` is the node's own and lasts as long as its data directory;
/// `incarnation` is new at every start of the process.
struct node_info {
  static constexpr char const* type_name = "node_info";
  std::string uuid;
  std::uint64_t incarnation = 0;
  std::string name;
  std::string address;
  milli cpus;
  std::int64_t memory_mb = 0;
  std::vector<gpu_info> gpus;
  std::map<std::string, std::string> labels;
  std::vector<stage_description> stages;
  micro price_per_hour_usd;
  std::string version;
  std::vector<plugin_fault> plugin_faults;
  std::vector<maintenance_window> maintenance;
  // At a registration: the node leaves by itself after this long; 0: it stays.
  std::int64_t leaves_in_ms = 0;
  // At a registration: free ports, all that the node has chosen and not yet given to a gang.
  std::vector<std::uint32_t> ports;

  static constexpr auto fields() {
    using n = node_info;
    return std::tuple{field{"uuid", &n::uuid},
                      field{"incarnation", &n::incarnation},
                      field{"name", &n::name},
                      field{"address", &n::address},
                      field{"cpus", &n::cpus},
                      field{"memory_mb", &n::memory_mb},
                      field{"gpus", &n::gpus},
                      field{"labels", &n::labels},
                      field{"stages", &n::stages},
                      field{"price_per_hour_usd", &n::price_per_hour_usd},
                      field{"version", &n::version},
                      field{"plugin_faults", &n::plugin_faults},
                      field{"maintenance", &n::maintenance},
                      field{"leaves_in_ms", &n::leaves_in_ms},
                      field{"ports", &n::ports}};
  }
  friend bool operator==(node_info const&, node_info const&) = default;
};

/// ready: takes jobs. suspect: silent or disconnected, gets no new ones. lost: its attempts were
/// granted again. draining: it is there, gets no new ones and finishes those that it has.
enum class node_status : std::uint8_t { ready, suspect, lost, draining };
std::vector<std::string> const& enum_names(node_status);

/// A node with its use, for clients.
struct node_record {
  static constexpr char const* type_name = "node_record";
  std::string name;
  std::string uuid;
  node_status status = node_status::ready;
  std::string address;
  milli cpus;
  milli cpus_used;
  std::int64_t memory_mb = 0;
  std::int64_t memory_used_mb = 0;
  std::vector<gpu_use> gpus;
  std::map<std::string, std::string> labels;
  std::vector<std::string> stages;
  std::int64_t running = 0;
  timestamp last_seen_at;
  std::string version;
  std::vector<plugin_fault> plugin_faults;
  std::optional<drain_info> drain;              // while it drains, also when it is not there
  std::vector<maintenance_window> maintenance;  // that have not ended
  timestamp leaves_at;                          // 0: it stays
  place_health health = place_health::sound;    // as a whole; its GPUs have their own
  std::string health_reason;                    // of a quarantine, or why it starts one at a time
  timestamp health_until;                       // the end of a quarantine; 0: none

  static constexpr auto fields() {
    using n = node_record;
    return std::tuple{field{"name", &n::name},
                      field{"uuid", &n::uuid},
                      field{"status", &n::status},
                      field{"address", &n::address},
                      field{"cpus", &n::cpus},
                      field{"cpus_used", &n::cpus_used},
                      field{"memory_mb", &n::memory_mb},
                      field{"memory_used_mb", &n::memory_used_mb},
                      field{"gpus", &n::gpus},
                      field{"labels", &n::labels},
                      field{"stages", &n::stages},
                      field{"running", &n::running},
                      field{"last_seen_at", &n::last_seen_at},
                      field{"version", &n::version},
                      field{"plugin_faults", &n::plugin_faults},
                      field{"drain", &n::drain},
                      field{"maintenance", &n::maintenance},
                      field{"leaves_at", &n::leaves_at},
                      field{"health", &n::health},
                      field{"health_reason", &n::health_reason},
                      field{"health_until", &n::health_until}};
  }
  friend bool operator==(node_record const&, node_record const&) = default;
};

}  // namespace nsai

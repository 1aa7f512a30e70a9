#include "node/config.hpp"

#include <algorithm>

#include "messages/job.hpp"
#include "messages/suggest.hpp"
#include "scheduling/placement_policy.hpp"
#include "stages/stage.hpp"

namespace nsai::node {
namespace {

using faults = std::vector<error_info>;

void want_range(faults& list, char const* field, std::int64_t value, std::int64_t least,
                std::int64_t most) {
  if (value < least || value > most)
    list.push_back(usage_error(field, std::to_string(value) + " is not allowed",
                               std::to_string(least) + " to " + std::to_string(most)));
}

/// Whether a built-in stage may run as the config wishes.
void check_backend(node_config const& c, std::vector<stage_description> const& built_in,
                   std::string const& stage, std::string const& wish, faults& list) {
  auto const path = "stage_backends." + stage;
  if (wish != "in_process" && wish != "stage_host") {
    list.push_back(usage_error(path, "\"" + wish.substr(0, 40) + "\" is not allowed",
                               "one of in_process, stage_host"));
    return;
  }
  std::vector<std::string> names;
  for (auto const& each : built_in) {
    names.push_back(each.name);
    if (each.name != stage || each.backend == wish)
      continue;
    if (each.backend == "command")
      list.push_back(usage_error(path, wish + " is not allowed",
                                 "nothing: " + stage + " runs under a process of its own"));
    else if (wish == "in_process")
      list.push_back(usage_error(path, "in_process is not allowed",
                                 "stage_host: " + stage + " may end or fill its process"));
  }
  if (std::find(names.begin(), names.end(), stage) != names.end())
    return;
  if (!c.stage_plugins.empty()) {
    if (wish == "in_process")
      list.push_back(usage_error(path, "in_process is not allowed",
                                 "stage_host: stages of libraries run in stage hosts only"));
    return;
  }
  auto const near = nearest(stage, names);
  list.push_back(
      usage_error(path, "there is no such stage",
                  near.empty() ? "one of " + joined(names) : near + " (did you mean that?)"));
}

void check_stages(node_config const& c, faults& list) {
  auto const built_in = stages::built_in_stages().descriptions();
  for (auto const& [stage, wish] : c.stage_backends)
    check_backend(c, built_in, stage, wish, list);
  for (std::size_t i = 0; i < c.stage_plugins.size(); ++i)
    if (auto const& library = c.stage_plugins[i].library; library.empty() || library[0] != '/')
      list.push_back(usage_error("stage_plugins[" + std::to_string(i) + "]",
                                 "\"" + library.substr(0, 200) + "\" is not allowed",
                                 "the absolute path of a shared library"));
  auto const& h = c.stage_hosts;
  want_range(list, "stage_hosts.most_idle", h.most_idle, 0, 10'000);
  want_range(list, "stage_hosts.attempts", h.attempts, 1, 1'000'000'000);
  want_range(list, "stage_hosts.age_ms", h.age_ms, 1, 7LL * 24 * 3'600'000);
  want_range(list, "stage_hosts.grown_mb", h.grown_mb, 1, 1LL << 30);
  want_range(list, "stage_hosts.plugin_load_ms", h.plugin_load_ms, 10, 600'000);
}

/// Of cli.md, but not there yet.
error_info unsupported(std::string const& key) {
  auto fault = usage_error(key, "this key is not supported by this version", "a config without it");
  fault.code = "unsupported";
  return fault;
}

/// Takes them out, so that the faults of the others are told, too.
void refuse_later_keys(json& tenants, faults& list) {
  if (!tenants.is_object())
    return;
  for (auto& [name, settings] : tenants.items())
    if (settings.is_object() && settings.erase("max_cost_usd") > 0)
      list.push_back(unsupported("tenants." + name.substr(0, 80) + ".max_cost_usd"));
}

/// A path alone stands for a library with any stages.
json full_plugins(json value) {
  if (value.is_array())
    for (auto& each : value)
      if (each.is_string())
        each = {{"library", each}};
  return value;
}

void check_maintenance(node_config const& c, faults& list) {
  constexpr std::size_t most = 100;
  if (c.maintenance.size() > most)
    list.push_back(usage_error("maintenance",
                               std::to_string(c.maintenance.size()) + " windows are not allowed",
                               "at most " + std::to_string(most)));
  for (std::size_t i = 0; i < c.maintenance.size(); ++i) {
    auto const path = "maintenance[" + std::to_string(i) + "]";
    auto const& w = c.maintenance[i];
    for (auto const& [name, at] : {std::pair{".from", w.from}, {".until", w.until}})
      if (!at)
        list.push_back(usage_error(path + name, "nothing was given",
                                   "a date and time such as 2026-03-01T09:30:00Z"));
    if (w.from && w.until && w.until <= w.from)
      list.push_back(usage_error(path + ".until",
                                 to_rfc3339(w.until) + " is not after " + to_rfc3339(w.from),
                                 "a time after the beginning of the window"));
  }
}

void check_values(node_config const& c, faults& list) {
  if (!c.name.empty() && !is_name(c.name))
    list.push_back(usage_error("name", "\"" + c.name.substr(0, 80) + "\" is not allowed",
                               "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit"));
  if (!scheduling::placement_policy_named(c.placement)) {
    std::vector<std::string> const names(scheduling::placement_policy_names.begin(),
                                         scheduling::placement_policy_names.end());
    list.push_back(usage_error("placement", "\"" + c.placement.substr(0, 40) + "\" is not allowed",
                               "one of " + joined(names)));
  }
  want_range(list, "heartbeat_ms", c.heartbeat_ms, 10, 60'000);
  want_range(list, "lease_ms", c.lease_ms, 50, 3'600'000);
  if (c.lease_ms < 2 * c.heartbeat_ms)
    list.push_back(
        usage_error("lease_ms", std::to_string(c.lease_ms) + " is not allowed",
                    "at least twice heartbeat_ms (" + std::to_string(2 * c.heartbeat_ms) + ")"));
  want_range(list, "adopt_ms", c.adopt_ms, 0, 3'600'000);
  want_range(list, "grace_ms", c.grace_ms, 0, 86'400'000);
  if (c.lost_after_ms)
    want_range(list, "lost_after_ms", *c.lost_after_ms, c.lease_ms, 3'600'000);
  if (c.cpus && (c.cpus->value < 0 || c.cpus->value > 100'000'000))
    list.push_back(
        usage_error("cpus", json(*c.cpus).dump() + " is not allowed", "0 to 100000 cores"));
  if (c.price_per_hour_usd.value < 0)
    list.push_back(usage_error("price_per_hour_usd",
                               json(c.price_per_hour_usd).dump() + " is not allowed",
                               "0 (no price) or more"));
  if (c.memory_mb)
    want_range(list, "memory_mb", *c.memory_mb, 0, 1LL << 30);
  if (c.events) {
    if (c.events->file.empty())
      list.push_back(usage_error("events.file", "nothing was given", "the name of a file"));
    if (c.events->names.empty())
      list.push_back(usage_error("events.names", "nothing was given",
                                 "one shell pattern or more, such as work.job.*"));
    want_range(list, "events.max_mb", c.events->max_mb, 1, 1'000'000);
    want_range(list, "events.files", c.events->files, 1, 1000);
  }
  if (!c.artifacts.empty() && c.artifacts[0] != '/')
    list.push_back(usage_error("artifacts", "\"" + c.artifacts.substr(0, 200) + "\" is not allowed",
                               "an absolute path"));
  check_maintenance(c, list);
  check_stages(c, list);
  auto const of_tenants = check(c.tenants);
  list.insert(list.end(), of_tenants.begin(), of_tenants.end());
  want_range(list, "retention.days", c.retention.days, 0, 36'500);
  if (c.gpu_discovery.library.empty())
    list.push_back(usage_error("gpu_discovery.library", "nothing was given",
                               "a library such as " + node_config{}.gpu_discovery.library));
  want_range(list, "gpu_discovery.again_ms", c.gpu_discovery.again_ms, 0, 86'400'000);
  for (std::size_t i = 0; i < c.virtual_gpus.size(); ++i) {
    auto const path = "virtual_gpus[" + std::to_string(i) + "]";
    auto const& gpu = c.virtual_gpus[i];
    if (gpu.model.empty())
      list.push_back(usage_error(path + ".model", "nothing was given", "a model such as A100"));
    want_range(list, (path + ".memory_mb").c_str(), gpu.memory_mb, 1, 1LL << 30);
    want_range(list, (path + ".count").c_str(), gpu.count, 1, 1024);
  }
  static std::vector<std::string> const levels{"trace", "debug", "info", "warn", "error", "off"};
  if (std::find(levels.begin(), levels.end(), c.log.level) == levels.end())
    list.push_back(usage_error("log.level", "\"" + c.log.level.substr(0, 40) + "\" is not allowed",
                               "one of " + joined(levels)));
}

}  // namespace

std::vector<error_info> read_config(json const& document, node_config& to) {
  faults list;
  if (!document.is_object()) {
    list.push_back(usage_error("config", describe_json(document) + " is not allowed", "an object"));
    return list;
  }
  for (auto const& [key, value] : document.items()) {
    if (key == "store") {
      list.push_back(unsupported(key));
      continue;
    }
    // One key at a time, so that the faults of all of them are told at once.
    try {
      auto given = key == "stage_plugins" ? full_plugins(value) : value;
      if (key == "tenants")
        refuse_later_keys(given, list);
      read_json(json{{key, std::move(given)}}, to);
    } catch (shape_error const& fault) {
      list.push_back(usage_error(fault));
    }
  }
  if (list.empty())
    check_values(to, list);
  return list;
}

}  // namespace nsai::node

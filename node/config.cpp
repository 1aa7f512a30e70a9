#include "node/config.hpp"

#include <algorithm>

#include "messages/job.hpp"
#include "messages/suggest.hpp"

namespace nsai::node {
namespace {

using faults = std::vector<error_info>;

void want_range(faults& list, char const* field, std::int64_t value, std::int64_t least,
                std::int64_t most) {
  if (value < least || value > most)
    list.push_back(usage_error(field, std::to_string(value) + " is not allowed",
                               std::to_string(least) + " to " + std::to_string(most)));
}

void check_values(node_config const& c, faults& list) {
  if (!c.name.empty() && !is_name(c.name))
    list.push_back(usage_error("name", "\"" + c.name.substr(0, 80) + "\" is not allowed",
                               "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit"));
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
  want_range(list, "retention.days", c.retention.days, 0, 36'500);
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
    if (key == "stage_plugins" || key == "tenants" || key == "store") {
      auto fault =
          usage_error(key, "this key is not supported by this version", "a config without it");
      fault.code = "unsupported";
      list.push_back(std::move(fault));
      continue;
    }
    // One key at a time, so that the faults of all of them are told at once.
    try {
      read_json(json{{key, value}}, to);
    } catch (shape_error const& fault) {
      list.push_back(usage_error(fault));
    }
  }
  if (list.empty())
    check_values(to, list);
  return list;
}

}  // namespace nsai::node

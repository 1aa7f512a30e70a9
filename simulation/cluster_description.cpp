#include "simulation/cluster_description.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "messages/suggest.hpp"

namespace nsai::simulation {
namespace {

using faults = std::vector<error_info>;

constexpr std::int64_t most_nodes = 100'000;

void want_range(faults& list, std::string const& field, std::int64_t value, std::int64_t least,
                std::int64_t most) {
  if (value < least || value > most)
    list.push_back(usage_error(field, std::to_string(value) + " is not allowed",
                               std::to_string(least) + " to " + std::to_string(most)));
}

std::string name_of(node_class const& c, std::int64_t number) {
  return c.count == 1 ? c.name : c.name + "-" + std::to_string(number);
}

void check_class(node_class const& c, std::string const& path, faults& list) {
  if (!is_name(name_of(c, c.count)))
    list.push_back(usage_error(path + ".name", "\"" + c.name.substr(0, 80) + "\" is not allowed",
                               "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit "
                               "(the number of the node included)"));
  want_range(list, path + ".count", c.count, 0, most_nodes);
  if (c.cpus.value <= 0 || c.cpus.value > 100'000'000)
    list.push_back(usage_error(path + ".cpus", json(c.cpus).dump() + " is not allowed",
                               "above 0 and at most 100000 cores"));
  want_range(list, path + ".memory_mb", c.memory_mb, 0, 1LL << 30);
  if (c.price_per_hour_usd.value < 0)
    list.push_back(usage_error(path + ".price_per_hour_usd",
                               json(c.price_per_hour_usd).dump() + " is not allowed",
                               "0 (no price) or more"));
  std::int64_t devices = 0;
  for (std::size_t i = 0; i < c.gpus.size(); ++i) {
    auto const at = path + ".gpus[" + std::to_string(i) + "]";
    auto const& gpu = c.gpus[i];
    if (gpu.model.empty())
      list.push_back(usage_error(at + ".model", "nothing was given", "a model such as A100"));
    want_range(list, at + ".memory_mb", gpu.memory_mb, 0, 1LL << 30);
    want_range(list, at + ".count", gpu.count, 1, 1024);
    devices += std::clamp(gpu.count, 0, 1024);
  }
  want_range(list, path + ".gpus", devices, 0, 1024);
}

void check_names(cluster_description const& cluster, faults& list) {
  std::set<std::string> seen;
  std::int64_t all = 0;
  for (auto const& c : cluster.nodes)
    all += c.count;
  if (all < 1 || all > most_nodes) {
    list.push_back(usage_error("nodes", std::to_string(all) + " nodes are not allowed",
                               "1 to " + std::to_string(most_nodes)));
    return;
  }
  for (std::size_t i = 0; i < cluster.nodes.size(); ++i)
    for (std::int64_t n = 1; n <= cluster.nodes[i].count; ++n)
      if (auto const name = name_of(cluster.nodes[i], n); !seen.insert(name).second) {
        list.push_back(usage_error("nodes[" + std::to_string(i) + "].name",
                                   "\"" + name + "\" is the name of another node",
                                   "a name that no other node has"));
        break;
      }
}

/// In a simulation nobody has to be kept from what is urgent.
json with_priorities(json document) {
  auto& tenants = document["tenants"];
  if (tenants.is_null())
    tenants = json::object();
  if (!tenants.is_object())
    return document;
  if (!tenants.contains("*"))
    tenants["*"] = json::object();
  for (auto& settings : tenants)
    if (settings.is_object() && !settings.contains("max_priority"))
      settings["max_priority"] = to_string(priority::realtime);
  return document;
}

}  // namespace

std::vector<error_info> read_cluster(json const& document, cluster_description& to) {
  faults list;
  if (!document.is_object()) {
    list.push_back(usage_error("cluster", describe_json(document) + " is not allowed",
                               "an object with \"nodes\""));
    return list;
  }
  // One key at a time, so that the faults of all of them are told at once.
  auto const given = with_priorities(document);
  for (auto const& [key, value] : given.items()) {
    try {
      read_json(json{{key, value}}, to);
    } catch (shape_error const& fault) {
      list.push_back(usage_error(fault));
    }
  }
  if (!list.empty())
    return list;
  for (std::size_t i = 0; i < to.nodes.size(); ++i)
    check_class(to.nodes[i], "nodes[" + std::to_string(i) + "]", list);
  if (list.empty())
    check_names(to, list);
  auto more = check(to.tenants);
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

node_class const& add_nodes(cluster_description& to, std::string const& what) {
  auto const colon = what.rfind(':');
  std::int64_t count = 0;
  auto const* const end = what.data() + what.size();
  bool const sound = colon != std::string::npos && colon > 0 &&
                     std::from_chars(what.data() + colon + 1, end, count).ptr == end && count > 0 &&
                     count <= most_nodes;
  if (!sound)
    throw shape_error("add", "\"" + what.substr(0, 80) + "\" is not allowed",
                      "NAME:COUNT, such as a100:4");
  auto const name = what.substr(0, colon);
  std::vector<std::string> names;
  std::vector<std::size_t> meant;
  for (std::size_t i = 0; i < to.nodes.size(); ++i) {
    auto const& c = to.nodes[i];
    names.push_back(c.name);
    if (c.name == name)
      meant = {i};
    if (c.name == name)
      break;
    if (std::any_of(c.gpus.begin(), c.gpus.end(),
                    [&](auto const& gpu) { return gpu_model_matches(name, gpu.model); }))
      meant.push_back(i);
  }
  if (meant.size() > 1) {
    std::vector<std::string> several;
    for (auto const i : meant)
      several.push_back(to.nodes[i].name);
    throw shape_error("add", "several kinds of nodes have GPUs called " + name,
                      "one of " + joined(several));
  }
  if (meant.empty()) {
    auto const near = nearest(name, names);
    throw shape_error("add", "no nodes are called \"" + name.substr(0, 80) + "\"",
                      near.empty() ? "one of " + joined(names) : near + " (did you mean that?)");
  }
  auto& c = to.nodes[meant.front()];
  c.count += count;
  faults list;
  check_names(to, list);
  if (!list.empty())
    throw shape_error("add", list.front().message, "fewer nodes, or other names");
  return c;
}

std::vector<described_node> nodes_of(cluster_description const& cluster) {
  std::vector<described_node> list;
  stage_description stage;
  stage.name = simulated_stage;
  stage.backend = "command";
  for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
    auto const& c = cluster.nodes[i];
    for (std::int64_t number = 1; number <= c.count; ++number) {
      node_info n;
      n.uuid = n.name = name_of(c, number);
      n.incarnation = 1;
      n.cpus = c.cpus;
      n.memory_mb = c.memory_mb;
      n.labels = c.labels;
      n.price_per_hour_usd = c.price_per_hour_usd;
      n.stages = {stage};
      for (auto const& gpu : c.gpus)
        for (std::int32_t k = 0; k < gpu.count; ++k) {
          auto const index = static_cast<std::uint32_t>(n.gpus.size());
          n.gpus.push_back(
              {index, n.name + "-gpu" + std::to_string(index), gpu.model, gpu.memory_mb, true});
        }
      list.push_back({std::move(n), i});
    }
  }
  return list;
}

}  // namespace nsai::simulation

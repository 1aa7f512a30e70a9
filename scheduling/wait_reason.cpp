#include "scheduling/wait_reason.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "messages/suggest.hpp"

namespace nsai::scheduling {
namespace {

using named_nodes = std::vector<node_state const*>;

std::string decimal(std::int64_t thousandths) {
  auto text = std::to_string(thousandths / 1000);
  if (auto rest = thousandths % 1000; rest != 0) {
    auto digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text;
}

template <class F>
named_nodes those(named_nodes const& from, F&& pass) {
  named_nodes kept;
  std::copy_if(from.begin(), from.end(), std::back_inserter(kept),
               [&](auto const* node) { return pass(*node); });
  return kept;
}

std::string gpus_in_words(resources const& r) {
  std::string text = r.gpu_share.value < 1000 ? decimal(r.gpu_share.value) + " of a GPU"
                     : r.gpu_count == 1       ? "1 GPU"
                                              : std::to_string(r.gpu_count) + " GPUs";
  if (!r.gpu.empty())
    text += " of " + r.gpu;
  if (r.gpu_memory_mb > 0)
    text += " with " + std::to_string(r.gpu_memory_mb) + " MiB";
  return text;
}

std::string models_of(named_nodes const& nodes) {
  std::set<std::string> models;
  for (auto const* const node : nodes)
    for (auto const& device : node->devices)
      models.insert(device.info.model);
  return models.empty() ? "none" : joined({models.begin(), models.end()});
}

std::string labels_in_words(resources const& r) {
  std::vector<std::string> parts;
  for (auto const& [key, value] : r.node_labels)
    parts.push_back(key + "=" + value);
  return joined(parts);
}

/// What the node has, in the terms of the request; `free`: what of it is not in use.
std::string offer(placement const& places, shape& s, node_state const& node, bool free) {
  auto const& r = s.key.resources;
  std::string text = "node " + node.info.name + " has cpu " +
                     decimal(free ? node.cpu_free() : node.info.cpus.value);
  if (r.memory_mb > 0)
    text += ", memory " + std::to_string(free ? node.memory_free() : node.info.memory_mb) + " MiB";
  if (s.wants_gpu())
    text += ", " + std::to_string(free ? places.devices_free(s, node) : node.devices.size()) +
            " such GPUs";
  return text + (free ? " free" : "");
}

std::string duration_in_words(std::int64_t ms) {
  struct unit {
    std::int64_t ms;
    char const* name;
  };
  for (auto const& [size, name] :
       {unit{86'400'000, " d"}, {3'600'000, " h"}, {60'000, " min"}, {1000, " s"}})
    if (ms >= size)
      return decimal((ms * 1000 / size) / 10 * 10) + name;
  return std::to_string(ms) + " ms";
}

/// Why a node that could run it does not get it: it drains, or it is not there for long enough.
/// Empty: it might get it.
std::string why_withheld(shape const& s, node_state const& node, service const& now_there,
                         timestamp now) {
  auto const name = "node " + node.info.name;
  if (node.draining) {
    auto const& d = now_there.drain;
    return name + " drains" + (d.reason.empty() ? "" : " (" + d.reason + ")");
  }
  if (node.has_time_for(s.key.bound_ms, now))
    return {};
  auto const& window = now_there.window;
  bool const leaves = node.leaves_at && node.horizon == node.leaves_at;
  auto const what = leaves ? name + " leaves at " + to_rfc3339(node.leaves_at)
                           : name + " has maintenance from " + to_rfc3339(window->from) + " to " +
                                 to_rfc3339(window->until);
  return what + ", and the job " +
         (s.key.bound_ms >= longest_bound_ms ? "has no timeout"
                                             : "may take " + duration_in_words(s.key.bound_ms));
}

/// The first device of these nodes, or node, that might be given but for its quarantine. Empty:
/// there is none.
std::string first_quarantined(shape& s, named_nodes const& nodes) {
  auto const in_words = [](std::string const& what, wellbeing const& w) {
    return what + " is quarantined until " + to_rfc3339(w.until) + " (" + w.reason + ")";
  };
  for (auto const* const node : nodes) {
    if (node->well.health == place_health::quarantined)
      return in_words("node " + node->info.name, node->well);
    for (auto const& d : node->devices)
      if (s.wants_gpu() && d.well.health == place_health::quarantined &&
          s.matches_model(d.model, d.info.model))
        return in_words("GPU " + std::to_string(d.info.index) + " of node " + node->info.name,
                        d.well);
  }
  return {};
}

std::string explain_busy(placement const& places, shape& s, named_nodes const& possible) {
  auto const& r = s.key.resources;
  auto const ready = those(possible, [](auto const& node) { return node.takes_grants(); });
  auto const quarantined = first_quarantined(s, possible);
  if (ready.empty() && !quarantined.empty())
    return "the nodes that could run it take nothing now: " + quarantined;
  auto const& first = *possible.front();
  if (ready.empty() && first.status == node_status::ready && !first.rests_until &&
      (first.one_at_a_time || first.well.health == place_health::probation))
    return "node " + first.info.name +
           " starts one job at a time until one succeeds: several have failed there";
  if (ready.empty())
    return possible.front()->rests_until
               ? "the nodes that could run it cannot start anything (a full disk?): node " +
                     possible.front()->info.name
               : "the nodes that could run it are silent: node " + possible.front()->info.name;
  // The one that lacks least says most.
  auto const* const best = *std::max_element(ready.begin(), ready.end(), [&](auto* a, auto* b) {
    auto const rank = [&](node_state const& node) {
      return std::pair(s.wants_gpu() ? places.devices_free(s, node) : 0, node.cpu_free());
    };
    return rank(*a) < rank(*b);
  });
  if (s.wants_gpu() && places.devices_free(s, *best) < static_cast<std::size_t>(r.gpu_count))
    return "no node has " + gpus_in_words(r) + " free: needs " + gpus_in_words(r) + "; node " +
           best->info.name + " has " + std::to_string(places.devices_free(s, *best)) + " free" +
           (quarantined.empty() ? "" : "; " + quarantined);
  return "all fitting nodes are busy: needs " + request_in_words(r) + "; " +
         offer(places, s, *best, true) + (quarantined.empty() ? "" : "; " + quarantined);
}

}  // namespace

std::string request_in_words(resources const& r) {
  auto text = "cpu " + decimal(r.cpu.value);
  if (r.memory_mb > 0)
    text += ", memory " + std::to_string(r.memory_mb) + " MiB";
  if (r.gpu_count > 0)
    text += ", " + gpus_in_words(r);
  return text;
}

std::string explain_wait(cluster const& nodes, placement const& places, shape& s,
                         std::string const& stage,
                         std::function<service(std::string const&)> const& service_of) {
  auto const& r = s.key.resources;
  named_nodes all;
  nodes.for_each([&](node_index, node_state const& node) {
    if (node.status != node_status::lost && !node.leaving)
      all.push_back(&node);
  });
  if (all.empty())
    return "no node is there";
  auto const staged = those(all, [&](auto const& node) { return node.has_stage(s.key.stage); });
  if (staged.empty())
    return "no node has the stage " + stage;
  auto const labeled = those(staged, [&](auto const& node) { return places.has_labels(s, node); });
  if (labeled.empty())
    return "no node with the stage " + stage + " has the labels " + labels_in_words(r);
  auto const matching = those(labeled, [&](auto const& node) {
    return !s.wants_gpu() ||
           std::any_of(node.devices.begin(), node.devices.end(),
                       [&](auto const& d) { return s.matches_model(d.model, d.info.model); });
  });
  if (matching.empty())
    return "no node has a GPU" + (r.gpu.empty() ? "" : " that matches " + r.gpu) +
           " (models there: " + models_of(labeled) + ")";
  auto const possible =
      those(matching, [&](auto const& node) { return places.is_large_enough(s, node); });
  if (possible.empty())
    return "no node is large enough: needs " + request_in_words(r) + "; " +
           offer(places, s,
                 **std::max_element(matching.begin(), matching.end(),
                                    [](auto* a, auto* b) {
                                      return std::pair(a->devices.size(), a->info.cpus) <
                                             std::pair(b->devices.size(), b->info.cpus);
                                    }),
                 false);
  std::string withheld;
  auto const in_service = those(possible, [&](auto const& node) {
    auto const why = why_withheld(s, node, service_of(node.info.uuid), nodes.now);
    if (withheld.empty())
      withheld = why;
    return why.empty();
  });
  if (in_service.empty())
    return "the nodes that could run it are not in service for it: " + withheld;
  return explain_busy(places, s, in_service) + (withheld.empty() ? "" : "; " + withheld);
}

}  // namespace nsai::scheduling

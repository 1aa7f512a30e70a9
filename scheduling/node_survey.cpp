#include "scheduling/node_survey.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "messages/suggest.hpp"
#include "scheduling/request_words.hpp"

namespace nsai::scheduling {
namespace {

std::string in_words(std::string const& what, wellbeing const& w) {
  return what + " is quarantined" + (w.until ? " until " + to_rfc3339(w.until) : "") + " (" +
         w.reason + ")";
}

/// "80,000".
std::string with_commas(std::int64_t number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string held_by_strangers(std::string const& node, device_state const& d) {
  constexpr std::size_t most_named = 8;
  auto text = "GPU " + std::to_string(d.info().index) + " of node " + node + ": " +
              with_commas(d.state().foreign_mb) + " of " + with_commas(d.info().memory_mb) +
              " MiB are held by processes that are not of nsai";
  auto const& pids = d.state().foreign_pids;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(pids.size(), most_named); ++i)
    names.push_back(std::to_string(pids[i]));
  if (pids.size() > most_named)
    names.push_back("...");
  if (!names.empty())
    text += (pids.size() == 1 ? " (pid " : " (pids ") + joined(names) + ")";
  return text;
}

/// "cpu 64, memory 262144 MiB, 8 GPUs of NVIDIA A100".
std::string what_it_has(node_state const& node) {
  auto text = "cpu " + decimal(node.info.cpus.value) + ", memory " +
              std::to_string(node.info.memory_mb) + " MiB";
  std::map<std::string, std::size_t> models;
  for (auto const& d : node.devices)
    ++models[d.info().model];
  for (auto const& [model, count] : models)
    text += ", " + std::to_string(count) + (count == 1 ? " GPU of " : " GPUs of ") + model;
  return text;
}

/// Rules ascend by how far a node got; one that has room has got furthest.
int progress(wait_rule rule) {
  return rule == wait_rule::none ? enum_names(rule).size() : static_cast<int>(rule);
}

}  // namespace

node_survey::node_survey(cluster const& nodes, placement const& places, shape& s,
                         std::string const& stage, services service_of)
    : places_(places), s_(s), stage_(stage), service_of_(std::move(service_of)), now_(nodes.now) {
  nodes.for_each([&](node_index, node_state const& node) {
    if (node.status != node_status::lost && !node.leaving)
      all_.push_back({&node, rule_of(node)});
  });
}

wait_rule node_survey::rule_of(node_state const& node) const {
  if (!node.has_stage(s_.key.stage))
    return wait_rule::stage;
  if (!places_.has_labels(s_, node))
    return wait_rule::labels;
  if (s_.wants_gpu() && std::none_of(node.devices.begin(), node.devices.end(), [&](auto const& d) {
        return s_.matches_model(d.model(), d.info().model);
      }))
    return wait_rule::gpu_model;
  if (!places_.is_large_enough(s_, node))
    return wait_rule::size;
  if (!is_in_service(node))
    return wait_rule::service;
  return rule_of_free(node);
}

/// Of a node that might run it, as far as its kind and its times go.
wait_rule node_survey::rule_of_free(node_state const& node) const {
  if (node.status != node_status::ready)
    return wait_rule::silent;
  if (node.rests_until)
    return wait_rule::unable;
  bool const in_use = node.attempts() > 0;
  if (in_use && (node.one_at_a_time || node.well.health == place_health::probation))
    return wait_rule::probation;
  if (node.well.health == place_health::quarantined || !places_.is_sound_for(s_, node) ||
      (s_.key.retried && node.avoids_retries))
    return wait_rule::quarantine;
  if (!places_.is_possible(s_, node))
    return wait_rule::gpu_memory;
  return places_.fits(s_, node) ? wait_rule::none : wait_rule::busy;
}

bool node_survey::has_time(node_state const& node) const {
  return node.has_time_for(s_.key.bound_ms, now_);
}

node_state const* node_survey::best() const {
  auto const rank = [&](seen const& each) {
    auto const& node = *each.node;
    bool const free = progress(each.rule) >= progress(wait_rule::busy);
    return std::tuple(progress(each.rule),
                      !s_.wants_gpu() ? 0
                      : free          ? places_.devices_free(s_, node)
                                      : node.devices.size(),
                      free ? node.cpu_free() : node.info.cpus.value);
  };
  auto const at = std::max_element(all_.begin(), all_.end(),
                                   [&](seen const& a, seen const& b) { return rank(a) < rank(b); });
  return at == all_.end() ? nullptr : at->node;
}

wait_rule node_survey::rule() const {
  auto const at = std::max_element(all_.begin(), all_.end(), [](seen const& a, seen const& b) {
    return progress(a.rule) < progress(b.rule);
  });
  return at == all_.end()              ? wait_rule::no_node
         : at->rule == wait_rule::none ? wait_rule::busy
                                       : at->rule;
}

std::vector<node_state const*> node_survey::busy() const {
  std::vector<node_state const*> list;
  for (auto const& each : all_)
    if (each.rule == wait_rule::busy || each.rule == wait_rule::none)
      list.push_back(each.node);
  return list;
}

bool node_survey::has_instances() const {
  return std::any_of(all_.begin(), all_.end(), [&](seen const& each) {
    auto const& devices = each.node->devices;
    return std::any_of(devices.begin(), devices.end(), [&](auto const& d) {
      return is_instance_model(d.info().model) &&
             gpu_model_matches(s_.key.resources.gpu, d.info().model);
    });
  });
}

std::string node_survey::models() const {
  std::set<std::string> names;
  for (auto const& each : all_)
    if (progress(each.rule) >= progress(wait_rule::gpu_model))
      for (auto const& device : each.node->devices)
        names.insert(device.info().model);
  return names.empty() ? "none" : joined({names.begin(), names.end()});
}

/// What the node has, in the terms of the request; `free`: what of it is not in use.
std::string node_survey::offer(node_state const& node, bool free) const {
  auto const& r = s_.key.resources;
  std::string text = "node " + node.info.name + " has cpu " +
                     decimal(free ? node.cpu_free() : node.info.cpus.value);
  if (r.memory_mb > 0)
    text += ", memory " + std::to_string(free ? node.memory_free() : node.info.memory_mb) + " MiB";
  if (s_.wants_gpu())
    text += ", " + std::to_string(free ? places_.devices_free(s_, node) : node.devices.size()) +
            " such GPUs";
  return text + (free ? " free" : "");
}

std::string node_survey::why_not_in_service(node_state const& node) const {
  auto const name = "node " + node.info.name;
  auto const there = service_of_(node.info.uuid);
  if (node.draining)
    return name + " drains" + (there.drain.reason.empty() ? "" : " (" + there.drain.reason + ")");
  bool const leaves = node.leaves_at && node.horizon == node.leaves_at;
  auto const what = leaves ? name + " leaves at " + to_rfc3339(node.leaves_at)
                           : name + " has maintenance from " + to_rfc3339(there.window->from) +
                                 " to " + to_rfc3339(there.window->until);
  return what + ", and the job " +
         (s_.key.bound_ms >= longest_bound_ms ? "has no timeout"
                                              : "may take " + duration_in_words(s_.key.bound_ms));
}

/// Empty: nothing there that it could have is.
std::string node_survey::why_quarantined(node_state const& node) const {
  auto const name = "node " + node.info.name;
  if (node.well.health == place_health::quarantined)
    return in_words(name, node.well);
  for (auto const& d : node.devices)
    if (s_.wants_gpu() && d.well().health == place_health::quarantined &&
        s_.matches_model(d.model(), d.info().model))
      return in_words("GPU " + std::to_string(d.info().index) + " of " + name, d.well());
  return s_.key.retried && node.avoids_retries
             ? name + " takes no retries: several jobs have failed there"
             : std::string{};
}

std::string node_survey::what_is_quarantined() const {
  for (auto const& each : all_)
    if (progress(each.rule) > progress(wait_rule::service))
      if (auto why = why_quarantined(*each.node); !why.empty())
        return why;
  return {};
}

/// Empty: strangers take nothing that it could have.
std::string node_survey::why_held(node_state const& node) const {
  for (auto const& d : node.devices)
    if (s_.wants_gpu() && d.state().foreign_mb > 0 && s_.matches_model(d.model(), d.info().model) &&
        !(s_.shares_gpu() ? places_.has_free(s_, d) : places_.is_served(s_, d)))
      return held_by_strangers(node.info.name, d);
  return {};
}

std::string node_survey::what_is_held() const {
  for (auto const& each : all_)
    if (progress(each.rule) > progress(wait_rule::quarantine))
      if (auto why = why_held(*each.node); !why.empty())
        return why;
  return {};
}

std::string node_survey::busy_reason() const {
  auto const& r = s_.key.resources;
  auto const& node = *best();
  auto text = "all fitting nodes are busy: needs " + request_in_words(r) + "; " + offer(node, true);
  if (s_.wants_gpu() && places_.devices_free(s_, node) < static_cast<std::size_t>(r.gpu_count))
    text = "no node has " + gpus_in_words(r) + " free: needs " + gpus_in_words(r) + "; node " +
           node.info.name + " has " + std::to_string(places_.devices_free(s_, node)) + " free";
  if (auto const quarantined = what_is_quarantined(); !quarantined.empty())
    text += "; " + quarantined;
  if (auto const held = what_is_held(); !held.empty())
    text += "; " + held;
  auto const out = std::find_if(all_.begin(), all_.end(),
                                [](seen const& each) { return each.rule == wait_rule::service; });
  return out == all_.end() ? text : text + "; " + why_not_in_service(*out->node);
}

std::string node_survey::reason() const {
  auto const& r = s_.key.resources;
  auto const furthest = rule();
  if (furthest == wait_rule::no_node)
    return "no node is there";
  auto const& name = best()->info.name;
  switch (furthest) {
    case wait_rule::stage:
      return "no node has the stage " + stage_;
    case wait_rule::labels:
      return "no node with the stage " + stage_ + " has the labels " + labels_in_words(r);
    case wait_rule::gpu_model:
      return "no node has a GPU" + (r.gpu.empty() ? "" : " that matches " + r.gpu) +
             " (models there: " + models() + ")" +
             (r.gpu_count > 1 && has_instances()
                  ? "; a process can use one instance of a divided GPU only, so no job gets several"
                  : "");
    case wait_rule::size:
      return "no node is large enough: needs " + request_in_words(r) + "; " + offer(*best(), false);
    case wait_rule::service:
      return "the nodes that could run it are not in service for it: " +
             why_not_in_service(*best());
    case wait_rule::silent:
      return "the nodes that could run it are silent: node " + name;
    case wait_rule::unable:
      return "the nodes that could run it cannot start anything (a full disk?): node " + name;
    case wait_rule::probation:
      return "node " + name +
             " starts one job at a time until one succeeds: several have failed there";
    case wait_rule::quarantine:
      return "the nodes that could run it take nothing now: " + what_is_quarantined();
    case wait_rule::gpu_memory:
      return "the nodes that could run it lack free GPU memory: " + what_is_held();
    default:
      return busy_reason();
  }
}

std::vector<std::string> node_survey::lacking_size(node_state const& node) const {
  auto const& r = s_.key.resources;
  std::vector<std::string> parts;
  if (r.cpu.value > node.info.cpus.value)
    parts.push_back("cpu " + decimal(r.cpu.value));
  if (r.memory_mb > node.info.memory_mb)
    parts.push_back("memory " + std::to_string(r.memory_mb) + " MiB");
  if (parts.empty())
    parts.push_back(gpus_in_words(r));
  return parts;
}

std::string node_survey::why(seen const& of) const {
  auto const& r = s_.key.resources;
  switch (of.rule) {
    case wait_rule::none:
      return "has room";
    case wait_rule::stage:
      return "does not have the stage " + stage_;
    case wait_rule::labels:
      return "does not have the labels " + labels_in_words(r);
    case wait_rule::gpu_model:
      return "has no GPU" + (r.gpu.empty() ? "" : " that matches " + r.gpu);
    case wait_rule::size:
      return "is too small: does not have " + joined(lacking_size(*of.node));
    case wait_rule::service:
      return why_not_in_service(*of.node);
    case wait_rule::silent:
      return "is not heard";
    case wait_rule::unable:
      return "cannot start anything (a full disk?)";
    case wait_rule::probation:
      return "starts one job at a time until one succeeds";
    case wait_rule::quarantine:
      return why_quarantined(*of.node);
    case wait_rule::gpu_memory:
      return why_held(*of.node);
    default:
      return "is busy: " + offer(*of.node, true);
  }
}

std::vector<node_class> node_survey::classes() const {
  std::vector<node_class> list;
  std::map<std::pair<std::string, wait_rule>, std::size_t> at;
  for (auto const& each : all_) {
    auto has = what_it_has(*each.node);
    auto const [found, is_new] = at.emplace(std::pair(has, each.rule), list.size());
    if (is_new)
      list.push_back({0, each.node->info.name, std::move(has), each.rule, why(each)});
    ++list[found->second].nodes;
  }
  std::stable_sort(list.begin(), list.end(),
                   [](node_class const& a, node_class const& b) { return a.nodes > b.nodes; });
  return list;
}

}  // namespace nsai::scheduling

// nsai nodes, drain, resume, stats, events, stages, check
#include <csignal>
#include <iostream>

#include <fmt/format.h>

#include "messages/suggest.hpp"
#include "node/cli.hpp"
#include "node/config.hpp"
#include "node/probe.hpp"
#include "node/units.hpp"
#include "stages/experiment.hpp"
#include "stages/stage.hpp"

namespace nsai::node {
namespace {

/// How long the node takes jobs, and why not.
std::vector<std::string> service_lines(node_record const& node) {
  std::vector<std::string> lines;
  if (node.drain) {
    auto const& d = *node.drain;
    lines.push_back(fmt::format("{}: drains since {}{}{}", node.name, to_rfc3339(d.since),
                                d.deadline ? ", deadline " + to_rfc3339(d.deadline) : "",
                                d.reason.empty() ? "" : ": " + escaped(d.reason)));
  }
  for (auto const& w : node.maintenance)
    lines.push_back(fmt::format("{}: maintenance from {} until {}", node.name, to_rfc3339(w.from),
                                to_rfc3339(w.until)));
  auto const until = [](timestamp t) { return t ? " until " + to_rfc3339(t) : std::string{}; };
  if (node.health != place_health::sound || !node.health_reason.empty())
    lines.push_back(fmt::format(
        "{}: {}{}{}", node.name,
        node.health == place_health::sound ? "suspect" : to_string(node.health),
        until(node.health_until), node.health_reason.empty() ? "" : ": " + node.health_reason));
  for (auto const& use : node.gpus)
    if (use.health != place_health::sound)
      lines.push_back(fmt::format(
          "{}: GPU {} ({}) is {}{}{}", node.name, use.gpu.index, escaped(use.gpu.model),
          use.health == place_health::probation ? "on probation" : "quarantined",
          until(use.health_until), use.health_reason.empty() ? "" : ": " + use.health_reason));
  for (auto const& use : node.gpus)
    if (use.state.processes_hidden)
      lines.push_back(fmt::format(
          "{}: GPU {}: the driver shows no processes, so that limits of GPU memory are unsupported",
          node.name, use.gpu.index));
  for (auto const& use : node.gpus)
    if (auto const& state = use.state; state.foreign_mb > 0)
      lines.push_back(
          fmt::format("{}: GPU {} ({}): {} of {} are held by processes that are not of nsai{}",
                      node.name, use.gpu.index, escaped(use.gpu.model), show_size(state.foreign_mb),
                      show_size(use.gpu.memory_mb),
                      state.foreign_pids.empty()
                          ? ""
                          : fmt::format(" (pid {})", fmt::join(state.foreign_pids, ", "))));
  if (node.leaves_at)
    lines.push_back(fmt::format("{}: leaves at {}", node.name, to_rfc3339(node.leaves_at)));
  return lines;
}

/// " (61 C, 350 W, busy 97%)", as far as the device tells.
std::string numbers_of(gpu_state const& state) {
  std::vector<std::string> list;
  if (state.temperature_c)
    list.push_back(fmt::format("{} C", *state.temperature_c));
  if (state.power_w)
    list.push_back(fmt::format("{} W", *state.power_w));
  if (state.utilisation_percent)
    list.push_back(fmt::format("busy {}%", *state.utilisation_percent));
  return list.empty() ? "" : fmt::format(" ({})", fmt::join(list, ", "));
}

struct drain_words {
  std::vector<std::string> nodes;
  std::string deadline, reason, from, until;
};

timestamp parse_time(std::string const& text, std::string const& field) {
  try {
    return from_rfc3339(text);
  } catch (shape_error const& fault) {
    throw shape_error(field, "\"" + text.substr(0, 60) + "\" is not allowed",
                      "a date and time such as 2026-03-01T09:30:00Z");
  }
}

drain_nodes order_of(drain_words const& w) {
  drain_nodes order;
  order.nodes = w.nodes;
  order.reason = w.reason;
  if (!w.deadline.empty())
    order.deadline_ms = parse_duration_ms(w.deadline, "deadline");
  if (w.from.empty() && w.until.empty())
    return order;
  if (w.until.empty())
    throw command_error(
        usage_error("until", "only --from was given", "the end of the window, --until T"));
  // The scheduler's clock counts: a window without a beginning has begun.
  order.window = maintenance_window{w.from.empty() ? timestamp{1} : parse_time(w.from, "from"),
                                    parse_time(w.until, "until")};
  return order;
}

/// The nodes that were named, as they are now.
int show_ordered(session& connection, std::vector<std::string> const& names,
                 global_options const& global) {
  auto nodes = value_of(connection->nodes());
  std::erase_if(nodes, [&](auto const& node) {
    return std::none_of(names.begin(), names.end(),
                        [&](auto const& name) { return name == node.name || name == node.uuid; });
  });
  if (global.out.as_json) {
    global.out.document(write_json(nodes));
    return exit_done;
  }
  for (auto const& node : nodes) {
    global.out.say(
        fmt::format("{}: {}, {} running", node.name, to_string(node.status), node.running));
    for (auto const& line : service_lines(node))
      global.out.say(line);
  }
  return exit_done;
}

int drain(drain_words const& w, global_options const& global) {
  auto const order = order_of(w);
  session connection{global};
  want_done(connection->drain(order));
  return show_ordered(connection, w.nodes, global);
}

int resume(std::vector<std::string> const& names, global_options const& global) {
  session connection{global};
  want_done(connection->resume(names));
  return show_ordered(connection, names, global);
}

int show_nodes(bool probe, global_options const& global) {
  session connection{global};
  auto const nodes = value_of(connection->nodes());
  if (probe)
    return probe_nodes(connection, nodes, global);
  if (global.out.as_json) {
    global.out.document(write_json(nodes));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{
      {"NODE", "STATUS", "CPU", "MEMORY", "GPU", "RUNNING", "ADDRESS"}};
  for (auto const& node : nodes) {
    std::string gpus;
    for (auto const& use : node.gpus)
      gpus +=
          fmt::format("{}{}:{} {:.0f}%{}", gpus.empty() ? "" : ", ", use.gpu.index, use.gpu.model,
                      static_cast<double>(use.share_used.value) / 10, numbers_of(use.state));
    rows.push_back({node.name, to_string(node.status),
                    json(node.cpus_used).dump() + "/" + json(node.cpus).dump(),
                    show_size(node.memory_used_mb) + " / " + show_size(node.memory_mb),
                    gpus.empty() ? "-" : gpus, std::to_string(node.running), node.address});
  }
  global.out.table(rows);
  for (auto const& node : nodes)
    for (auto const& line : service_lines(node))
      global.out.say(line);
  for (auto const& node : nodes)
    for (auto const& fault : node.plugin_faults)
      global.out.say(fmt::format("{}: no stages of {}{}: {}", node.name, fault.library,
                                 fault.stages.empty() ? "" : " (" + joined(fault.stages) + ")",
                                 escaped(fault.reason)));
  return exit_done;
}

/// What a tenant may have, beside what the table shows.
std::vector<std::string> limit_lines(tenant_record const& t) {
  std::vector<std::string> lines;
  for (auto const& [model, quota] : t.quota.gpus_by_model) {
    auto const held = t.gpus_by_model.find(model);
    lines.push_back(fmt::format("{}: holds {} of {} GPUs of {}", t.tenant_id,
                                held == t.gpus_by_model.end() ? "0" : json(held->second).dump(),
                                json(quota).dump(), model));
  }
  if (auto const& r = t.submit_rate)
    lines.push_back(fmt::format("{}: submits at most {} job{} in {}, {} at once", t.tenant_id,
                                r->jobs, r->jobs == 1 ? "" : "s", show_duration(r->per_ms),
                                r->at_once()));
  return lines;
}

int show_tenants(global_options const& global) {
  session connection{global};
  auto const tenants = value_of(connection->tenants());
  if (global.out.as_json) {
    global.out.document(write_json(tenants));
    return exit_done;
  }
  auto const percent = [](milli part) {
    return fmt::format("{:.1f}%", static_cast<double>(part.value) / 10);
  };
  std::vector<std::vector<std::string>> rows{{"TENANT", "WEIGHT", "HOLDS", "ITS SHARE", "RUNNING",
                                              "QUEUED", "CPU HOURS", "GPU HOURS", "SPENT USD",
                                              "AT MOST"}};
  auto const of = [](std::int64_t count, std::optional<std::int64_t> quota) {
    return std::to_string(count) + (quota ? " / " + std::to_string(*quota) : "");
  };
  auto const spent = [](tenant_record const& t) {
    return json(t.spent_usd).dump() + (t.budget_usd ? " / " + json(*t.budget_usd).dump() : "");
  };
  for (auto const& t : tenants)
    rows.push_back({t.tenant_id, json(t.weight).dump(), percent(t.share), percent(t.entitled),
                    of(t.running, t.quota.running), of(t.queued, t.quota.queued),
                    json(t.cpu_hours).dump(), json(t.gpu_hours).dump(), spent(t),
                    to_string(t.max_priority)});
  global.out.table(rows);
  for (auto const& t : tenants)
    for (auto const& line : limit_lines(t))
      global.out.say(line);
  return exit_done;
}

int show_stats(global_options const& global) {
  session connection{global};
  auto const s = value_of(connection->statistics());
  if (global.out.as_json) {
    global.out.document(json(s));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"WHAT", "COUNT"}};
  for (auto const& [name, count] : s.jobs)
    rows.push_back({"jobs " + name, std::to_string(count)});
  for (auto const& [name, count] : s.queues)
    rows.push_back({"waiting " + name, std::to_string(count)});
  rows.push_back({"nodes", std::to_string(s.nodes)});
  rows.push_back({"uptime", show_duration(s.uptime_s.value)});
  if (!s.store_error.empty())
    rows.push_back({"store", s.store_error});
  global.out.table(rows);
  return exit_done;
}

struct event_words {
  bool follow = false;
  std::uint64_t after = 0;
  std::string name;
};

void tell_missed(std::uint64_t count) {
  std::cerr << fmt::format("nsai: up to {} events are no longer kept and are missing here\n",
                           count);
}

int show_events(event_words const& w, global_options const& global) {
  session connection{global};
  watch_events wish{global.tenant, w.name, w.follow, w.after, {}};
  want_done(connection->watch(
      wish,
      [&](event const& e) {
        if (e.name.empty())
          return static_cast<bool>(std::cout);
        if (global.out.as_json && w.follow) {
          global.out.document(json(e));
        } else if (!global.out.as_json) {
          std::cout << fmt::format("{} {} {}{}{}{}\n", to_rfc3339(e.at), e.name,
                                   e.job ? fmt::format("job {} ", e.job.value) : "",
                                   e.attempt > 0 ? fmt::format("attempt {} ", e.attempt) : "",
                                   e.node.empty() ? "" : e.node + " ", escaped(e.detail))
                    << std::flush;
        }
        return static_cast<bool>(std::cout);
      },
      tell_missed));
  return exit_done;
}

/// Without --follow the recent events are one document.
int show_recent_events(event_words const& w, global_options const& global) {
  if (!global.out.as_json || w.follow)
    return show_events(w, global);
  session connection{global};
  json list = json::array();
  want_done(connection->watch(
      {global.tenant, w.name, false, w.after, {}},
      [&](event const& e) {
        list.push_back(json(e));
        return true;
      },
      tell_missed));
  global.out.document(list);
  return exit_done;
}

void show_stage(stage_description const& stage, output const& out) {
  std::cout << stage.name << ": " << stage.summary << "\n";
  std::vector<std::vector<std::string>> rows{{"OPTION", "TYPE", "DEFAULT", ""}};
  for (auto const& option : stage.options)
    rows.push_back({option.name, option.type,
                    option.required                ? "(required)"
                    : option.default_value.empty() ? "-"
                                                   : option.default_value.text,
                    option.help});
  if (rows.size() > 1)
    out.table(rows);
  for (auto const& [node, reason] : stage.unavailable)
    out.say("unavailable on " + node + ": " + escaped(reason));
}

int show_stages(std::string const& name, global_options const& global) {
  session connection{global};
  auto const stages = value_of(connection->stages(name));
  if (global.out.as_json) {
    global.out.document(write_json(stages));
    return exit_done;
  }
  if (!name.empty()) {
    show_stage(stages.front(), global.out);
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"STAGE", "RUNS", ""}};
  for (auto const& stage : stages)
    rows.push_back({stage.name, stage.backend, stage.summary});
  global.out.table(rows);
  for (auto const& stage : stages)
    for (auto const& [node, reason] : stage.unavailable)
      global.out.say(fmt::format("{}: unavailable on {}: {}", stage.name, node, escaped(reason)));
  return exit_done;
}

int check_file(std::string const& file, global_options const& global) {
  auto const document = stages::read_document(file);
  bool const experiment = document.is_object() && document.contains("pipeline");
  std::vector<error_info> faults;
  if (experiment) {
    auto const registry = stages::built_in_stages();
    faults = stages::experiment_from(document, std::filesystem::absolute(file).parent_path(),
                                     registry.descriptions())
                 .faults;
  } else {
    node_config config;
    faults = read_config(document, config);
  }
  if (!faults.empty())
    throw command_error(faults);
  if (global.out.as_json)
    global.out.document(
        {{"file", file}, {"kind", experiment ? "experiment" : "config"}, {"ok", true}});
  else
    global.out.say(file + ": a sound " + (experiment ? "experiment" : "config"));
  return exit_done;
}

}  // namespace

std::vector<command> cluster_commands() {
  return {
      {"nodes", "capacity and use of the nodes", "nsai nodes",
       [](CLI::App& app, global_options& global) -> command_body {
         auto probe = std::make_shared<bool>(false);
         app.add_flag("--probe", *probe, "measure what each GPU really does, by a job on each");
         return [probe, &global] { return show_nodes(*probe, global); };
       }},
      {"tenants", "shares and use of the tenants", "nsai tenants",
       [](CLI::App&, global_options& global) -> command_body {
         return [&global] { return show_tenants(global); };
       }},
      {"drain", "take nodes out of service", "nsai drain n1 n2 --deadline 30m --reason 'new fans'",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<drain_words>();
         app.add_option("node", words->nodes, "names or uuids")->required();
         app.add_option("--deadline", words->deadline,
                        "after this long, what is left is stopped and queued again");
         app.add_option("--reason", words->reason, "shown to those who wait");
         app.add_option("--from", words->from, "a window: its beginning, as in RFC 3339 (now)");
         app.add_option("--until", words->until, "a window: its end, when jobs come again");
         return [words, &global] { return drain(*words, global); };
       }},
      {"resume", "put nodes back into service", "nsai resume n1",
       [](CLI::App& app, global_options& global) -> command_body {
         auto names = std::make_shared<std::vector<std::string>>();
         app.add_option("node", *names, "names or uuids")->required();
         return [names, &global] { return resume(*names, global); };
       }},
      {"stats", "counters", "nsai stats --json",
       [](CLI::App&, global_options& global) -> command_body {
         return [&global] { return show_stats(global); };
       }},
      {"events", "recent events, and those to come", "nsai events --follow --name 'work.job.*'",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<event_words>();
         app.add_flag("--follow", words->follow, "go on with what happens");
         app.add_option("--name", words->name,
                        "patterns with * and ?, such as 'work.job.*,crucible.*'");
         app.add_option("--after", words->after, "only events with a larger sequence number");
         return [words, &global] { return show_recent_events(*words, global); };
       }},
      {"stages", "what can be run", "nsai stages sleep",
       [](CLI::App& app, global_options& global) -> command_body {
         auto name = std::make_shared<std::string>();
         app.add_option("name", *name, "of one stage, for its options");
         return [name, &global] { return show_stages(*name, global); };
       }},
      {"check", "check a node config or an experiment file",
       "nsai check cluster-configs/single-node.json",
       [](CLI::App& app, global_options& global) -> command_body {
         auto file = std::make_shared<std::string>();
         app.add_option("file", *file, "")->required();
         return [file, &global] { return check_file(*file, global); };
       }},
  };
}

}  // namespace nsai::node

#include "simulation/openb.hpp"

#include <algorithm>
#include <set>

#include "simulation/delimited.hpp"

namespace nsai::simulation {
namespace {

void read_nodes(delimited const& table, openb_trace& to) {
  auto const name = table.column({"sn"});
  auto const cpu = table.column({"cpu_milli"});
  auto const memory = table.column({"memory_mib"});
  auto const gpus = table.column({"gpu"});
  auto const model = table.column({"model"});
  std::set<std::string_view> seen;
  for (auto const& row : table.rows()) {
    node_info n;
    n.cpus.value = table.number(row, cpu);
    n.memory_mb = table.number(row, memory);
    auto const devices = table.number(row, gpus);
    if (devices > 1024)
      throw table.fault(row, gpus, "at most 1024 GPUs");
    if (row.cells.size() < table.columns())
      throw table.fault(row, std::to_string(row.cells.size()) + " cells are too few",
                        std::to_string(table.columns()));
    if (n.cpus.value < 1 || n.cpus.value > 100'000'000)
      throw table.fault(row, cpu, "1 to 100000000");
    if (devices > 0 && !is_model_pattern(row.cells[model]))
      throw table.fault(row, model, "a model such as T4");
    if (!seen.insert(row.cells[name]).second)
      throw table.fault(row, name, "a name that no other node has");
    n.uuid = n.name = row.cells[name];
    for (std::uint32_t i = 0; i < devices; ++i)
      n.gpus.push_back(
          {i, n.name + "-" + std::to_string(i), std::string(row.cells[model]), 0, false});
    to.capacity_milli += 1000 * devices;
    to.nodes.push_back(std::move(n));
  }
}

void read_tasks(delimited const& table, openb_trace& to) {
  auto const name = table.column({"name"});
  auto const cpu = table.column({"cpu_milli"});
  auto const memory = table.column({"memory_mib"});
  auto const gpus = table.column({"num_gpu"});
  auto const milli = table.column({"gpu_milli"});
  auto const spec = table.column({"gpu_spec"});
  bool const has_times = table.has_column("creation_time") && table.has_column("deletion_time");
  for (auto const& row : table.rows()) {
    if (row.cells.size() != table.columns())
      throw table.fault(row, std::to_string(row.cells.size()) + " cells are not allowed",
                        std::to_string(table.columns()));
    openb_task t;
    t.name = row.cells[name];
    t.needs.cpu.value = table.number(row, cpu);
    t.needs.memory_mb = table.number(row, memory);
    auto const devices = table.number(row, gpus);
    if (devices > 1024)
      throw table.fault(row, gpus, "at most 1024 GPUs");
    t.needs.gpu_count = static_cast<std::int32_t>(devices);
    if (devices > 0) {
      t.needs.gpu_share.value = table.number(row, milli);
      t.needs.gpu = row.cells[spec];
      if (!t.needs.gpu.empty() && !is_model_pattern(t.needs.gpu))
        throw table.fault(row, spec, "models such as V100M16|V100M32");
      if (t.needs.gpu_share.value < 1 || t.needs.gpu_share.value > 1000 ||
          (devices > 1 && t.needs.gpu_share.value < 1000))
        throw table.fault(row, milli, "1 to 1000, and 1000 with several GPUs");
    }
    if (auto const fault = complete_and_check(t.needs))
      throw table.fault(row, fault->message, "a request within bounds");
    if (table.has_column("qos"))
      t.qos = row.cells[table.column({"qos"})];
    if (has_times) {
      t.created_s = table.number(row, table.column({"creation_time"}));
      t.deleted_s = table.number(row, table.column({"deletion_time"}));
      auto const scheduled = table.has_column("scheduled_time") ? table.column({"scheduled_time"})
                                                                : table.column({"creation_time"});
      t.scheduled_s = row.cells[scheduled].empty() ? -1 : table.number(row, scheduled);
    }
    to.tasks.push_back(std::move(t));
  }
  std::sort(to.tasks.begin(), to.tasks.end(),
            [](auto const& a, auto const& b) { return a.name < b.name; });
}

/// What of a model may stand in the name of a node.
std::string name_part(std::string const& model) {
  auto part = model.substr(0, 24);
  for (auto& c : part)
    if (!is_name(std::string{'a', c}))
      c = '-';
  return is_name(part) ? part : "gpu" + part;
}

/// Equal nodes become one class.
json cluster_of(openb_trace const& trace) {
  struct kind {
    std::string model;
    std::size_t gpus;
    std::int64_t cpus, memory_mb;
    auto operator<=>(kind const&) const = default;
  };
  std::map<kind, std::int64_t> kinds;
  for (auto const& n : trace.nodes)
    ++kinds[{n.gpus.empty() ? "" : n.gpus[0].model, n.gpus.size(), n.cpus.value, n.memory_mb}];
  json nodes = json::array();
  std::map<std::string, int> names;
  for (auto const& [k, count] : kinds) {
    auto const model =
        k.gpus == 0 ? std::string{"cpu"} : name_part(k.model) + "-x" + std::to_string(k.gpus);
    auto name = model + "-" + std::to_string(k.cpus / 1000) + "c";
    if (auto const number = ++names[name]; number > 1)
      name += "-kind" + std::to_string(number);  // they differ in memory only
    json node{
        {"name", name}, {"count", count}, {"cpus", milli{k.cpus}}, {"memory_mb", k.memory_mb}};
    if (k.gpus > 0)
      node["gpus"] = json::array({{{"model", k.model}, {"count", k.gpus}}});
    nodes.push_back(std::move(node));
  }
  return {{"nodes", nodes}};
}

priority priority_of(std::string const& qos) {
  return qos == "LS" ? priority::interactive : qos == "BE" ? priority::offline : priority::batch;
}

}  // namespace

openb_trace read_openb(std::string_view nodes, std::string const& nodes_file,
                       std::string_view tasks, std::string const& tasks_file) {
  openb_trace trace;
  read_nodes({nodes, ',', nodes_file}, trace);
  read_tasks({tasks, ',', tasks_file}, trace);
  if (trace.nodes.empty())
    throw shape_error(nodes_file, "there are no nodes in it", "a node a line");
  if (trace.tasks.empty())
    throw shape_error(tasks_file, "there are no tasks in it", "a task a line");
  return trace;
}

imported import_openb(openb_trace const& trace) {
  imported result;
  result.cluster = cluster_of(trace).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  auto tasks = trace.tasks;
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](auto const& a, auto const& b) { return a.created_s < b.created_s; });
  std::optional<std::int64_t> first;
  for (auto const& t : tasks) {
    if (t.scheduled_s < 0 || t.deleted_s < t.scheduled_s) {
      ++result.skipped["never_ran"];
      continue;
    }
    if (!first)
      first = t.created_s;
    json needs{{"cpu", t.needs.cpu}, {"memory_mb", t.needs.memory_mb}};
    if (t.needs.gpu_count > 0)
      needs["gpu_count"] = t.needs.gpu_count;
    if (t.needs.gpu_share.value < 1000)
      needs["gpu_share"] = t.needs.gpu_share;
    if (!t.needs.gpu.empty())
      needs["gpu"] = t.needs.gpu;
    result.workload += json{{"submit_s", t.created_s - *first},
                            {"duration_s", t.deleted_s - t.scheduled_s},
                            {"tenant", "openb"},
                            {"priority", priority_of(t.qos)},
                            {"resources", needs}}
                           .dump(-1, ' ', false, json::error_handler_t::replace) +
                       "\n";
    ++result.jobs;
  }
  return result;
}

}  // namespace nsai::simulation

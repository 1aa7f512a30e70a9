// nsai nodes --probe
#include "node/probe.hpp"

#include <algorithm>
#include <iostream>
#include <set>

#include <fmt/format.h>

#include "node/units.hpp"

namespace nsai::node {
namespace {

/// Longer than any probe takes: what has not ended by then waits for a GPU that is in use.
constexpr std::chrono::minutes patience{2};

/// One job for each GPU, of each node that takes jobs; they run together, so that each is granted
/// one of its own.
std::vector<submission> probes_for(std::vector<node_record> const& nodes,
                                   std::string const& tenant) {
  std::vector<submission> all;
  for (auto const& node : nodes)
    for (std::size_t i = 0; i < node.gpus.size(); ++i) {
      submission s;
      s.tenant_id = tenant;
      s.stage = "gpu_probe";
      s.name = "probe-" + std::to_string(all.size());
      s.priority = priority::interactive;
      s.resources.gpu_count = 1;
      s.resources.node_labels["node"] = node.name;
      s.constraints.max_retries = 0;
      all.push_back(std::move(s));
    }
  return all;
}

std::vector<job_id> submitted(session& connection, std::vector<submission> probes) {
  std::vector<job_id> jobs;
  auto const reply = value_of(connection->submit(std::move(probes)));
  for (auto const& each : reply.results) {
    if (each.error)
      throw command_error(*each.error);
    jobs.push_back(each.id);
  }
  return jobs;
}

/// What has ended within the time; the rest is canceled.
std::vector<job_record> measured(session& connection, std::vector<job_id> const& jobs,
                                 output const& out) {
  auto const tick = [&] {
    if (out.quiet || out.as_json)
      return;
    auto const now = value_of(connection->get(jobs));
    auto const ended = std::count_if(now.begin(), now.end(),
                                     [](auto const& job) { return is_terminal(job.status); });
    std::cerr << fmt::format("\r{} of {} GPUs measured", ended, jobs.size()) << std::flush;
  };
  auto waited = connection->await(jobs, patience, tick);
  if (!out.quiet && !out.as_json)
    std::cerr << '\n';
  if (auto* const ended = std::get_if<std::vector<job_record>>(&waited))
    return std::move(*ended);
  auto now = value_of(connection->get(jobs));
  for (auto const& job : now)
    if (!is_terminal(job.status))
      want_done(connection->cancel({job.id}));
  return now;
}

std::string rate(json const& result, char const* name) {
  auto const found = result.find(name);
  return found == result.end() || !found->is_number() ? "-"
                                                      : fmt::format("{:.4g}", found->get<double>());
}

json document_of(std::vector<job_record> const& jobs) {
  json list = json::array();
  for (auto const& job : jobs) {
    json one{{"node", job.node}, {"status", to_string(job.status)}, {"job", job.id.value}};
    if (!job.devices.empty())
      one["gpu"] = write_json(job.devices.front());
    if (!job.result.empty())
      one["measured"] = job.result.value();
    if (job.error)
      one["error"] = write_json(*job.error);
    else if (!job.wait_reason.empty())
      one["wait_reason"] = job.wait_reason;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

int probe_nodes(session& connection, std::vector<node_record> const& nodes,
                global_options const& global) {
  auto probes = probes_for(nodes, global.tenant);
  std::vector<job_record> jobs;
  if (!probes.empty())
    jobs = measured(connection, submitted(connection, std::move(probes)), global.out);
  // Which GPU a job gets is the scheduler's choice: where one was in use another can come twice.
  std::set<std::pair<std::string, std::uint32_t>> seen;
  std::erase_if(jobs, [&](job_record const& job) {
    return !job.devices.empty() && job.status == job_status::succeeded &&
           !seen.emplace(job.node, job.devices.front().index).second;
  });
  std::size_t gpus = 0;
  for (auto const& node : nodes)
    gpus += node.gpus.size();
  bool const all = jobs.size() == gpus &&
                   std::all_of(jobs.begin(), jobs.end(),
                               [](auto const& job) { return job.status == job_status::succeeded; });
  if (global.out.as_json) {
    global.out.document(document_of(jobs));
    return all ? exit_done : exit_job_failed;
  }
  if (jobs.empty())
    global.out.say("no node offers a GPU");
  std::vector<std::vector<std::string>> rows{{"NODE", "GPU", "COPY GB/S", "UPLOAD", "DOWNLOAD",
                                              "FP32 TFLOP/S", "TF32", "BF16", "LAUNCH US"}};
  std::vector<std::string> notes;
  for (auto const& job : jobs) {
    if (job.status != job_status::succeeded) {
      notes.push_back(fmt::format(
          "{}: job {} of a probe is {}: {}", job.node.empty() ? "-" : job.node, job.id.value,
          to_string(job.status), escaped(job.error ? job.error->message : job.wait_reason)));
      continue;
    }
    auto const result = job.result.value();
    auto const& gpu = job.devices.front();
    rows.push_back({job.node, fmt::format("{}:{}", gpu.index, escaped(gpu.model)),
                    rate(result, "copy_gb_per_s"), rate(result, "upload_gb_per_s"),
                    rate(result, "download_gb_per_s"), rate(result, "fp32_tflops"),
                    rate(result, "tf32_tflops"), rate(result, "bf16_tflops"),
                    rate(result, "launch_us")});
    if (gpu.is_virtual)
      notes.push_back(
          fmt::format("{}: GPU {} is virtual: what was measured is the CPU", job.node, gpu.index));
    else
      for (auto const& each : result.value("missing", json::array()))
        notes.push_back(fmt::format("{}: GPU {}: no {}", job.node, gpu.index,
                                    escaped(each.get<std::string>())));
  }
  if (jobs.size() < gpus)
    notes.push_back(fmt::format("{} of {} GPUs were in use and have not been measured",
                                gpus - jobs.size(), gpus));
  if (rows.size() > 1)
    global.out.table(rows);
  for (auto const& note : notes)
    global.out.say(note);
  return all ? exit_done : exit_job_failed;
}

}  // namespace nsai::node

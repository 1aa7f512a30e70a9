// nsai simulate import-openb, import-sacct
#include <algorithm>

#include <fmt/format.h>

#include "node/simulate.hpp"
#include "simulation/openb.hpp"
#include "simulation/sacct.hpp"

namespace nsai::node {
namespace {

struct import_words {
  std::string nodes, tasks, file;  // read
  std::string cluster, workload;   // written
};

std::string listed(std::map<std::string, std::int64_t> const& counts) {
  std::string text;
  for (auto const& [name, count] : counts) {
    auto words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, words);
  }
  return text;
}

int write_imported(simulation::imported const& got, import_words const& w,
                   global_options const& global) {
  write_text(w.workload, got.workload);
  if (!got.cluster.empty())
    write_text(w.cluster, got.cluster);
  if (global.out.as_json) {
    json document{{"workload", w.workload},
                  {"jobs", got.jobs},
                  {"skipped", got.skipped},
                  {"changed", got.changed}};
    if (!got.cluster.empty())
      document["cluster"] = w.cluster;
    global.out.document(document);
    return exit_done;
  }
  global.out.say(fmt::format("{}: {} jobs", w.workload, got.jobs));
  if (!got.skipped.empty())
    global.out.say("left out: " + listed(got.skipped));
  if (!got.changed.empty())
    global.out.say("not as they were: " + listed(got.changed));
  if (!got.cluster.empty())
    global.out.say(w.cluster + ": the cluster");
  return exit_done;
}

}  // namespace

std::vector<command> simulate_import_commands() {
  return {
      {"import-openb", "a cluster and a workload from files in openb's format",
       "nsai simulate import-openb --nodes openb_node_list_gpu_node.csv "
       "--tasks openb_pod_list_default.csv --cluster cluster.json --workload workload.jsonl",
       [](CLI::App& app, global_options& global) -> command_body {
         auto w = std::make_shared<import_words>();
         app.add_option("--nodes", w->nodes, "CSV to read: sn, cpu_milli, memory_mib, gpu, model")
             ->required();
         app.add_option("--tasks", w->tasks,
                        "CSV to read: name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec, "
                        "qos, creation_time, deletion_time, scheduled_time. Tasks that never ran "
                        "are left out; qos LS is interactive, BE offline, others batch")
             ->required();
         app.add_option("--cluster", w->cluster, "JSON file to write")->required();
         app.add_option("--workload", w->workload, "file to write, a job a line")->required();
         return [w, &global] {
           return write_imported(simulation::import_openb(simulation::read_openb(
                                     read_text(w->nodes), w->nodes, read_text(w->tasks), w->tasks)),
                                 *w, global);
         };
       }},
      {"import-sacct", "a workload from what Slurm's sacct prints",
       "sacct --allusers --parsable2 --starttime 2026-03-01 --format=JobID,User,Account,Submit,"
       "Start,End,ElapsedRaw,State,ReqTRES,AllocTRES,Timelimit > march.txt; "
       "nsai simulate import-sacct march.txt --workload march.jsonl",
       [](CLI::App& app, global_options& global) -> command_body {
         auto w = std::make_shared<import_words>();
         app.add_option("file", w->file,
                        "the output of sacct --parsable2, with the names of the columns. Tenant: "
                        "the account; owner: the user; steps and jobs that never ran are left "
                        "out; a job on N nodes becomes N jobs; Timelimit becomes the timeout")
             ->required();
         app.add_option("--workload", w->workload, "file to write, a job a line")->required();
         return [w, &global] {
           return write_imported(simulation::import_sacct(read_text(w->file), w->file), *w, global);
         };
       }},
  };
}

}  // namespace nsai::node

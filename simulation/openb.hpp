#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/node.hpp"

namespace nsai::simulation {

struct openb_task {
  std::string name;
  resources needs;
  std::string qos;
  std::int64_t created_s = 0;
  std::int64_t scheduled_s = -1;  // -1: it never ran
  std::int64_t deleted_s = 0;
  std::int64_t gpu_milli() const { return needs.gpu_count * needs.gpu_share.value; }
};

/// A cluster trace in openb's format, published with "Beware of Fragmentation: Scheduling
/// GPU-Sharing Workloads with Fragmentation Gradient Descent" (USENIX ATC 2023).
struct openb_trace {
  std::vector<node_info> nodes;     // in order of the file
  std::vector<openb_task> tasks;    // by name
  std::int64_t capacity_milli = 0;  // of all devices
};

/// Reads the lists of nodes (sn, cpu_milli, memory_mib, gpu, model) and of tasks (name, cpu_milli,
/// memory_mib, num_gpu, gpu_milli, gpu_spec; where they are there qos, creation_time, deletion_time
/// and scheduled_time). Throws shape_error with FILE:LINE and the column.
openb_trace read_openb(std::string_view nodes, std::string const& nodes_file,
                       std::string_view tasks, std::string const& tasks_file);

/// A workload and a cluster as files of `nsai simulate run`.
struct imported {
  std::string cluster;   // JSON; empty: the source has none
  std::string workload;  // JSON lines
  std::int64_t jobs = 0;
  std::map<std::string, std::int64_t> skipped;  // rows, by why
  std::map<std::string, std::int64_t> changed;  // jobs, by what is not as it was
};

/// Tasks with their times; those that never ran are skipped. All are jobs of one tenant `openb`. By
/// qos: LS is interactive, BE offline, the others batch.
imported import_openb(openb_trace const& trace);

}  // namespace nsai::simulation

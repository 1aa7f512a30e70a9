#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/node.hpp"
#include "messages/tenant.hpp"

namespace nsai::simulation {

/// Equal devices of a node.
struct gpu_class {
  static constexpr char const* type_name = "gpu_class";
  std::string model;
  std::int64_t memory_mb = 0;
  std::int32_t count = 1;

  static constexpr auto fields() {
    return std::tuple{field{"model", &gpu_class::model}, field{"memory_mb", &gpu_class::memory_mb},
                      field{"count", &gpu_class::count}};
  }
};

/// `count` equal nodes. They are called by `name`, several of them with a number from 1 behind it.
struct node_class {
  static constexpr char const* type_name = "node_class";
  std::string name;
  std::int64_t count = 1;
  milli cpus;
  std::int64_t memory_mb = 0;
  std::vector<gpu_class> gpus;
  std::map<std::string, std::string> labels;
  micro price_per_hour_usd;

  static constexpr auto fields() {
    using n = node_class;
    return std::tuple{field{"name", &n::name},
                      field{"count", &n::count},
                      field{"cpus", &n::cpus},
                      field{"memory_mb", &n::memory_mb},
                      field{"gpus", &n::gpus},
                      field{"labels", &n::labels},
                      field{"price_per_hour_usd", &n::price_per_hour_usd}};
  }
};

/// The cluster that a workload is played against. A tenant without a `max_priority` may use all of
/// them here, so that a workload needs no more than jobs.
struct cluster_description {
  static constexpr char const* type_name = "cluster";
  std::vector<node_class> nodes;
  std::map<std::string, tenant_settings> tenants;  // `*`: all that are not named

  static constexpr auto fields() {
    return std::tuple{field{"nodes", &cluster_description::nodes},
                      field{"tenants", &cluster_description::tenants}};
  }
};

/// Takes over a cluster file; every fault is told, each with its path.
std::vector<error_info> read_cluster(json const& document, cluster_description& to);

/// "NAME:COUNT": that many more nodes of the class with this name. The model of a GPU will do where
/// one class alone has it. Throws shape_error. Gives the class.
node_class const& add_nodes(cluster_description& to, std::string const& what);

struct described_node {
  node_info info;              // its name is its uuid, too
  std::size_t node_class = 0;  // position among the classes
};

/// The stage with which all simulated jobs run, and which all nodes have: what `nsai submit --
/// PROGRAM` uses, so that jobs have neither timeout nor retries unless they ask for them.
inline constexpr char const* simulated_stage = "command";

/// All nodes, in order of the file.
std::vector<described_node> nodes_of(cluster_description const& cluster);

}  // namespace nsai::simulation

#include <array>
#include <cmath>
#include <sstream>

#include "messages/job.hpp"
#include "node/config.hpp"
#include "simulation/cluster_description.hpp"
#include "simulation/sacct.hpp"
#include "simulation/workload.hpp"
#include "stages/experiment.hpp"
#include "stages/learning/training_run.hpp"
#include "stages/learning/verifier_model.hpp"
#include "stages/npy.hpp"
#include "stages/proposer_text.hpp"
#include "stages/stage.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {

void config(std::string_view bytes) {
  try {
    auto const document = stages::parse_document(std::string{bytes}, "f");
    node::node_config read;
    if (!node::read_config(document, read).empty())
      return;
    node::node_config again;
    require(node::read_config(write_json(read), again).empty(),
            "a config that was read can be read again");
    require(write_json(read) == write_json(again), "what was read again is the same");
  } catch (shape_error const&) {
  }
}

void experiment(std::string_view bytes) {
  static auto const known = stages::built_in_stages().descriptions();
  try {
    std::string_view setting;
    if (auto const end = bytes.find('\n');
        end != std::string_view::npos && bytes.substr(0, end).find('=') != std::string_view::npos) {
      setting = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
    }
    auto document = stages::parse_document(std::string{bytes}, "f");
    if (auto const equals = setting.find('='); equals != std::string_view::npos)
      stages::set_path(document, std::string{setting.substr(0, equals)},
                       std::string{setting.substr(equals + 1)});
    auto read = stages::experiment_from(document, "/base", known);
    if (!read.faults.empty())
      return;
    if (!complete_and_check(read.request))
      require(!json(read.request).dump(-1, ' ', false, json::error_handler_t::replace).empty(),
              "an experiment can be written");
  } catch (shape_error const&) {
  }
}

void matrices(std::string_view bytes) {
  try {
    stages::matrix m;
    if (!bytes.empty() && bytes.front() == '[') {
      m = stages::matrix_of(stages::parse_document(std::string{bytes}, "f"), "points", "/base");
    } else {
      std::istringstream in{std::string{bytes}};
      m = stages::read_npy(in, bytes.size(), "f", "points");
    }
    require(m.values.size() == m.rows * m.columns, "a matrix has as many values as it says");
    for (auto const x : m.values)
      require(std::isfinite(x), "its values are finite");
  } catch (shape_error const&) {
  }
}

namespace {

/// Read as a checkpoint of a training that it fits as far as it can.
void goes_on_from(stages::network_file const& file) {
  std::array<std::uint32_t, 2> const labels{0, 2};
  stages::training_runs::setup of;
  auto const& shape = file.network.shape;
  of.train.inputs.columns = shape.inputs;
  of.dev.labels = labels;
  of.classes = shape.classes;
  of.options.hidden = shape.hidden;
  of.options.epochs = 2;
  of.seeds = 3;
  if (auto const found = file.about.find("fingerprint");
      found != file.about.end() && found->is_string())
    of.fingerprint = found->get<std::string>();
  auto const got = stages::checkpoint_of(file, of);
  require(got.finished.size() < of.seeds, "a run is left to do");
  for (auto const& run : got.finished) {
    require(run.predicted.size() == labels.size(), "as many predictions as examples");
    for (auto const each : run.predicted)
      require(each < of.classes, "every prediction is a class");
  }
}

}  // namespace

void networks(std::string_view bytes) {
  using kind = stages::network_file::kind_of_file;
  if (bytes.empty())
    return;
  auto const expected = bytes.front() == 'c' ? kind::checkpoint : kind::model;
  std::string file{bytes.substr(1)};
  // A fuzzer does not find checksums: those of what it changed are put right.
  if (bytes.front() != 'r' && file.size() >= 8) {
    file.resize(file.size() - 8);
    auto const sum = stages::fnv1a(file);
    file.append(reinterpret_cast<char const*>(&sum), 8);
  }
  try {
    auto const read = stages::network_of(file, expected, "f", "model");
    require(read.network.parameters.size() == read.network.shape.parameters(),
            "a network has as many parameters as its shape says");
    auto const again = stages::network_of(stages::bytes_of(read), expected, "f", "model");
    require(again.network.parameters == read.network.parameters && again.about == read.about,
            "what was read can be written and read again");
    if (expected == kind::checkpoint)
      goes_on_from(read);
    stages::verifier_of(read, "model");
  } catch (shape_error const&) {
  }
}

namespace {

void can_be_played(simulation::imported const& got) {
  simulation::workload jobs;
  require(got.jobs == 0 || simulation::read_workload(got.workload, "f", jobs).empty(),
          "an imported workload can be read");
  require(jobs.count() == got.jobs, "all of its jobs are in it");
  if (got.cluster.empty())
    return;
  simulation::cluster_description cluster;
  require(simulation::read_cluster(json::parse(got.cluster), cluster).empty(),
          "an imported cluster can be read");
}

}  // namespace

void simulation(std::string_view bytes) {
  if (bytes.empty())
    return;
  auto const kind = bytes.front();
  bytes.remove_prefix(1);
  constexpr std::string_view nodes = "sn,cpu_milli,memory_mib,gpu,model\nn,64000,262144,2,T4\n";
  constexpr std::string_view tasks =
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np,1000,1024,1,500,\n";
  try {
    if (kind == 'c') {
      simulation::cluster_description cluster;
      simulation::read_cluster(stages::parse_document(std::string{bytes}, "f"), cluster);
    } else if (kind == 'w') {
      simulation::workload jobs;
      simulation::read_workload(bytes, "f", jobs);
    } else if (kind == 's') {
      can_be_played(simulation::import_sacct(bytes, "f"));
    } else if (kind == 'n') {
      can_be_played(simulation::import_openb(simulation::read_openb(bytes, "n", tasks, "t")));
    } else if (kind == 't') {
      can_be_played(simulation::import_openb(simulation::read_openb(nodes, "n", bytes, "t")));
    }
  } catch (shape_error const&) {
  }
}

void proposer(std::string_view bytes) {
  auto const read = stages::parse_proposal(bytes);
  require(read.malformed >= 0, "a count is not negative");
  require(read.claims.size() + read.relations.size() <= bytes.size(), "each claim has its line");
}

}  // namespace nsai::fuzz

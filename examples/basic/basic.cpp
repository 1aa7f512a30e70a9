// Submits an experiment of the proposer and waits for its result.
//
//   basic [DATASET [GPU]]
//
// DATASET is one of the cluster's config, by default "sample", which every node has. With GPU, such
// as A100, the stages that compute ask for one. The scheduler is NSAI_SCHEDULER, else the one on
// this machine.
#include <exception>
#include <iostream>

#include "actors/work_client.hpp"

using namespace std::chrono_literals;

int main(int argc, char** argv) try {
  nsai::client client;

  nsai::experiment const experiment{
      .name = "proposer_scifact", .type = "proposer", .dataset = argc > 1 ? argv[1] : "sample"};
  nsai::submit_options terms{.priority = nsai::priority::interactive};
  if (argc > 2) {
    terms.gpu = argv[2];
    terms.memory_mb = 8192;
  }

  auto const submitted = client.submit_proposer_stage(experiment, terms);
  if (auto const* error = std::get_if<nsai::error_info>(&submitted)) {
    std::cerr << "basic: not submitted: " << error->message << '\n';
    return 1;
  }
  auto const job = std::get<nsai::job_id>(submitted);
  std::cout << "job " << job.value << std::endl;

  auto const result = client.await_job(job, 300s);
  if (auto const* error = std::get_if<nsai::error_info>(&result)) {
    if (error->category == "timeout")
      std::cerr << "basic: still not done; `nsai experiment " << job.value << "` shows why\n";
    else
      std::cerr << "basic: " << error->message << '\n';
    return 1;
  }
  // The context after the last stage: metrics, outputs, artifacts.
  std::cout << std::get<nsai::json>(result).at("metrics").at("proposer").dump(2) << '\n';
} catch (std::exception const& e) {
  std::cerr << "basic: " << e.what() << '\n';
  return 1;
}

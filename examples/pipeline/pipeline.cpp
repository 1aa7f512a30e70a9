// A pipeline of its own: the expensive stage is delegated as a job with its own priority, resources
// and timeout.
//
//   pipeline [DATASET [GPU]]
//
// Without GPU (such as A100) the delegated stage asks for none. `nsai run FILE` runs the same from
// a file.
#include <exception>
#include <iostream>

#include "actors/work_client.hpp"
#include "stages/experiment_builder.hpp"

int main(int argc, char** argv) try {
  auto const* const dataset = argc > 1 ? argv[1] : "sample";
  nsai::json const resources =
      argc > 2 ? nsai::json{{"gpu", argv[2]}, {"memory_mb", 16384}} : nsai::json::object();

  auto const document = nsai::stages::experiment_builder{}
                            .id("exp_001")
                            .name("proposer_with_work")
                            .type("proposer")
                            .backend("tinkex")
                            // A regular stage
                            .stage("data_load", "data_load", {{"dataset", dataset}})
                            // What is expensive gets its own terms
                            .work_job("heavy_inference", "CnsCrucible.Stages.ProposerMetrics",
                                      {.stage_opts = {{"batch_size", 32}},
                                       .priority = nsai::priority::batch,
                                       .resources = resources,
                                       .timeout_ms = 1'800'000})
                            .stage("bench", "bench", {{"metrics", {"accuracy", "f1"}}})
                            .document();

  nsai::client client;
  auto const job = nsai::value_or_throw(client.submit_document(document));
  auto const context = nsai::value_or_throw(client.await_job(job));
  std::cout << "run " << job.value << ": " << context.at("metrics").at("bench").dump(2) << '\n';
} catch (std::exception const& e) {
  std::cerr << "pipeline: " << e.what() << '\n';
  return 1;
}

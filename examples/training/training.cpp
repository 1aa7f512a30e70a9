// Trains a model that verifies claims, tries again when it fails, and prints how good the model is
// and where it lies.
//
//   training [DATASET [GPU]]
//
// GPU: a model such as A100, which is what a training asks for unless it is told otherwise; "none"
// (the default here) trains on the CPU.
#include <exception>
#include <iostream>

#include "actors/work_client.hpp"

int main(int argc, char** argv) try {
  nsai::client client;

  // The document's numbers; they suit a model that has learned before. What is left out is the
  // stage's own: 10 epochs at 2e-3 teach one that begins from nothing more.
  nsai::training_config const config{.model_type = "proposer",
                                     .dataset = argc > 1 ? argv[1] : "sample",
                                     .epochs = 3,
                                     .batch_size = 16,
                                     .learning_rate = 2.0e-4};
  bool const on_gpu = argc > 2 && std::string{argv[2]} != "none";
  nsai::submit_options const terms{.priority = nsai::priority::batch,
                                   .gpu = on_gpu ? argv[2] : "none",
                                   .memory_mb = on_gpu ? 16'384 : 1024,
                                   .timeout_ms = 3'600'000,  // 1 hour
                                   .max_retries = 2};
  auto const job = nsai::value_or_throw(client.submit_training(config, terms));
  auto const context = nsai::value_or_throw(client.await_job(job));

  auto const& metrics = context.at("metrics").at("training");
  std::cout << "run " << job.value << ": accuracy " << metrics.at("dev_accuracy") << ", macro-F1 "
            << metrics.at("dev_macro_f1") << " on claims that it has not learned from\n";
  for (auto const& artifact : context.at("artifacts"))
    if (artifact.at("kind") == "model")
      std::cout << "model: " << artifact.at("path").get<std::string>() << '\n';
} catch (std::exception const& e) {
  std::cerr << "training: " << e.what() << '\n';
  return 1;
}

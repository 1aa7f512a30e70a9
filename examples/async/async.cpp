// Submits three experiments without waiting, does something else, and looks how they are.
//
//   async [DATASET]
#include <exception>
#include <iostream>

#include "actors/work_client.hpp"

int main(int argc, char** argv) try {
  nsai::client client;

  std::vector<nsai::experiment> experiments{{.name = "proposer_1", .type = "proposer"},
                                            {.name = "antagonist_1", .type = "antagonist"},
                                            {.name = "synthesizer_1", .type = "synthesizer"}};
  std::vector<nsai::job_id> jobs;
  for (auto& experiment : experiments) {
    experiment.dataset = argc > 1 ? argv[1] : "sample";
    jobs.push_back(nsai::value_or_throw(client.submit_experiment(experiment)));
  }

  auto const show = [&] {
    for (auto const job : jobs) {
      auto const record = nsai::value_or_throw(client.get_job_status(job));
      std::cout << "Job " << job.value << " (" << record.name_space
                << "): " << to_string(record.status) << std::endl;
    }
  };
  show();  // the calls that submitted did not wait

  // Whatever else there is to do. Here: nothing, so all of them are waited for.
  bool all_succeeded = true;
  for (auto const& record : nsai::value_or_throw(client.await(jobs, std::chrono::milliseconds{0})))
    all_succeeded = all_succeeded && record.status == nsai::job_status::succeeded;
  show();
  return all_succeeded ? 0 : 1;
} catch (std::exception const& e) {
  std::cerr << "async: " << e.what() << '\n';
  return 1;
}

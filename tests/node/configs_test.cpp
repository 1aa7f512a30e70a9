// The configs and experiments that the project ships.
#include <filesystem>

#include <doctest/doctest.h>

#include "node/config.hpp"
#include "stages/experiment.hpp"
#include "stages/stage.hpp"

using namespace nsai;

TEST_CASE("every shipped config is sound") {
  int seen = 0;
  for (auto const& entry :
       std::filesystem::recursive_directory_iterator(NSAI_SOURCE_DIR "/cluster-configs")) {
    if (entry.path().extension() != ".json")
      continue;
    CAPTURE(entry.path().string());
    node::node_config config;
    CHECK(node::read_config(stages::read_document(entry.path()), config).empty());
    ++seen;
  }
  CHECK(seen == 4);
}

TEST_CASE("every shipped experiment is sound") {
  int seen = 0;
  auto const known = stages::built_in_stages().descriptions();
  for (auto const* folder : {NSAI_SOURCE_DIR "/examples", NSAI_SOURCE_DIR "/examples/experiments"})
    for (auto const& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".json")
        continue;
      CAPTURE(entry.path().string());
      CHECK(stages::experiment_from(stages::read_document(entry.path()), entry.path().parent_path(),
                                    known)
                .faults.empty());
      ++seen;
    }
  CHECK(seen >= 5);
}

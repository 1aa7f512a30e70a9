// The configs and experiments that the project ships.
#include <doctest/doctest.h>

#include <filesystem>

#include "node/config.hpp"
#include "stages/experiment.hpp"
#include "stages/stage.hpp"

using namespace nsai;

TEST_CASE("every shipped config is sound") {
  int seen = 0;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(NSAI_SOURCE_DIR "/cluster-configs")) {
    if (entry.path().extension() != ".json")
      continue;
    CAPTURE(entry.path().string());
    node::node_config config;
    CHECK(node::read_config(stages::read_document(entry.path()), config).empty());
    ++seen;
  }
  CHECK(seen == 4);
}

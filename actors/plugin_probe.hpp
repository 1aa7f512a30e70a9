#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "actors/workplace.hpp"
#include "messages/node.hpp"
#include "stages/stage.hpp"

namespace nsai::actors {

/// A stage library that the config names, and the stages that it is to have (empty: whatever it
/// has).
struct wanted_plugin {
  std::string library;
  std::vector<std::string> stages;
};

/// What the libraries turned out to have.
struct found_plugins {
  std::vector<stage_description> stages;
  std::map<std::string, std::string> libraries;  // of each stage
  std::vector<plugin_fault> faults;              // libraries of which nothing can be used
};

/// Asks each library, in a process of its own, what it has; all at once, and none for longer than
/// `limit`. Blocks. A library that ends, hangs or misleads its process is a fault and nothing more.
found_plugins probe_plugins(workplace const& where, std::vector<wanted_plugin> const& wanted,
                            std::chrono::milliseconds limit);

}  // namespace nsai::actors

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"

namespace nsai::stages {

/// An enabled entry of a pipeline, as far as its place in the order goes.
struct pipeline_entry {
  std::string name;
  std::string path;                                    // in the file: "pipeline[2]"
  std::optional<std::vector<std::string>> depends_on;  // absent: what stands before it
  bool async = false;                                  // what follows does not wait for it
  bool awaits = false;                                 // an await_jobs
  std::vector<std::string> jobs;                       // that it waits for; empty: all
};

struct pipeline_order {
  std::vector<std::size_t> order;                // positions of entries, predecessors first
  std::vector<std::vector<std::size_t>> before;  // of each entry: whom it comes after
  std::vector<error_info> faults;
};

/// An entry without `depends_on` comes after the last one before it that is not async. An
/// await_jobs comes, besides, after the async ones that it names, or else after all before it for
/// which no await_jobs before it waits. Faults: names that are not there, and cycles.
pipeline_order order_pipeline(std::vector<pipeline_entry> const& entries);

}  // namespace nsai::stages

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/error.hpp"
#include "messages/job.hpp"

namespace nsai::simulation {

/// A line of a workload file: `count` equal jobs that arrive together.
struct workload_line {
  static constexpr char const* type_name = "workload_line";
  milli submit_s;  // since the beginning
  std::optional<milli> duration_s;
  std::string tenant = "default";
  std::string owner;
  nsai::priority priority = nsai::priority::batch;
  nsai::resources resources;
  nsai::constraints constraints;  // `deadline` and `not_before` by `virtual_start`
  std::int64_t count = 1;

  static constexpr auto fields() {
    using w = workload_line;
    return std::tuple{field{"submit_s", &w::submit_s},       field{"duration_s", &w::duration_s},
                      field{"tenant", &w::tenant},           field{"owner", &w::owner},
                      field{"priority", &w::priority},       field{"resources", &w::resources},
                      field{"constraints", &w::constraints}, field{"count", &w::count}};
  }
};

/// When virtual time begins: 2000-01-01T00:00:00Z.
inline constexpr timestamp virtual_start{946'684'800'000};

struct workload_job {
  std::int64_t submit_ms = 0;    // since the beginning
  std::int64_t duration_ms = 0;  // what an attempt takes that nobody stops
  std::int64_t count = 1;
  std::uint32_t request = 0;  // among the requests
};

/// What is submitted when. Equal requests are kept once, since workloads are long and varied only
/// in times.
struct workload {
  std::vector<submission> requests;  // complete and checked
  std::vector<workload_job> jobs;    // by time; equal times as in the file

  std::int64_t count() const {
    std::int64_t all = 0;
    for (auto const& each : jobs)
      all += each.count;
    return all;
  }
};

/// Reads JSON lines; comments and empty lines are skipped. Faults say FILE:LINE and the field, or
/// the column where the text is no JSON; no more than twenty of them.
std::vector<error_info> read_workload(std::string_view text, std::string const& file, workload& to);

}  // namespace nsai::simulation

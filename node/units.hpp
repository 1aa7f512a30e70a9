#pragma once

#include <cstdint>
#include <string>

#include "messages/job.hpp"

namespace nsai::node {

/// A memory size as people type it, in MiB: "8G", "512M", "1.5T", "2GiB", "100000K"; a bare number
/// is MiB. Powers of 1024, rounded up. Throws shape_error with `field` as its path.
std::int64_t parse_size_mb(std::string const& text, std::string const& field);

/// A duration as people type it, in milliseconds: "250ms", "90s", "30m", "1.5h", "2d"; a bare
/// number is seconds.
std::int64_t parse_duration_ms(std::string const& text, std::string const& field);

/// A time as RFC 3339 has it, or a duration from now.
timestamp parse_when(std::string const& text, std::string const& field);

/// "A-B", "A-B:STEP", "A-B%LIMIT", "A-B:STEP%LIMIT", "A" or "A,B,C".
array_spec parse_array(std::string const& text);

/// "K=V" split at the first '='.
std::pair<std::string, std::string> parse_pair(std::string const& text, std::string const& field);

/// A whole number of jobs' names: "17".
job_id parse_job(std::string const& text, std::string const& field = "job");

/// What the machine's clock says.
timestamp wall_clock_now();

/// "1h 2m", "3.2 s", "17 ms": for people.
std::string show_duration(std::int64_t ms);
/// "40.0 GiB", "512 MiB": for people.
std::string show_size(std::int64_t mb);

}  // namespace nsai::node

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "messages/record.hpp"

namespace nsai::stages {

/// Makes the request of an experiment go on from an earlier run of it: its stages that have
/// succeeded there under the same name, with the same stage, options and predecessors, and that
/// come after none that runs anew, are taken over (`step_spec::reuse`). `run` and `stages` are the
/// records of that run and of its children, with options and context. Returns the names of the
/// stages taken over; refuses a run that is not over, one that has succeeded, one of another data
/// set or folder, and a request that would have nothing left to run.
std::variant<std::vector<std::string>, error_info> resume(submission& request,
                                                          job_record const& run,
                                                          std::vector<job_record> const& stages);

}  // namespace nsai::stages

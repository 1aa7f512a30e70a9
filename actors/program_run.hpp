#pragma once

#include <string>
#include <variant>

#include "actors/run_directories.hpp"
#include "actors/workplace.hpp"
#include "messages/attempt.hpp"
#include "processes/process_spec.hpp"
#include "stages/artifacts.hpp"

namespace nsai::actors {

/// Prepares a `command` job: writes options and context, builds argv and the whole environment.
/// Errors say what the job's options lack.
std::variant<processes::process_spec, error_info> prepare(workplace const& where,
                                                          run_directories& files,
                                                          start_attempt const& attempt);

/// The outcome of an attempt whose program ended: reads the result file, removes the run directory,
/// and those for checkpoints and artifacts when nothing is in them. An object "context" in the
/// result says what the program changes in the context that it was started with. `stopped_as` is
/// what a stopped attempt counts as (canceled, timed_out or returned).
attempt_outcome conclude(workplace const& where, run_directories& files,
                         start_attempt const& attempt, processes::process_exit const& exit,
                         attempt_result stopped_as);

/// Where the attempt may have left files, which its outcome has to tell.
stages::attempt_files files_of(workplace const& where, start_attempt const& attempt);

/// What a process that failed leaves in the record of its attempt; `what` it was, in words.
error_info error_of_exit(start_attempt const& attempt, processes::process_exit const& exit,
                         std::string const& what);

/// What an attempt that outran its timeout ends with.
error_info timeout_error(start_attempt const& attempt);

/// The path of a program's own output file: %j job, %a attempt, %i array index, %t tenant, %% a
/// percent sign.
std::string expand_output_path(std::string const& pattern, start_attempt const& attempt);

}  // namespace nsai::actors

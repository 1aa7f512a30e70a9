#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "processes/file_descriptor.hpp"
#include "processes/process_spec.hpp"

namespace nsai::processes {

/// A started program, or why there is none.
struct started_program {
  pid_t pid = -1;
  file_descriptor out;  // the end to read its captured stdout from; none when it goes to a file
  file_descriptor err;
  spawn_fault fault = spawn_fault::none;
  int fault_errno = 0;
};

/// Returns when exec has succeeded or failed.
/// `inherited` are the descriptors that the program gets beside its standard ones.
started_program start_program(process_spec const& spec,
                              std::vector<file_descriptor> const& inherited);

/// What a fault means, in words: the field, what came and the reason.
std::string describe_fault(process_spec const& spec, spawn_fault fault, int fault_errno);

}  // namespace nsai::processes

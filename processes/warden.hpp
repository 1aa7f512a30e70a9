#pragma once

#include "processes/file_descriptor.hpp"

namespace nsai::processes {

/// The life of a warden process: runs one program after the other, as the node asks through
/// `socket`, and sees to it that nothing of a program outlives its report. Ends when the node's end
/// closes.
[[noreturn]] void be_warden(file_descriptor socket);

}  // namespace nsai::processes

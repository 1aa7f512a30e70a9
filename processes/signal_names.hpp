#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nsai::processes {

/// "SIGTERM", "term", "15", "SIGRTMIN+2": the number on this machine. Nothing for a name or number
/// that is no signal.
std::optional<int> signal_number(std::string_view name);

/// 11: "SIGSEGV"; 36: "SIGRTMIN+2"; a number without a name: "signal 32".
std::string signal_name(int number);

}  // namespace nsai::processes

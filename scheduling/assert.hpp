#pragma once

namespace nsai::scheduling {

/// Ends the program: a broken assertion is a bug, and going on would spread it into the store.
[[noreturn]] void assertion_failed(char const* condition, char const* file, int line) noexcept;

}  // namespace nsai::scheduling

/// States what only a bug can break; stays on in every build type.
#define NSAI_ASSERT(condition) \
  ((condition) ? void() : ::nsai::scheduling::assertion_failed(#condition, __FILE__, __LINE__))

#include "scheduling/assert.hpp"

#include <stdexcept>
#include <string>

namespace nsai::scheduling {
namespace {

[[noreturn]] void raise(std::string const& what) {
  throw std::logic_error(what);
}

}  // namespace

// The exception meets `noexcept`: the default terminate handler prints its text and aborts. So the
// core says what broke without doing I/O of its own.
void assertion_failed(char const* condition, char const* file, int line) noexcept {
  raise(std::string(file) + ":" + std::to_string(line) + ": assertion failed: " + condition);
}

}  // namespace nsai::scheduling

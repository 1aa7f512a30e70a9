#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "messages/attempt.hpp"

namespace nsai::simulation {

/// What ARCHITECTURE.md promises, by number, as far as a model can see it.
enum class promise : std::uint8_t {
  p1_ends_once = 1,
  p2_fenced,
  p3_capacity,
  p4_retries,
  p5_fairness,
  // Not one of the numbered: what effects.hpp and core.hpp say of effects and answers.
  contract
};
std::string to_string(promise p);

class broken_promise : public std::runtime_error {
 public:
  broken_promise(promise which, std::string const& how) : std::runtime_error(how), which_(which) {}
  promise which() const { return which_; }

 private:
  promise which_;
};

[[noreturn]] void raise_broken(promise which, char const* expected, attempt_ref about);

/// Throws `broken_promise` when what was expected does not hold. `about`: the job or attempt.
inline void keep(promise which, bool holds, char const* expected, attempt_ref about = {}) {
  if (!holds)
    raise_broken(which, expected, about);
}
inline void keep(promise which, bool holds, char const* expected, job_id about) {
  keep(which, holds, expected, attempt_ref{about, 0});
}

}  // namespace nsai::simulation

#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// Stages for trials and tests.
std::unique_ptr<stage> make_echo();      // {text}: gives it back
std::unique_ptr<stage> make_sleep();     // {seconds}
std::unique_ptr<stage> make_spin();      // {seconds}: keeps one core busy
std::unique_ptr<stage> make_allocate();  // {memory_mb, seconds}: holds memory that it has touched
std::unique_ptr<stage> make_fail();      // {message, retryable}
std::unique_ptr<stage> make_flaky();     // {failures}: fails its first n attempts
std::unique_ptr<stage> make_crash();     // {signal}: ends its process by a signal
/// Any program; described here, run by the node's workers.
std::unique_ptr<stage> make_command();

}  // namespace nsai::stages

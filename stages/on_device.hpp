#pragma once

#include "stages/compute.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// Whether a real GPU is among them.
bool has_real_gpu(std::vector<device_grant> const& devices);

/// What an attempt computes with: the real GPU that it was granted, bound to the memory that was
/// granted with it; without one, or on a virtual one, the CPU twin. Throws device_error when the
/// GPU cannot be used: nothing falls back.
compute& device_of(stage_env const& env);

/// For results: {"name", "kind": "gpu" or "cpu", "virtual_gpu": model, where one was granted}.
json device_in_words(stage_env const& env, compute const& device);

/// For a stage's summary: "..., on a GPU where one was granted", or that this build has no CUDA.
std::string on_its_device(std::string const& summary);

compute_hooks hooks_of(stage_env const& env, std::string const& doing);

}  // namespace nsai::stages

#pragma once

#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// Medians of repeated runs, each after a first one that is not counted, with `room` bytes on the
/// device. The device's name is left empty.
device_rates measure_rates(stream const& on, std::size_t room, compute_hooks const& hooks);

/// Milliseconds of `work` on the stream: the median of `times`, after one that is not counted.
double median_ms(stream const& on, int times, std::function<void()> const& work);

}  // namespace nsai::stages::cuda

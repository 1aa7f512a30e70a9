#pragma once

/// Stands before the real one: kernels that run on the CPU are given no stream.
namespace nsai::stages::cuda {
struct stream {};
}  // namespace nsai::stages::cuda

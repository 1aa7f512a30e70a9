#pragma once

#include <cmath>
#include <cstdint>

#include "stages/both_sides.hpp"

namespace nsai::stages {

/// One step of Adam for one parameter, the same on the CPU and in a kernel (Kingma and Ba 2015,
/// algorithm 1; the corrections of both moments are made once a step).
struct adam_step {
  static constexpr float beta1 = 0.9F;
  static constexpr float beta2 = 0.999F;
  static constexpr float epsilon = 1e-8F;

  float rate = 0;         // learning rate / (1 - beta1^t)
  float second_root = 1;  // sqrt(1 - beta2^t)

  /// `t` counts from 1.
  static adam_step of(std::uint64_t t, float learning_rate) {
    double const steps = static_cast<double>(t);
    return {static_cast<float>(learning_rate / (1.0 - std::pow(0.9, steps))),
            static_cast<float>(std::sqrt(1.0 - std::pow(0.999, steps)))};
  }

  NSAI_BOTH_SIDES void apply(float gradient, float& parameter, float& m, float& v) const {
    m = beta1 * m + (1.0F - beta1) * gradient;
    v = beta2 * v + (1.0F - beta2) * gradient * gradient;
    parameter -= rate * m / (std::sqrt(v) / second_root + epsilon);
  }
};

}  // namespace nsai::stages

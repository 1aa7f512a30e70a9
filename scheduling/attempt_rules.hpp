#pragma once

#include <cstdint>

namespace nsai::scheduling {

/// After an attempt was lost to the infrastructure, before the next one.
inline constexpr std::int64_t infra_delay_ms = 1000;
/// So many nodes lost while they ran nothing but this job, and it is held to be the cause.
inline constexpr std::int32_t losses_of_poison = 3;

}  // namespace nsai::scheduling

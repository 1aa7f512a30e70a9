#pragma once

#include <functional>
#include <string>

#include "scheduling/cluster.hpp"
#include "scheduling/placement.hpp"
#include "scheduling/service.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// What a request asks for: "cpu 4, memory 1024 MiB, 2 GPUs of A100 with 40960 MiB".
std::string request_in_words(resources const& r);

/// Why a queued job of this shape does not run: the first thing that no node has, or what is in
/// use. `service_of`: what holds for the node with this uuid.
std::string explain_wait(cluster const& nodes, placement const& places, shape& s,
                         std::string const& stage,
                         std::function<service(std::string const&)> const& service_of);

}  // namespace nsai::scheduling

#pragma once

#include <vector>

#include "node/cli.hpp"

namespace nsai::node {

/// Measures every GPU of the nodes by a job of its own and shows what each really does. Those that
/// stay in use are told as not measured. Gives the exit code: 0 when all were measured.
int probe_nodes(session& connection, std::vector<node_record> const& nodes,
                global_options const& global);

}  // namespace nsai::node

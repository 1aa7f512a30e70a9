#pragma once

namespace nsai::node {

/// From now on memory that is free goes back to the system within seconds, also while nothing else
/// happens. Starts a thread. Does nothing in a program without jemalloc.
void return_freed_memory();

}  // namespace nsai::node

#pragma once

namespace nsai::node {

/// From now on memory that is free goes back to the system within seconds, also while nothing else
/// happens. Starts a thread. Does nothing in a program without jemalloc.
void return_freed_memory();

/// As many descriptors as the system allows: each client has one. Programs of jobs keep the limit
/// that the keeper was started with.
void raise_descriptor_limit();

}  // namespace nsai::node

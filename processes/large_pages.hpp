#pragma once

#include <memory_resource>

namespace nsai::processes {

/// Memory for large tables that are read at random: what has more than 1 MiB lies on pages of 2 MiB
/// where the kernel has some (madvise(2), MADV_HUGEPAGE). In a table of a hundred MB the
/// translation of addresses by pages of 4 KiB takes longer than the memory itself. What is smaller
/// lies on the heap. For any thread; it throws std::bad_alloc.
std::pmr::memory_resource* large_pages();

}  // namespace nsai::processes

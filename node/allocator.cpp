#include "node/allocator.hpp"

#include <cstddef>

#include <spdlog/spdlog.h>

extern "C" {
// jemalloc's, where the program is linked with it. By its own default it keeps free memory for ten
// seconds.
extern char const* const malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:0";
int mallctl(char const* name, void* old_value, std::size_t* old_size, void* new_value,
            std::size_t new_size) __attribute__((weak));
}

namespace nsai::node {

void return_freed_memory() {
  bool on = true;
  if (mallctl != nullptr && ::mallctl("background_thread", nullptr, nullptr, &on, sizeof on) != 0)
    spdlog::warn("the allocator has no thread of its own: free memory goes back later");
}

}  // namespace nsai::node

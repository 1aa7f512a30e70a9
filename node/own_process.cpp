#include "node/own_process.hpp"

#include <cstddef>

#include <spdlog/spdlog.h>
#include <sys/resource.h>

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

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace nsai::node

#include "processes/large_pages.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include <sys/mman.h>

namespace nsai::processes {
namespace {

constexpr std::size_t page = std::size_t{2} << 20;

bool lies_on_heap(std::size_t bytes, std::size_t alignment) {
  return bytes <= page / 2 || alignment > page;
}

std::size_t rounded(std::size_t bytes) {
  return (bytes + page - 1) / page * page;
}

class large_page_memory : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (lies_on_heap(bytes, alignment))
      return ::operator new(bytes, std::align_val_t(alignment));
    if (bytes > std::numeric_limits<std::size_t>::max() - 2 * page)
      throw std::bad_alloc();
    // A page more than needed, so that it holds a start of a large one; what is over goes back.
    auto const size = rounded(bytes);
    auto* const all =
        ::mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
      throw std::bad_alloc();
    auto* const from = static_cast<std::byte*>(all);
    auto const before =
        rounded(reinterpret_cast<std::uintptr_t>(all)) - reinterpret_cast<std::uintptr_t>(all);
    if (before > 0)
      ::munmap(from, before);
    ::munmap(from + before + size, page - before);
    ::madvise(from + before, size, MADV_HUGEPAGE);  // without it, it is memory all the same
    return from + before;
  }
  void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
    if (lies_on_heap(bytes, alignment))
      ::operator delete(at, std::align_val_t(alignment));
    else
      ::munmap(at, rounded(bytes));
  }
  bool do_is_equal(std::pmr::memory_resource const& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace

std::pmr::memory_resource* large_pages() {
  static large_page_memory memory;
  return &memory;
}

}  // namespace nsai::processes

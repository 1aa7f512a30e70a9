#pragma once

#include <algorithm>
#include <memory_resource>

namespace nsai::scheduling::tests {

/// The heap, with a count of what is taken of it.
class counted_memory : public std::pmr::memory_resource {
 public:
  std::size_t bytes = 0;  // now
  std::size_t pieces = 0;
  std::size_t largest = 0;  // ever taken at once

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    bytes += size;
    ++pieces;
    largest = std::max(largest, size);
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* at, std::size_t size, std::size_t alignment) override {
    bytes -= size;
    --pieces;
    std::pmr::new_delete_resource()->deallocate(at, size, alignment);
  }
  bool do_is_equal(std::pmr::memory_resource const& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace nsai::scheduling::tests

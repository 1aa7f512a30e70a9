#include "processes/large_pages.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nsai;

namespace {

constexpr std::size_t page = std::size_t{2} << 20;

/// What the kernel was told of the pages at an address: VmFlags of /proc/self/smaps.
std::string flags_of(void const* at) {
  auto const wanted = reinterpret_cast<std::uintptr_t>(at);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char dash = 0;
    std::istringstream text(line);
    if (text >> std::hex >> from >> dash >> to && dash == '-')
      inside = from <= wanted && wanted < to;
    else if (inside && line.starts_with("VmFlags:"))
      return line + " ";
  }
  return {};
}

/// Of all the memory that this process has asked for.
std::int64_t address_space() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

}  // namespace

TEST_CASE(
    "large pages: a large table begins with a page, is all there, and is told to the kernel") {
  auto* const memory = processes::large_pages();
  for (auto const bytes : {page / 2 + 1, page - 1, page, 3 * page + 5}) {
    CAPTURE(bytes);
    auto* const at = static_cast<unsigned char*>(memory->allocate(bytes));
    CHECK(reinterpret_cast<std::uintptr_t>(at) % page == 0);
    std::fill(at, at + bytes, static_cast<unsigned char>(7));
    CHECK(std::count(at, at + bytes, 7) == static_cast<std::ptrdiff_t>(bytes));
    // A kernel without transparent large pages knows no such flag and says so by EINVAL.
    if (std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
      CHECK(flags_of(at).find(" hg ") != std::string::npos);
    memory->deallocate(at, bytes);
    CHECK(flags_of(at).find(" hg ") == std::string::npos);
  }
}

TEST_CASE("large pages: nothing is kept beyond whole pages, and nothing after the end") {
  constexpr std::size_t many = 40;
  constexpr auto little = static_cast<std::int64_t>(4 * page);
  auto* const memory = processes::large_pages();
  for (auto const bytes : {page, page + 5}) {
    CAPTURE(bytes);
    auto const before = address_space();
    std::vector<void*> all;
    for (std::size_t i = 0; i < many; ++i)
      all.push_back(memory->allocate(bytes));
    auto const taken = static_cast<std::int64_t>(many * ((bytes + page - 1) / page * page));
    CHECK(address_space() - before >= taken);
    CHECK(address_space() - before < taken + little);
    for (auto* const each : all)
      memory->deallocate(each, bytes);
    CHECK(address_space() - before < little);
  }
  CHECK_THROWS_AS(
      static_cast<void>(memory->allocate(std::numeric_limits<std::size_t>::max() - page / 2)),
      std::bad_alloc);
}

TEST_CASE("large pages: what is small lies on the heap, at any alignment") {
  auto* const memory = processes::large_pages();
  for (auto const bytes : {std::size_t{1}, std::size_t{4096}, page / 2})
    for (std::size_t const alignment : {8, 64, 4096}) {
      auto* const at = memory->allocate(bytes, alignment);
      CHECK(reinterpret_cast<std::uintptr_t>(at) % alignment == 0);
      memory->deallocate(at, bytes, alignment);
    }
  auto* const wide = memory->allocate(1, 2 * page);
  CHECK(reinterpret_cast<std::uintptr_t>(wide) % (2 * page) == 0);
  memory->deallocate(wide, 1, 2 * page);
}

// libFuzzer's entry; NSAI_FUZZ_TARGET names the target (scripts/fuzz sets it).
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.hpp"

namespace {

nsai::fuzz::target chosen() {
  char const* name = std::getenv("NSAI_FUZZ_TARGET");
  auto const& all = nsai::fuzz::targets();
  auto const found = all.find(name != nullptr ? name : "");
  if (found == all.end()) {
    std::fprintf(stderr, "NSAI_FUZZ_TARGET: %s is not known; expected one of",
                 name ? name : "nothing");
    for (auto const& [known, target] : all)
      std::fprintf(stderr, " %s", known.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  return found->second;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static auto const target = chosen();
  target({reinterpret_cast<char const*>(data), size});
  return 0;
}

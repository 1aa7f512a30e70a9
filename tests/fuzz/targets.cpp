#include "tests/fuzz/targets.hpp"

#include <cstdio>
#include <cstdlib>

namespace nsai::fuzz {

std::map<std::string, target> const& targets() {
  static std::map<std::string, target> const all{
      {"config", config},     {"experiment", experiment}, {"proposer", proposer},
      {"words", words},       {"frames", frames},         {"hosts", hosts},
      {"spool", spool},       {"messages", messages},     {"simulation", simulation},
      {"matrices", matrices}, {"answers", answers},       {"texts", texts},
      {"networks", networks}};
  return all;
}

void require(bool holds, char const* what) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace nsai::fuzz

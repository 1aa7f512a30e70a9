#include "stages/text/antonyms.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

struct axis_words {
  std::string_view positive;
  std::string_view negative;
};

constexpr std::array axes{
    axis_words{"increase raise elevate enhance augment upregulate upregulation higher high more "
               "greater rise grow growth amplify improve",
               "decrease reduce reduction lower low diminish downregulate downregulation less "
               "fewer decline fall drop attenuate impair impairment worsen shrink"},
    axis_words{"activate activator stimulate induce promote trigger enable facilitate drive",
               "inhibit inhibitor suppress repress block prevent silence abolish disrupt impede"},
    axis_words{"positive positively", "negative negatively"},
    axis_words{"present presence", "absent"},
    axis_words{"gain", "loss lose"},
    axis_words{"fast faster quick quicker rapid accelerate speed", "slow slower delay decelerate"},
    axis_words{"large larger big bigger long longer", "small smaller short shorter"},
    axis_words{"protect protective safe benefit beneficial", "harm harmful risk toxic damage"},
    axis_words{"sensitive sensitivity susceptible", "resistant resistance insensitive refractory"},
    axis_words{"dependent require essential necessary", "independent dispensable unnecessary"},
    axis_words{"similar same equal identical", "different differ distinct unequal"},
    axis_words{"support confirm", "refute contradict disprove"},
    axis_words{"strong stronger", "weak weaker"},
    axis_words{"early earlier before", "late later after"},
    axis_words{"always every", "seldom"},
    axis_words{"acute", "chronic"},
    axis_words{"benign", "malignant"},
    axis_words{"maximum maximal most best", "minimum minimal least worst"},
    axis_words{"common frequent", "uncommon rare infrequent"},
    axis_words{"affect change alter", "unaffected unchanged unaltered"},
    axis_words{"open", "closed"},
    axis_words{"upstream", "downstream"},
    axis_words{"better", "worse"},
    axis_words{"succeed success successful", "unsuccessful"},
};
static_assert(axes.size() <= direction_axes);

template <class Take>
void each_word(std::string_view words, Take const& take) {
  while (!words.empty()) {
    auto const end = std::min(words.find(' '), words.size());
    if (end > 0)
      take(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

std::unordered_map<std::uint64_t, direction> direction_table() {
  std::unordered_map<std::uint64_t, direction> table;
  for (std::size_t i = 0; i < axes.size(); ++i)
    for (bool const positive : {true, false})
      each_word(positive ? axes[i].positive : axes[i].negative, [&](std::string_view word) {
        table.try_emplace(word_key(stem_of(std::string{word})),
                          direction{static_cast<std::uint8_t>(i), positive});
      });
  return table;
}

}  // namespace

std::optional<direction> direction_of(std::uint64_t word) {
  static auto const table = direction_table();
  auto const found = table.find(word);
  return found == table.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace nsai::stages

#include "stages/learning/cue_words.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nsai::stages {
namespace {

/// The beginnings of words, or whole ones where an equals sign ends them. Of two that fit the
/// longer one counts.
constexpr std::array negation_words{
    "not=",  "no=",  "never=",   "without=", "neither=", "nor=",   "cannot=",
    "none=", "lack", "absence=", "absent=",  "fail",     "unable="};
constexpr std::array up_words{"increas",    "rais",      "rise",      "rising",      "enhanc",
                              "elevat",     "higher=",   "high=",     "greater=",    "more=",
                              "upregulat",  "induc",     "promot",    "stimulat",    "activat",
                              "improv",     "gain",      "exacerbat", "accelerat",   "augment",
                              "longer=",    "larger=",   "positive=", "positively=", "amplif",
                              "strengthen", "facilitat", "perpetuat", "overexpress", "hyper",
                              "grow",       "doubl",     "faster=",   "speed"};
constexpr std::array down_words{
    "decreas", "reduc",    "low=",      "lower",     "fewer=",    "less=",       "downregulat",
    "inhibit", "suppress", "block",     "prevent",   "impair",    "diminish",    "declin",
    "loss=",   "attenuat", "deactivat", "inactivat", "slow",      "shorter=",    "smaller=",
    "wors",    "deficien", "deplet",    "disrupt",   "negative=", "negatively=", "protect",
    "limit",   "halv",     "drop",      "fall=",     "falls=",    "fell="};
constexpr std::array good_words{
    "effective",  "benefi",     "success",   "associat",   "correlat", "predictive=", "significant",
    "important=", "necessary=", "required=", "essential=", "safe=",    "superior=",   "accurate"};
constexpr std::array bad_words{
    "ineffective",   "inferior=",    "inaccurate",    "unrelated=", "independent",
    "insignificant", "unnecessary=", "dispensable=",  "unsafe=",    "harmful=",
    "insufficient",  "insensitive=", "uncorrelated=", "rarely="};

bool fits(std::string_view word, std::string_view entry) {
  return entry.ends_with('=') ? word == entry.substr(0, entry.size() - 1) : word.starts_with(entry);
}

}  // namespace

std::optional<cue> cue_of(std::string_view word) {
  std::optional<cue> found;
  std::size_t length = 0;
  auto const look = [&](auto const& entries, cue what) {
    for (std::string_view const entry : entries)
      if (entry.size() > length && fits(word, entry)) {
        found = what;
        length = entry.size();
      }
  };
  look(negation_words, cue::negation);
  look(up_words, cue::up);
  look(down_words, cue::down);
  look(good_words, cue::good);
  look(bad_words, cue::bad);
  return found;
}

}  // namespace nsai::stages

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "messages/field_list.hpp"
#include "stages/data/statistics.hpp"

namespace nsai::stages {

/// How well predicted classes match gold ones. An empty denominator gives 0.
struct classification {
  struct per_class {
    double precision = 0;
    double recall = 0;
    double f1 = 0;              // 2PR / (P + R)
    std::int64_t examples = 0;  // gold
    std::int64_t predicted = 0;
  };

  double accuracy = 0;
  double macro_f1 = 0;  // as in statistics.hpp: over the classes that occur
  std::vector<per_class> classes;
  std::vector<std::vector<std::int64_t>> confusion;  // [gold][predicted]
};

/// Both have as many entries, each below `classes`.
classification classify(std::span<std::uint32_t const> gold,
                        std::span<std::uint32_t const> predicted, std::size_t classes);

/// {"accuracy", "macro_f1", "per_class": {name: {...}}, "confusion": {gold: {predicted: n}}}
json to_json(classification const& scores, std::vector<std::string> const& names);

/// 95 % bootstrap (statistics.hpp) over the examples. Of several runs over the same examples the
/// mean counts. `against`, a prediction of each example, gives intervals of the difference.
struct bootstrap_intervals {
  interval accuracy;
  interval macro_f1;
};
bootstrap_intervals bootstrap_scores(std::span<std::uint32_t const> gold,
                                     std::vector<std::vector<std::uint32_t>> const& runs,
                                     std::size_t classes, std::uint64_t resamples,
                                     std::uint64_t seed,
                                     std::span<std::uint32_t const> against = {});

json to_json(bootstrap_intervals const& intervals);

/// Draws below `bound` > 0: the same for a seed everywhere, unlike the library's distributions.
class portable_random {
 public:
  explicit portable_random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();  // SplitMix64 (Steele, Lea and Flood 2014)
  std::uint64_t below(std::uint64_t bound);

  template <class T>
  void shuffle(std::vector<T>& list) {
    for (auto left = list.size(); left > 1; --left)
      std::swap(list[left - 1], list[below(left)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace nsai::stages

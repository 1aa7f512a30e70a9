#include "stages/learning/fit.hpp"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "stages/learning/classification.hpp"
#include "tests/support/numbers.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

using labels = std::vector<std::uint32_t>;

/// Points whose class is the quadrant's sign product: no line divides them.
struct crossed_points {
  explicit crossed_points(std::uint64_t seed) : values(tests::noise(2 * 120, seed)) {
    for (std::size_t i = 0; i < 120; ++i)
      of.push_back(values[2 * i] * values[2 * i + 1] > 0 ? 1 : 0);
  }
  examples view() const { return {{values.data(), 120, 2}, of}; }
  std::vector<float> values;
  labels of;
};

}  // namespace

TEST_CASE("an epoch shows every example once, or every class as often as the largest") {
  labels const of{0, 0, 0, 0, 0, 1, 1, 2};
  auto const plain = epoch_order(of, 3, false, 1, 0);
  CHECK(plain.size() == 8);
  CHECK(std::set<std::uint32_t>(plain.begin(), plain.end()).size() == 8);
  auto const even = epoch_order(of, 3, true, 1, 0);
  CHECK(even.size() == 15);
  labels counts(8, 0);
  for (auto const row : even)
    ++counts[row];
  CHECK(std::count(counts.begin(), counts.begin() + 5, 1U) == 5);
  CHECK(counts[5] + counts[6] == 5);  // 3 and 2
  CHECK(std::max(counts[5], counts[6]) == 3);
  CHECK(counts[7] == 5);
  CHECK(epoch_order(of, 4, true, 1, 0).size() == 15);  // a class without examples stays without
  CHECK(epoch_order({}, 3, true, 1, 0).empty());
}

TEST_CASE("an epoch's order depends on seed and epoch alone") {
  labels const of(50, 0);
  CHECK(epoch_order(of, 1, true, 3, 4) == epoch_order(of, 1, true, 3, 4));
  CHECK(epoch_order(of, 1, true, 3, 4) != epoch_order(of, 1, true, 3, 5));
  CHECK(epoch_order(of, 1, true, 3, 4) != epoch_order(of, 1, true, 4, 4));
}

TEST_CASE("what no line divides is learned, and told epoch by epoch") {
  crossed_points const train{1}, dev{2};
  fit_options options;
  options.epochs = 60;
  options.learning_rate = 0.02F;
  std::size_t steps = 0, epochs = 0;
  fit_hooks hooks;
  hooks.step = [&](auto, auto, auto, auto) { ++steps; };
  hooks.epoch_done = [&](fit_state const& now) { CHECK(now.history.size() == ++epochs); };
  auto const done = fit({}, train.view(), dev.view(), 2, options, cpu_compute(), hooks);
  CHECK(epochs == 60);
  CHECK(steps == done.network.steps);
  CHECK(done.history.front().train_loss > 2 * done.history.back().train_loss);
  CHECK(done.history.back().dev_accuracy > 0.9);
  auto const again = predict(done.network, dev.view().inputs, cpu_compute());
  CHECK(classify(dev.of, again, 2).accuracy == done.history.back().dev_accuracy);
}

TEST_CASE("training that goes on from any epoch ends with the same bits") {
  crossed_points const train{3}, dev{4};
  fit_options options;
  options.epochs = 6;
  std::vector<fit_state> after;
  fit_hooks hooks;
  hooks.epoch_done = [&](fit_state const& now) { after.push_back(now); };
  auto const whole = fit({}, train.view(), dev.view(), 2, options, cpu_compute(), hooks);
  for (auto const& from : after) {
    auto const resumed = fit(from, train.view(), dev.view(), 2, options, cpu_compute(), {});
    CHECK(resumed.network.parameters == whole.network.parameters);
    CHECK(resumed.network.second_moments == whole.network.second_moments);
    CHECK(resumed.history.back().train_loss == whole.history.back().train_loss);
    CHECK(resumed.history.size() == 6);
  }
  options.seed = 2;
  CHECK(fit({}, train.view(), dev.view(), 2, options, cpu_compute(), {}).network.parameters !=
        whole.network.parameters);
}

TEST_CASE("the nearest centroid by cosine, worked out by hand") {
  // Centroids: of class 0 (1, 0) and (3, 0): along (1, 0); of class 1 (0, 2): along (0, 1).
  // Cosines: (5, 1) nearer to class 0, (1, 5) to class 1; (2, 2) is as near to both: the first.
  std::vector<float> const train{1, 0, 3, 0, 0, 2}, rows{5, 1, 1, 5, 2, 2};
  labels const of{0, 0, 1};
  CHECK(nearest_centroid({{train.data(), 3, 2}, of}, {rows.data(), 3, 2}, 2) == labels{0, 1, 0});
}

TEST_CASE("the majority is the most frequent label, of equal ones the first") {
  CHECK(majority(labels{2, 1, 2}, 3) == 2);
  CHECK(majority(labels{2, 1}, 3) == 1);
  CHECK(majority({}, 3) == 0);
}

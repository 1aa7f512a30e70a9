#include "stages/topology.hpp"

#include <algorithm>
#include <cmath>

#include "stages/npy.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"
#include "stages/vietoris_rips.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_bars_shown = 50;

/// Distances take 4 bytes, and the reduction 6, for each pair: some GB for this many.
constexpr std::size_t most_points = 16'384;

float length_of(persistence_bar const& bar, float upper_scale) {
  return std::min(bar.death, upper_scale) - bar.birth;
}

json number_or_null(float x) {
  return std::isfinite(x) ? json(x) : json(nullptr);
}

/// `count` scales from 0 to the upper one, with the number of loops at each.
json curve_of(rips_persistence const& found, std::size_t count) {
  std::vector<float> scales(count);
  for (std::size_t i = 0; i < count; ++i)
    scales[i] = found.upper_scale * static_cast<float>(i) / static_cast<float>(count - 1);
  auto const betti = betti1_curve(found, scales);
  json curve = json::array();
  for (std::size_t i = 0; i < count; ++i)
    curve.push_back({{"scale", scales[i]}, {"betti1", betti[i]}});
  return curve;
}

std::vector<persistence_bar> longest_first(rips_persistence const& found) {
  auto bars = found.h1;
  std::stable_sort(bars.begin(), bars.end(), [&](auto const& a, auto const& b) {
    return length_of(a, found.upper_scale) > length_of(b, found.upper_scale);
  });
  return bars;
}

class topology final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "topology";
    d.summary = on_its_device("finds the loops of a cloud of points by their persistence");
    d.backend = "stage_host";
    auto points = option("points", "any", nullptr,
                         "path of an .npy file, or an array of rows: at most 16384 points");
    points.required = true;
    d.options = {
        points,
        at_least(option("max_scale", "number", 0,
                        "distances beyond it are not looked at; 0: all that matter"),
                 0),
        between(option("scales", "integer", 32, "how many points the curve has"), 2, 10'000)};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const points = matrix_of(options.at("points"), "options.points", ctx.base_dir());
    if (points.rows > most_points)
      throw shape_error("options.points", std::to_string(points.rows) + " rows",
                        "at most " + std::to_string(most_points));
    auto& device = device_of(env);
    auto const distances = device.distances(points.view(), hooks_of(env, "distances"));
    auto const wish = options.at("max_scale").get<float>();
    auto const found = vietoris_rips(distances, points.rows,
                                     wish > 0 ? std::optional{wish} : std::nullopt, env.stop);
    if (found.stopped)
      return outcome::stopped();
    auto const bars = longest_first(found);
    write_bars(env, bars);

    json metrics{{"points", points.rows},
                 {"columns", points.columns},
                 {"upper_scale", found.upper_scale},
                 {"loops", bars.size()},
                 {"max_persistence", max_persistence(found)},
                 {"total_persistence", total_persistence(found)}};
    json result = metrics;
    result["device"] = device_in_words(env, device);
    result["curve"] = curve_of(found, options.at("scales").get<std::size_t>());
    result["bars"] = json::array();
    for (std::size_t i = 0; i < std::min(bars.size(), most_bars_shown); ++i)
      result["bars"].push_back(
          {{"birth", bars[i].birth}, {"death", number_or_null(bars[i].death)}});
    result["all_bars"] = "bars.npy";
    ctx.metrics["topology"] = std::move(metrics);
    return outcome::success(std::move(result), std::move(ctx));
  }

 private:
  static void write_bars(stage_env const& env, std::vector<persistence_bar> const& bars) {
    std::vector<float> flat;
    for (auto const& bar : bars) {
      flat.push_back(bar.birth);
      flat.push_back(bar.death);
    }
    write_npy(env.artifacts / "bars.npy", flat, bars.size());
  }
};

}  // namespace

std::unique_ptr<stage> make_topology() {
  return std::make_unique<topology>();
}

}  // namespace nsai::stages

#include "stages/data/bench.hpp"

#include <algorithm>

#include "messages/suggest.hpp"
#include "stages/compute.hpp"
#include "stages/context_data.hpp"
#include "stages/data/result_set.hpp"
#include "stages/data/statistics.hpp"
#include "stages/experiment.hpp"
#include "stages/option_list.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

std::vector<std::string> const& bench_metric_names() {
  static std::vector<std::string> const names{"mean", "standard_deviation", "accuracy", "f1"};
  return names;
}

/// Labels as numbers, in the order in which they occur.
struct numbered_labels {
  std::vector<std::size_t> gold;
  std::vector<std::size_t> predicted;
};

numbered_labels number_labels(std::vector<single_result> const& results) {
  std::map<std::string, std::size_t> numbers;
  for (auto const& each : results) {
    numbers.try_emplace(each.gold, numbers.size());
    numbers.try_emplace(each.predicted, numbers.size());
  }
  numbered_labels labels;
  for (auto const& each : results) {
    labels.gold.push_back(numbers.at(each.gold));
    labels.predicted.push_back(numbers.at(each.predicted));
  }
  return labels;
}

class benching {
 public:
  benching(std::vector<single_result> results, json const& options, stage_env& env)
      : results_(std::move(results)),
        env_(env),
        seed_(options.value("seed", std::uint64_t{0})),
        resamples_(options.value("resamples", std::size_t{10'000})),
        level_(options.value("level", 0.95)) {
    for (auto const& each : results_)
      values_.push_back(each.value);
    labelled_ = !results_.empty() && std::all_of(results_.begin(), results_.end(),
                                                 [](auto const& r) { return r.labelled; });
  }

  void metric(std::string const& name) {
    if (results_.empty())
      leave_out(name, "there are no results");
    else if ((name == "accuracy" || name == "f1") && !labelled_)
      leave_out(name, "the results have no gold and predicted labels");
    else if (name == "standard_deviation")
      told_[name] = standard_deviation(values_);
    else if (name == "f1")
      told_[name] = f1();
    else
      told_[name] = with_interval(mean_of(values_),
                                  bootstrap_mean(values_, seed_, resamples_, level_, env_.stop));
    if (env_.stop.stop_requested())
      throw compute_stopped{};
  }

  void compare(std::vector<single_result> const& other) {
    auto const pairs = pair_results(results_, other, "options.against");
    std::vector<double> differences;
    for (std::size_t i = 0; i < pairs.first.size(); ++i)
      differences.push_back(pairs.first[i] - pairs.second[i]);
    auto const range = bootstrap_mean(differences, seed_, resamples_, level_, env_.stop);
    told_["paired"] = {{"n", differences.size()},
                       {"difference", mean_of(differences)},
                       {"low", range.low},
                       {"high", range.high},
                       {"p", sign_flip_p(differences, seed_, resamples_, env_.stop)}};
  }

  json finish() {
    told_["n"] = results_.size();
    told_["seed"] = seed_;
    told_["resamples"] = resamples_;
    told_["level"] = level_;
    told_["notes"] = notes_;
    return std::move(told_);
  }

 private:
  void leave_out(std::string const& name, char const* why) {
    told_[name] = nullptr;
    notes_[name] = why;
  }

  static json with_interval(double value, interval const& range) {
    return {{"value", value}, {"low", range.low}, {"high", range.high}};
  }

  json f1() {
    auto const labels = number_labels(results_);
    std::vector<std::size_t> gold(results_.size()), predicted(results_.size());
    auto const drawn_f1 = [&](auto drawn) {
      for (std::size_t i = 0; i < drawn.size(); ++i) {
        gold[i] = labels.gold[drawn[i]];
        predicted[i] = labels.predicted[drawn[i]];
      }
      return macro_f1(gold, predicted);
    };
    auto const range = bootstrap(results_.size(), seed_, resamples_, level_, drawn_f1, env_.stop);
    return with_interval(macro_f1(labels.gold, labels.predicted), range);
  }

  std::vector<single_result> results_;
  stage_env& env_;
  std::uint64_t seed_;
  std::size_t resamples_;
  double level_;
  std::vector<double> values_;
  bool labelled_ = false;
  json told_ = json::object();
  json notes_ = json::object();
};

class bench final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "bench";
    d.summary = "statistics with confidence intervals, and paired comparison of two result sets";
    d.backend = "stage_host";
    d.options = {
        option("metrics", "array", bench_metric_names(), "which statistics"),
        option("of", "string", "labels", "labels, or the path of an array in the context"),
        option("against", "string", "", "another set: a path in the context, or of a JSON file"),
        at_least(option("seed", "integer", 0, "of the resampling"), 0),
        between(option("resamples", "integer", 10'000, "for intervals and the p-value"), 100,
                1'000'000),
        between(option("level", "number", 0.95, "of the intervals"), 0, 1)};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const of = options.value("of", std::string{"labels"});
    if (of == "labels" && !has_dataset(ctx))
      return no_dataset();
    auto const results =
        of == "labels" ? verdict_results(dataset_of(ctx)) : results_at(ctx, of, "options.of");
    benching measured{results, options, env};
    auto const wanted = metrics_of(options);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (env.progress)
        env.progress(static_cast<double>(i) / static_cast<double>(wanted.size()),
                     "measuring " + wanted[i]);
      measured.metric(wanted[i]);
    }
    if (auto const against = options.value("against", std::string{}); !against.empty())
      measured.compare(other_results(ctx, against));
    auto told = measured.finish();
    keep(results, ctx, env);
    ctx.metrics["bench"] = told;
    return outcome::success(std::move(told), std::move(ctx));
  }

 private:
  static std::vector<std::string> metrics_of(json const& options) {
    auto wanted = bench_metric_names();
    if (auto const given = options.find("metrics"); given != options.end())
      try {
        read_json(*given, wanted);
      } catch (shape_error const& e) {
        throw e.inside("options.metrics");
      }
    auto const& known = bench_metric_names();
    for (auto const& name : wanted)
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw shape_error("options.metrics", "\"" + name + "\" is not allowed",
                          "some of " + joined(known));
    return wanted;
  }

  static std::vector<single_result> results_at(context const& ctx, std::string const& path,
                                               std::string const& option_name) {
    auto const whole = write_json(ctx);
    auto const* found = find_path(whole, path);
    if (found == nullptr)
      throw shape_error(option_name, "the context has nothing at " + path,
                        "\"labels\", or the path of an array of results");
    return results_from(*found, path);
  }

  static std::vector<single_result> other_results(context const& ctx, std::string const& against) {
    auto const whole = write_json(ctx);
    if (auto const* found = find_path(whole, against))
      return results_from(*found, against);
    auto const file = ctx.base_dir() / against;
    if (!std::filesystem::is_regular_file(file))
      throw shape_error(
          "options.against",
          "the context has nothing at " + against + ", nor is " + file.string() + " a file",
          "a path of the context, or of a JSON file with results");
    return results_from(read_document(file), file.filename().string());
  }

  static void keep(std::vector<single_result> const& results, context& ctx, stage_env const& env) {
    if (env.artifacts.empty())
      return;
    auto const file = env.artifacts / "bench_results.json";
    write_whole_file(file, to_json(results).dump(1) + "\n");
    ctx.artifacts.push_back(
        {{"name", "bench_results.json"}, {"kind", "results"}, {"path", file.string()}});
  }
};

}  // namespace

std::unique_ptr<stage> make_bench() {
  return std::make_unique<bench>();
}

}  // namespace nsai::stages

#include "stages/learning/training.hpp"

#include <bit>

#include <fmt/format.h>

#include "stages/data/statistics.hpp"
#include "stages/learning/classification.hpp"
#include "stages/learning/training_run.hpp"
#include "stages/learning/verifier_data.hpp"
#include "stages/learning/verifier_model.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"
#include "stages/reporting/figures.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// What is learned from and what is looked at afterwards, as features.
struct learning_set {
  std::vector<claim_pair> pairs;
  std::vector<std::uint32_t> labels;
  matrix features;

  examples view() const { return {features.view(), labels}; }
};

json named_labels() {
  return enum_names(verdict{});
}

std::size_t class_count() {
  return enum_names(verdict{}).size();
}

/// One training as the options ask for it, from its data to its metrics.
class training_job {
 public:
  training_job(context const& ctx, json const& options, stage_env& env)
      : ctx_(ctx), options_(options), env_(env), device_(device_of(env)) {}

  /// Null, or what is wrong with the data.
  std::optional<error_info> load() {
    auto reading = env_.part(0, 0.01);
    auto loaded = load_verifier_data(ctx_, options_, reading);
    if (auto* const fault = std::get_if<error_info>(&loaded))
      return *fault;
    source_ = std::move(std::get<verifier_data>(loaded));
    auto found = pairs_of(source_.data.claims, source_.texts);
    counts_["train"] = write_json(found.counts);
    if (auto fault = load_dev(found))
      return fault;
    tell_missing("train");
    tell_missing("dev");
    for (auto const* side : {&train_, &dev_})
      if (side->pairs.empty()) {
        auto fault = error_of(
            "stage", "no_pairs",
            fmt::format("{}: no claim cites a document that the corpus has; expected pairs of "
                        "claim and abstract to learn from and to look at",
                        side == &train_ ? "claims" : "dev_claims"));
        fault.retryable = false;
        return fault;
      }
    return std::nullopt;
  }

  void prepare() {
    pair_reader const reader{source_.texts};
    auto const buckets = options_.at("buckets").get<std::uint32_t>();
    auto const reading = env_.part(0.02, 0.05);
    auto const fill = [&](learning_set& set, pair_reader const& by) {
      set.labels = labels_of(set.pairs);
      set.features = pair_features(read_pairs(by, set.pairs, env_), buckets, device_,
                                   hooks_of(reading, "reading the claims"));
    };
    fill(train_, reader);
    if (dev_texts_.documents().empty())
      fill(dev_, reader);
    else
      fill(dev_, pair_reader{dev_texts_});
  }

  json train() {
    auto setup = runs_setup();
    training_runs runs{std::move(setup), device_, listener()};
    auto const done = runs.run();
    resumed_ = runs.resumed_epochs();
    return metrics_of(done);
  }

  compute& device() const { return device_; }
  std::size_t resumed() const { return resumed_; }

 private:
  /// The dev claims that are named, else a part of the others.
  std::optional<error_info> load_dev(claim_pairs& found) {
    json given = json::object();
    if (auto const& path = options_.at("dev_claims"); path != "") {
      given["claims"] = path;
      if (options_.at("corpus") != "")
        given["corpus"] = options_.at("corpus");
    } else if (auto const& name = options_.at("dev_dataset"); name != "") {
      given["dataset"] = name;
    }
    if (given.empty()) {
      auto const sides = split_by_document(found.pairs, options_.at("dev_share").get<double>(),
                                           options_.at("seed").get<std::uint64_t>());
      for (auto const i : sides.first)
        train_.pairs.push_back(found.pairs[i]);
      for (auto const i : sides.second)
        dev_.pairs.push_back(found.pairs[i]);
      dev_words_ = "split by document";
      counts_["train"]["pairs"] = train_.pairs.size();
      counts_["dev"] = {{"pairs", dev_.pairs.size()}};
      tell_labels();
      return std::nullopt;
    }
    train_.pairs = std::move(found.pairs);
    auto reading = env_.part(0.01, 0.02);
    auto loaded = load_verifier_data(ctx_, given, reading);
    if (auto* const fault = std::get_if<error_info>(&loaded)) {
      fault->message = "dev: " + fault->message;
      return *fault;
    }
    auto& dev = std::get<verifier_data>(loaded);
    dev_texts_ = std::move(dev.texts);
    auto const& texts = dev_texts_.documents().empty() ? source_.texts : dev_texts_;
    auto pairs = pairs_of(dev.data.claims, texts);
    counts_["dev"] = write_json(pairs.counts);
    dev_.pairs = std::move(pairs.pairs);
    dev_words_ = "dev claims";
    tell_shared();
    return std::nullopt;
  }

  /// The labels of both sides of a split.
  void tell_labels() {
    for (auto const* side : {"train", "dev"}) {
      auto const& set = std::string_view{side} == "train" ? train_ : dev_;
      for (auto const& name : enum_names(verdict{}))
        counts_[side][name] =
            std::count_if(set.pairs.begin(), set.pairs.end(),
                          [&](auto const& pair) { return to_string(pair.label) == name; });
    }
  }

  void tell_missing(std::string const& side) {
    auto const missing = counts_[side].value("missing_documents", std::int64_t{0});
    if (missing > 0)
      note(
          fmt::format("{}: {} documents that claims cite are not in the corpus; {} claims have "
                      "no other",
                      side, missing, counts_[side].at("claims_without_pair").dump()));
  }

  /// SciFact's own dev claims cite documents that its training claims cite, too.
  void tell_shared() {
    std::set<std::string> documents;
    for (auto const& pair : train_.pairs)
      documents.insert(pair.evidence->id);
    auto const shared = std::count_if(dev_.pairs.begin(), dev_.pairs.end(), [&](auto const& pair) {
      return documents.contains(pair.evidence->id);
    });
    counts_["dev"]["pairs_of_training_documents"] = shared;
    if (shared > 0)
      note(fmt::format("{} of {} dev pairs are of documents that training claims cite", shared,
                       dev_.pairs.size()));
  }

  void note(std::string text) {
    if (env_.log)
      env_.log(text);
    notes_.push_back(std::move(text));
  }

  training_runs::setup runs_setup() const {
    fit_options fit;
    fit.epochs = options_.at("epochs").get<std::uint32_t>();
    fit.batch_size = options_.at("batch_size").get<std::uint32_t>();
    fit.learning_rate = options_.at("learning_rate").get<float>();
    fit.seed = options_.at("seed").get<std::uint64_t>();
    fit.balance = options_.at("balance").get<bool>();
    fit.hidden = options_.at("hidden").get<std::uint32_t>();
    auto const seeds = options_.at("seeds").get<std::uint32_t>();
    auto hash = fnv1a(options_.dump() + std::to_string(pair_features_version));
    hash = fingerprint_of(dev_.pairs, fingerprint_of(train_.pairs, hash));
    auto const about = about_verifier(options_.at("model_type").get<std::string>(),
                                      options_.at("buckets").get<std::uint32_t>(), options_);
    return {train_.view(),
            dev_.view(),
            class_count(),
            fit,
            seeds,
            env_.artifacts,
            fmt::format("{:016x}", hash),
            about};
  }

  training_runs::listener listener() const {
    training_runs::listener tell;
    tell.progress = [this, learning = env_.part(0.05, 0.95)](double fraction,
                                                             std::string const& text) {
      if (env_.stop.stop_requested())
        throw compute_stopped{};
      if (learning.progress)
        learning.progress(fraction, text);
    };
    tell.log = [this](std::string const& line) {
      if (env_.log)
        env_.log(line);
    };
    return tell;
  }

  json metrics_of(std::vector<trained_run> const& runs) const {
    auto const resamples = options_.at("resamples").get<std::uint64_t>();
    auto const seed = options_.at("seed").get<std::uint64_t>();
    std::vector<std::vector<std::uint32_t>> predictions;
    json list = json::array();
    std::vector<double> accuracies, f1s;
    for (auto const& run : runs) {
      auto const scores = classify(dev_.labels, run.predicted, class_count());
      accuracies.push_back(scores.accuracy);
      f1s.push_back(scores.macro_f1);
      list.push_back(
          {{"seed", run.seed}, {"accuracy", scores.accuracy}, {"macro_f1", scores.macro_f1}});
      predictions.push_back(run.predicted);
    }
    auto const first =
        to_json(classify(dev_.labels, predictions.front(), class_count()), named_labels());
    json metrics{{"model_type", options_.at("model_type")},
                 {"dataset", source_.name},
                 {"dev", dev_words_},
                 {"dev_accuracy", mean_of(accuracies)},
                 {"dev_macro_f1", mean_of(f1s)},
                 {"intervals", to_json(bootstrap_scores(dev_.labels, predictions, class_count(),
                                                        resamples, seed))},
                 {"per_class", first.at("per_class")},
                 {"confusion", first.at("confusion")},
                 {"loss_curve", to_json(runs.front().history)},
                 {"runs", std::move(list)},
                 {"deviation", {{"accuracy", deviation(accuracies)}, {"macro_f1", deviation(f1s)}}},
                 {"counts", counts_},
                 {"notes", notes_}};
    for (auto const* name : {"epochs", "batch_size", "learning_rate", "seed", "seeds", "hidden",
                             "buckets", "balance", "resamples"})
      metrics["options"][name] = options_.at(name);
    for (auto const& [name, predicted] : baselines()) {
      json scores = to_json(classify(dev_.labels, predicted, class_count()), named_labels());
      metrics["baselines"][name] = {
          {"accuracy", scores.at("accuracy")},
          {"macro_f1", scores.at("macro_f1")},
          {"intervals",
           to_json(bootstrap_scores(dev_.labels, {predicted}, class_count(), resamples, seed))},
          {"margin", to_json(bootstrap_scores(dev_.labels, predictions, class_count(), resamples,
                                              seed, predicted))}};
    }
    return metrics;
  }

  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> baselines() const {
    auto const hooks = hooks_of(env_.part(0.95, 1), "baselines");
    auto const train = bag_of_words(train_.pairs, device_, hooks);
    auto const dev = bag_of_words(dev_.pairs, device_, hooks);
    return {{"majority", std::vector<std::uint32_t>(dev_.labels.size(),
                                                    majority(train_.labels, class_count()))},
            {"nearest_centroid",
             nearest_centroid({train.view(), train_.labels}, dev.view(), class_count())}};
  }

  static json deviation(std::vector<double> const& values) {
    return values.size() < 2 ? json{} : json(standard_deviation(values));
  }

  context const& ctx_;
  json const& options_;
  stage_env& env_;
  compute& device_;
  verifier_data source_;
  corpus dev_texts_{{}};
  learning_set train_;
  learning_set dev_;
  std::string dev_words_;
  json counts_ = json::object();
  std::vector<std::string> notes_;
  std::size_t resumed_ = 0;
};

class training final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "training";
    d.summary = on_its_device("trains a network that verifies claims");
    d.backend = "stage_host";
    d.options = verifier_data_options();
    auto rate = option("learning_rate", "number", 0.002, "of Adam");
    rate.least = milli{0};
    rate.most = milli{1000};
    std::vector<option_description> const own{
        option("model_type", "string", "proposer", "what the model is for; stands in it"),
        option("dev_dataset", "string", "", "a data set whose claims are looked at, not learned"),
        option("dev_claims", "string", "", "path of such claims, of the same corpus"),
        between(option("dev_share", "number", 0.2, "without both: the share kept for that"), 0, 1),
        between(
            option("epochs", "integer", fit_options{}.epochs, "times that all examples are shown"),
            1, 10'000),
        between(option("batch_size", "integer", fit_options{}.batch_size, "examples a step"), 1,
                65'536),
        rate,
        between(option("seed", "integer", 1, "of weights, order, split and bootstrap"), 0,
                1'000'000'000),
        between(option("seeds", "integer", 1, "trainings, from this seed on; means are told"), 1,
                100),
        between(option("hidden", "integer", fit_options{}.hidden, "hidden units"), 1, 8192),
        between(option("buckets", "integer", 256, "of hashed features; a power of two"), 16,
                1 << 20),
        option("balance", "boolean", true, "show each class as often as the most frequent one"),
        between(option("resamples", "integer", 1000, "of the bootstrap"), 100, 100'000)};
    d.options.insert(d.options.end(), own.begin(), own.end());
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (auto const buckets = options.at("buckets").get<std::uint64_t>();
        !std::has_single_bit(buckets))
      throw shape_error("options.buckets", std::to_string(buckets) + " is not allowed",
                        "a power of two");
    fs::create_directories(env.artifacts);
    training_job job{ctx, options, env};
    if (auto fault = job.load()) {
      outcome refused;
      refused.error = std::move(*fault);
      return refused;
    }
    job.prepare();
    auto metrics = job.train();
    write_whole_file(env.artifacts / "loss.svg", loss_figure(metrics.at("loss_curve")));
    for (auto const& [name, kind] :
         {std::pair{"model.nsai", "model"}, std::pair{"loss.svg", "figure"}})
      ctx.artifacts.push_back(
          {{"name", name}, {"kind", kind}, {"path", (env.artifacts / name).string()}});
    auto result = metrics;
    result["device"] = device_in_words(env, job.device());
    result["resumed_epochs"] = job.resumed();
    result["model"] = "model.nsai";
    ctx.metrics["training"] = std::move(metrics);
    return outcome::success(std::move(result), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_training() {
  return std::make_unique<training>();
}

}  // namespace nsai::stages

#include "stages/data_load.hpp"

#include <sstream>
#include <stdexcept>

#include "messages/suggest.hpp"
#include "stages/data_lines.hpp"
#include "stages/option_list.hpp"
#include "stages/sample_data.hpp"
#include "stages/scifact.hpp"
#include "stages/sha256.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

struct source {
  std::string name;
  dataset_paths paths;
  fs::path base;  // of relative paths
  bool built_in = false;
  std::int64_t limit = 0;
};

std::string text(json const& object, char const* key) {
  auto const found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// Another node may know what this one does not, hence retryable.
struct unknown_dataset : std::runtime_error {
  using std::runtime_error::runtime_error;
};

source named(std::string const& name, stage_env const& env) {
  if (auto const found = env.datasets.find(name); found != env.datasets.end())
    return {name, found->second, {}, false, 0};
  if (name == "sample")
    return {name, {}, {}, true, 0};
  std::vector<std::string> names{"sample"};
  for (auto const& [known, paths] : env.datasets)
    names.push_back(known);
  auto const near = nearest(name, names);
  throw unknown_dataset(
      "dataset: this node's config has no data set \"" + name + "\"; expected " +
      (near.empty() ? "one of " + joined(names) : near + " (did you mean that?)"));
}

/// An experiment's `dataset`: a name, or an object with a name or with paths.
source of_experiment(json const& given, fs::path const& base, stage_env const& env) {
  if (given.is_string())
    return named(given.get<std::string>(), env);
  source from;
  if (!given.is_object())
    return from;
  from.name = text(given, "name");
  from.base = base;
  auto paths = given;
  paths.erase("name");
  if (auto const limit = paths.find("limit"); limit != paths.end()) {
    read_json(*limit, from.limit);
    paths.erase("limit");
  }
  try {
    read_json(paths, from.paths);
  } catch (shape_error const& e) {
    throw e.inside("dataset");
  }
  if (paths.empty() && !from.name.empty()) {
    auto const limit = from.limit;
    from = named(from.name, env);
    from.limit = limit;
  }
  return from;
}

source choose(context const& ctx, json const& options, stage_env const& env) {
  auto const base = ctx.base_dir();
  source from;
  dataset_paths const given{text(options, "claims"), text(options, "corpus"),
                            text(options, "predictions"), text(options, "outputs")};
  if (!given.claims.empty() || !given.corpus.empty() || !given.predictions.empty() ||
      !given.outputs.empty())
    from = {"", given, base, false, 0};
  else if (auto const name = text(options, "dataset"); !name.empty())
    from = named(name, env);
  else if (auto const found = ctx.experiment.find("dataset"); found != ctx.experiment.end())
    from = of_experiment(*found, base, env);
  if (auto const limit = options.value("limit", std::int64_t{0}); limit > 0)
    from.limit = limit;
  if (!from.built_in && from.paths.claims.empty())
    throw shape_error("options.claims", "nothing was given",
                      "the path of the claims, or the name of a data set as `dataset`");
  if (from.name.empty())
    from.name = fs::path{from.paths.claims}.stem().string();
  return from;
}

class loader {
 public:
  loader(source from, stage_env& env)
      : from_(std::move(from)), env_(env), reader_(from_.name, from_.limit) {
    where_.sample = from_.built_in;
  }

  /// False when the stage was stopped.
  bool load() {
    return part("claims", &dataset_paths::claims, sample_data::claims, &dataset_reader::claims,
                0.0) &&
           part("corpus", &dataset_paths::corpus, sample_data::corpus, &dataset_reader::corpus,
                0.25) &&
           part("predictions", &dataset_paths::predictions, sample_data::predictions,
                &dataset_reader::predictions, 0.75) &&
           part("outputs", &dataset_paths::outputs, sample_data::outputs, &dataset_reader::outputs,
                0.9);
  }
  dataset finish() {
    auto data = reader_.finish();
    data.source = where_;
    return data;
  }
  /// By part, of what was read.
  std::map<std::string, std::string> const& sha256() const { return sha256_; }

 private:
  using read_part = void (dataset_reader::*)(std::istream&, std::string const&);

  bool part(char const* name, std::string dataset_paths::*which, std::string_view built_in,
            read_part read, double fraction) {
    auto const& path = from_.paths.*which;
    if (env_.progress)
      env_.progress(fraction, std::string{"reading the "} + name);
    if (from_.built_in) {
      std::istringstream in{std::string{built_in}};
      (reader_.*read)(in, std::string{"sample "} + name);
      sha256_[name] = sha256_of_text(built_in);
    } else if (!path.empty()) {
      auto const file =
          fs::absolute(fs::path{path}.is_absolute() ? fs::path{path} : from_.base / path)
              .lexically_normal();
      auto in = open_data_file(file, std::string{"dataset."} + name,
                               "a file of JSON lines that every node can reach");
      (reader_.*read)(in, file.filename().string());
      sha256_[name] = sha256_of_file(file, std::string{"dataset."} + name);
      where_.paths.*which = file.string();
    }
    return !env_.stop.stop_requested();
  }

  source from_;
  stage_env& env_;
  dataset_reader reader_;
  dataset_source where_;
  std::map<std::string, std::string> sha256_;
};

class data_load final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "data_load";
    d.summary = "reads claims, corpus and predictions in SciFact's format";
    d.backend = "stage_host";
    d.options = {
        option("dataset", "string", "", "a data set of the node's config, or sample (built in)"),
        option("claims", "string", "", "path of the claims (JSON lines)"),
        option("corpus", "string", "", "path of the corpus"),
        option("predictions", "string", "", "path of a model's predictions"),
        option("outputs", "string", "", "path of a proposer's outputs"),
        at_least(option("limit", "integer", 0, "only the first so many claims; 0: all"), 0)};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    try {
      loader all{choose(ctx, options, env), env};
      if (!all.load())
        return outcome::stopped();
      auto const data = all.finish();
      if (data.claims.empty())
        return outcome::failure("no_claims",
                                "dataset.claims: there is no claim in it; " +
                                    std::to_string(data.counts.at("broken_lines")) +
                                    " lines are broken",
                                false);
      return result_of(std::move(ctx), data, all.sha256(), env);
    } catch (unknown_dataset const& e) {
      return outcome::failure("unknown_dataset", e.what(), true);
    }
  }

 private:
  static outcome result_of(context ctx, dataset const& data,
                           std::map<std::string, std::string> const& sha256, stage_env& env) {
    if (env.log) {
      env.log("data set " + data.name + ": " + write_json(data.counts).dump());
      for (auto const& line : data.notes)
        env.log(line);
    }
    json summary{{"dataset", data.name},
                 {"counts", write_json(data.counts)},
                 {"sha256", sha256},
                 {"notes", write_json(data.notes)}};
    ctx.inputs["dataset"] = write_json(data);
    ctx.metrics["data"] = summary;
    return outcome::success(std::move(summary), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_data_load() {
  return std::make_unique<data_load>();
}

}  // namespace nsai::stages

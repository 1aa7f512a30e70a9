#include "stages/similarity.hpp"

#include <fstream>
#include <numeric>

#include "stages/npy.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// Results are for reading; whole matrices are in the artifacts.
constexpr std::size_t most_shown = 20;

class similarity final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "similarity";
    d.summary = on_its_device("finds the most similar rows of a corpus by cosine");
    d.backend = "stage_host";
    auto queries = option("queries", "any", nullptr, "path of an .npy file, or an array of rows");
    auto corpus = option("corpus", "any", nullptr, "what is searched, in the same form");
    queries.required = corpus.required = true;
    auto rounding = option("precision", "string", "fp32", "tf32 is faster on a GPU, to 3 digits");
    rounding.choices = {"fp32", "tf32"};
    d.options = {queries, corpus,
                 between(option("k", "integer", 10, "how many of the corpus for each query"), 1,
                         most_neighbours),
                 rounding};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const base = ctx.base_dir();
    auto const queries = matrix_of(options.at("queries"), "options.queries", base);
    auto const corpus = matrix_of(options.at("corpus"), "options.corpus", base);
    auto& device = device_of(env);
    auto const found =
        device.most_similar(queries.view(), corpus.view(), options.at("k").get<std::size_t>(),
                            options.at("precision") == "tf32" ? precision::tf32 : precision::fp32,
                            hooks_of(env, "searching"));
    write_npy(env.artifacts / "scores.npy", found.scores, queries.rows);
    write_npy(env.artifacts / "indices.npy", found.indices, queries.rows);

    json metrics{{"queries", queries.rows},
                 {"corpus", corpus.rows},
                 {"columns", corpus.columns},
                 {"k", found.k},
                 {"mean_best", mean_best(found, queries.rows)}};
    json result = metrics;
    result["device"] = device_in_words(env, device);
    result["neighbours"] = shown(found, queries.rows);
    result["scores"] = "scores.npy";
    result["indices"] = "indices.npy";
    ctx.metrics["similarity"] = std::move(metrics);
    return outcome::success(std::move(result), std::move(ctx));
  }

 private:
  static double mean_best(neighbours const& found, std::size_t queries) {
    double sum = 0;
    for (std::size_t q = 0; q < queries; ++q)
      sum += found.scores[q * found.k];
    return sum / static_cast<double>(std::max<std::size_t>(1, queries));
  }

  static json shown(neighbours const& found, std::size_t queries) {
    json list = json::array();
    for (std::size_t q = 0; q < std::min(queries, most_shown); ++q) {
      json best = json::array();
      for (std::size_t i = 0; i < std::min(found.k, most_shown); ++i)
        best.push_back(
            {{"index", found.indices[q * found.k + i]}, {"score", found.scores[q * found.k + i]}});
      list.push_back(std::move(best));
    }
    return list;
  }
};

class ngram_features final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "ngram_features";
    d.summary = on_its_device("hashes the word n-grams of texts into features");
    d.backend = "stage_host";
    auto texts = option("texts", "any", nullptr,
                        "an array of texts, or the path of a file with one a line (or JSON lines)");
    texts.required = true;
    d.options = {
        texts, option("field", "string", "", "of JSON lines: the field that has the text"),
        between(option("buckets", "integer", 4096, "features; a power of two"), 1, 1 << 24),
        between(option("longest", "integer", 2, "words in the longest n-gram"), 1, longest_ngram)};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const texts = texts_of(options, ctx.base_dir());
    std::vector<std::string_view> const views(texts.begin(), texts.end());
    ngram_shape const shape{options.at("buckets").get<std::uint32_t>(),
                            options.at("longest").get<std::uint32_t>()};
    auto& device = device_of(env);
    auto const features = device.hashed_ngrams(views, shape, hooks_of(env, "hashing"));
    write_npy(env.artifacts / "features.npy", features, texts.size());
    json metrics{{"texts", texts.size()},
                 {"buckets", shape.buckets},
                 {"nonzero",
                  std::count_if(features.begin(), features.end(), [](float x) { return x != 0; })}};
    json result = metrics;
    result["device"] = device_in_words(env, device);
    result["features"] = "features.npy";
    ctx.metrics["ngram_features"] = std::move(metrics);
    return outcome::success(std::move(result), std::move(ctx));
  }

 private:
  static std::vector<std::string> texts_of(json const& options, fs::path const& base) {
    auto const& given = options.at("texts");
    if (given.is_array()) {
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < given.size(); ++i) {
        if (!given[i].is_string())
          throw shape_error("options.texts[" + std::to_string(i) + "]", given[i].type_name(),
                            "a text");
        texts.push_back(given[i].get<std::string>());
      }
      return texts;
    }
    if (!given.is_string())
      throw shape_error("options.texts", given.type_name(), "an array of texts, or a path");
    fs::path const path = given.get<std::string>();
    return lines_of(path.is_absolute() ? path : base / path,
                    options.at("field").get<std::string>());
  }

  static std::vector<std::string> lines_of(fs::path const& file, std::string const& field) {
    std::ifstream in{file};
    if (!in || fs::is_directory(file))
      throw shape_error("options.texts", file.string() + " cannot be read", "a file of lines");
    std::vector<std::string> texts;
    for (std::string line; std::getline(in, line);) {
      if (field.empty()) {
        texts.push_back(std::move(line));
        continue;
      }
      auto const document = json::parse(line, nullptr, false);
      auto const found = document.is_object() ? document.find(field) : document.end();
      if (!document.is_object() || found == document.end() || !found->is_string())
        throw shape_error("options.texts",
                          file.filename().string() + ":" + std::to_string(texts.size() + 1) +
                              " has no text \"" + field + "\"",
                          "a JSON object with it on every line");
      texts.push_back(found->get<std::string>());
    }
    return texts;
  }
};

}  // namespace

std::unique_ptr<stage> make_similarity() {
  return std::make_unique<similarity>();
}

std::unique_ptr<stage> make_ngram_features() {
  return std::make_unique<ngram_features>();
}

}  // namespace nsai::stages

#include "stages/data/labeling_queue.hpp"

#include <algorithm>
#include <random>

#include "stages/context_data.hpp"
#include "stages/option_list.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

struct queue_item {
  std::string kind;
  json id;
  json text;
  json severity;
  json confidence;
  json beta1_reduction;
  json payload;
};

std::vector<std::string> const& severities() {
  static std::vector<std::string> const names{"high", "medium", "low"};
  return names;
}

json member_or_null(json const& object, char const* name) {
  auto const found = object.find(name);
  return found == object.end() ? json{} : *found;
}

/// A number or null; anything else is a fault of who wrote it.
json number_or_null_of(json const& object, char const* name, std::string const& at) {
  auto value = member_or_null(object, name);
  if (!value.is_number() && !value.is_null())
    throw shape_error(at + "." + name, describe_json(value) + " is not allowed", "a number");
  return value;
}

json reduction_of(json const& object, std::string const& at) {
  auto const before = number_or_null_of(object, "beta1_before", at);
  auto const after = number_or_null_of(object, "beta1_after", at);
  if (before.is_null() || after.is_null())
    return nullptr;
  auto const from = before.get<double>();
  return from == 0 ? 0.0 : (from - after.get<double>()) / from;
}

queue_item item_from(std::string const& kind, json const& given, std::string const& at) {
  if (!given.is_object() || !given.contains("id"))
    throw shape_error(at, describe_json(given) + " is not allowed", "an object with an \"id\"");
  queue_item item;
  item.kind = kind;
  item.id = given.at("id");
  item.text = member_or_null(given, kind == "flag" ? "reason" : "claim");
  item.severity = member_or_null(given, "severity");
  if (auto const& known = severities();
      !item.severity.is_null() &&
      std::find(known.begin(), known.end(), item.severity) == known.end())
    throw shape_error(at + ".severity", describe_json(item.severity) + " is not allowed",
                      "high, medium or low");
  item.confidence = number_or_null_of(given, kind == "synthesis" ? "trust" : "confidence", at);
  item.beta1_reduction = reduction_of(given, at);
  item.payload = given;
  return item;
}

void add_items(std::vector<queue_item>& items, json const& outputs, char const* name,
               std::string const& kind) {
  auto const found = outputs.find(name);
  if (found == outputs.end())
    return;
  auto const at = std::string{"outputs."} + name;
  if (!found->is_array())
    throw shape_error(at, describe_json(*found) + " is not allowed", "an array");
  for (std::size_t i = 0; i < found->size(); ++i)
    items.push_back(item_from(kind, found->at(i), at + "[" + std::to_string(i) + "]"));
}

std::vector<queue_item> items_of(context const& ctx) {
  std::vector<queue_item> items;
  add_items(items, ctx.outputs, "snos", "sno");
  add_items(items, ctx.outputs, "flags", "flag");
  add_items(items, ctx.outputs, "syntheses", "synthesis");
  bool const any = ctx.outputs.contains("snos") || ctx.outputs.contains("flags") ||
                   ctx.outputs.contains("syntheses");
  if (any || !has_dataset(ctx))
    return items;
  auto const data = dataset_of(ctx);
  std::map<std::string, prediction const*> predicted;
  for (auto const& p : data.predictions)
    predicted.try_emplace(p.id, &p);
  for (auto const& claim : data.claims) {
    json payload{{"claim", write_json(claim)}, {"prediction", nullptr}};
    if (auto const found = predicted.find(claim.id); found != predicted.end())
      payload["prediction"] = write_json(*found->second);
    queue_item item;
    item.kind = "claim";
    item.id = claim.id;
    item.text = claim.claim;
    item.payload = std::move(payload);
    items.push_back(std::move(item));
  }
  return items;
}

/// How early an item comes; less is earlier, null last.
std::optional<double> order_of(queue_item const& item, std::string const& strategy) {
  if (strategy == "high_severity_first") {
    auto const& known = severities();
    auto const found = std::find(known.begin(), known.end(), item.severity);
    return found == known.end() ? std::nullopt
                                : std::optional{static_cast<double>(found - known.begin())};
  }
  auto const& number = strategy == "low_confidence_first" ? item.confidence : item.beta1_reduction;
  if (number.is_null())
    return std::nullopt;
  return strategy == "low_confidence_first" ? number.get<double>() : -number.get<double>();
}

void put_in_order(std::vector<queue_item>& items, std::string const& strategy, std::uint64_t seed) {
  if (strategy == "random") {
    std::mt19937_64 random{seed};
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[random() % i]);
    return;
  }
  std::stable_sort(items.begin(), items.end(), [&](queue_item const& a, queue_item const& b) {
    auto const first = order_of(a, strategy);
    auto const second = order_of(b, strategy);
    if (!first || !second)
      return first.has_value() && !second.has_value();
    return *first < *second;
  });
}

/// Letters, digits, "-", "_" and "." of a name; the rest becomes "_".
std::string as_file_name(std::string name) {
  for (auto& c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_' || c == '.'))
      c = '_';
  return name;
}

class labeling_queue final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "labeling_queue";
    d.summary = "writes what people are to label into a queue, the most telling first";
    d.backend = "stage_host";
    auto strategy = option("strategy", "string", "high_severity_first", "what comes first");
    strategy.choices = {"random", "high_severity_first", "high_beta1_reduction_first",
                        "low_confidence_first"};
    d.options = {option("directory", "string", "", "of the queue; default: the artifacts"),
                 strategy, at_least(option("limit", "integer", 0, "at most so many; 0: all"), 0),
                 at_least(option("seed", "integer", 0, "of the strategy random"), 0),
                 option("queue", "string", "labeling", "its name")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto items = items_of(ctx);
    auto const all = items.size();
    auto const strategy = options.value("strategy", std::string{"high_severity_first"});
    put_in_order(items, strategy, options.value("seed", std::uint64_t{0}));
    if (auto const limit = options.value("limit", std::size_t{0}); limit > 0 && limit < all)
      items.resize(limit);
    if (env.stop.stop_requested())
      return outcome::stopped();
    auto const queue = options.value("queue", std::string{"labeling"});
    auto const file = file_of(ctx, options, env, queue);
    write_whole_file(file, lines_of(items, queue, strategy));
    std::map<std::string, std::int64_t> by_kind;
    for (auto const& item : items)
      ++by_kind[item.kind];
    json told{{"items", all}, {"written", items.size()}, {"by_kind", by_kind}};
    ctx.metrics["labeling_queue"] = told;
    ctx.artifacts.push_back(
        {{"name", file.filename().string()}, {"kind", "labeling_queue"}, {"path", file.string()}});
    told["path"] = file.string();
    return outcome::success(std::move(told), std::move(ctx));
  }

 private:
  static std::filesystem::path file_of(context const& ctx, json const& options,
                                       stage_env const& env, std::string const& queue) {
    std::filesystem::path directory = options.value("directory", std::string{});
    if (directory.empty())
      directory = env.artifacts;
    else
      directory = ctx.base_dir() / directory;
    auto name = queue;
    if (auto const id = ctx.experiment.find("id"); id != ctx.experiment.end() && id->is_string())
      name += "-" + id->get<std::string>();
    if (env.job != 0)
      name += "-" + std::to_string(env.job);
    return std::filesystem::absolute(directory / (as_file_name(name) + ".jsonl"))
        .lexically_normal();
  }

  static std::string lines_of(std::vector<queue_item> const& items, std::string const& queue,
                              std::string const& strategy) {
    std::string lines;
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto const& item = items[i];
      lines += json{{"queue", queue},
                    {"rank", i + 1},
                    {"strategy", strategy},
                    {"kind", item.kind},
                    {"id", item.id},
                    {"text", item.text},
                    {"severity", item.severity},
                    {"confidence", item.confidence},
                    {"beta1_reduction", item.beta1_reduction},
                    {"payload", item.payload}}
                   .dump() +
               "\n";
    }
    return lines;
  }
};

}  // namespace

std::unique_ptr<stage> make_labeling_queue() {
  return std::make_unique<labeling_queue>();
}

}  // namespace nsai::stages

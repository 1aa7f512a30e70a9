#include "stages/data/validate.hpp"

#include "messages/suggest.hpp"
#include "stages/context_data.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

std::vector<std::string> const& checkable_types() {
  static std::vector<std::string> const names{"string",  "number", "integer",
                                              "boolean", "array",  "object"};
  return names;
}

bool is_of_type(json const& value, std::string const& type) {
  if (type == "string")
    return value.is_string();
  if (type == "number")
    return value.is_number();
  if (type == "integer")
    return value.is_number_integer();
  if (type == "boolean")
    return value.is_boolean();
  return type == "array" ? value.is_array() : value.is_object();
}

struct bounds {
  std::optional<double> min;
  std::optional<double> max;
};

bounds bounds_of(json const& given, std::string const& at) {
  bounds b;
  if (!given.is_object() || given.empty())
    throw shape_error(at, describe_json(given) + " is not allowed", "{\"min\", \"max\"}");
  for (auto const& [name, value] : given.items()) {
    if ((name != "min" && name != "max") || !value.is_number())
      throw shape_error(at + "." + name, describe_json(value) + " is not allowed",
                        "a number as min or max");
    (name == "min" ? b.min : b.max) = value.get<double>();
  }
  return b;
}

std::string in_words(bounds const& b) {
  std::string text = "a number";
  if (b.min)
    text += " from " + json(*b.min).dump();
  if (b.max)
    text += " to " + json(*b.max).dump();
  return text;
}

constexpr std::size_t most_told_faults = 100;

class fault_list {
 public:
  void add(std::string const& path, std::string const& came, std::string const& expected) {
    if (++count_ <= most_told_faults)
      faults_.push_back({{"path", path}, {"came", came}, {"expected", expected}});
  }
  std::size_t count() const { return count_; }
  json const& faults() const { return faults_; }  // the first of them
  std::string message() const {
    std::string text;
    for (auto const& each : faults_)
      text += (text.empty() ? "" : "\n") + each.at("path").get<std::string>() + ": " +
              each.at("came").get<std::string>() + "; expected " +
              each.at("expected").get<std::string>();
    if (count_ > faults_.size())
      text += "\nand " + std::to_string(count_ - faults_.size()) + " more";
    return text;
  }

 private:
  json faults_ = json::array();
  std::size_t count_ = 0;
};

void check_dataset(context const& ctx, fault_list& faults) {
  dataset data;
  try {
    data = dataset_of(ctx);
  } catch (shape_error const& e) {
    std::string const what = e.what();
    auto const rest = what.substr(std::min(what.size(), e.path().size() + 2));
    auto const split = rest.find("; expected ");
    faults.add(e.path(), rest.substr(0, split),
               split == std::string::npos ? "" : rest.substr(split + 11));
    return;
  }
  std::set<std::string> ids;
  for (std::size_t i = 0; i < data.claims.size(); ++i) {
    auto const at = "inputs.dataset.claims[" + std::to_string(i) + "].";
    auto const& claim = data.claims[i];
    if (claim.id.empty() || !ids.insert(claim.id).second)
      faults.add(at + "id", describe_json(claim.id), "an id that no claim before has");
    if (claim.claim.find_first_not_of(" \t\r\n") == std::string::npos)
      faults.add(at + "claim", describe_json(claim.claim), "a text");
  }
}

class validate final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "validate";
    d.summary = "holds the context and its data set against what is expected, all faults at once";
    auto on_failure = option("on_failure", "string", "fail", "fail, or only report");
    on_failure.choices = {"fail", "report"};
    d.options = {option("require", "array", json::array(), "paths of the context that must exist"),
                 option("types", "object", json::object(), "path -> string, number, array, ..."),
                 option("thresholds", "object", json::object(), "path -> {min, max}"), on_failure};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const whole = write_json(ctx);
    fault_list faults;
    std::int64_t checks = 0;
    check_required(options, whole, faults, checks);
    check_types(options, whole, faults, checks);
    check_thresholds(options, whole, faults, checks);
    if (has_dataset(ctx)) {
      ++checks;
      check_dataset(ctx, faults);
    }
    json result{{"valid", faults.count() == 0},
                {"checks", checks},
                {"fault_count", faults.count()},
                {"faults", faults.faults()}};
    ctx.metrics["validate"] = result;
    if (env.log)
      for (auto const& each : faults.faults())
        env.log(each.dump(-1, ' ', false, json::error_handler_t::replace));
    auto done = outcome::success(std::move(result));
    if (faults.count() > 0 && options.value("on_failure", "fail") == "fail") {
      auto const error = outcome::failure("invalid", faults.message(), false);
      done.error = error.error;
    }
    done.context = std::move(ctx);
    return done;
  }

 private:
  static void check_required(json const& options, json const& whole, fault_list& faults,
                             std::int64_t& checks) {
    std::vector<std::string> paths;
    try {
      read_json(options.value("require", json::array()), paths);
    } catch (shape_error const& e) {
      throw e.inside("options.require");
    }
    for (auto const& path : paths) {
      ++checks;
      auto const* found = find_path(whole, path);
      if (found == nullptr || found->is_null())
        faults.add(path, found == nullptr ? "nothing is there" : "null", "a value");
    }
  }

  static void check_types(json const& options, json const& whole, fault_list& faults,
                          std::int64_t& checks) {
    auto const types = options.value("types", json::object());
    auto const& known = checkable_types();
    for (auto const& [path, type] : types.items()) {
      if (!type.is_string() || std::find(known.begin(), known.end(), type) == known.end())
        throw shape_error("options.types." + path, describe_json(type) + " is not allowed",
                          "one of " + joined(known));
      ++checks;
      auto const* found = find_path(whole, path);
      auto const wanted = type.get<std::string>();
      if (found == nullptr || !is_of_type(*found, wanted))
        faults.add(path, found == nullptr ? "nothing is there" : describe_json(*found), wanted);
    }
  }

  static void check_thresholds(json const& options, json const& whole, fault_list& faults,
                               std::int64_t& checks) {
    auto const thresholds = options.value("thresholds", json::object());
    for (auto const& [path, given] : thresholds.items()) {
      auto const wanted = bounds_of(given, "options.thresholds." + path);
      ++checks;
      auto const* found = find_path(whole, path);
      if (found == nullptr || !found->is_number()) {
        faults.add(path, found == nullptr ? "nothing is there" : describe_json(*found),
                   in_words(wanted));
        continue;
      }
      auto const number = found->get<double>();
      if ((wanted.min && !(number >= *wanted.min)) || (wanted.max && !(number <= *wanted.max)))
        faults.add(path, found->dump(), in_words(wanted));
    }
  }
};

}  // namespace

std::unique_ptr<stage> make_validate() {
  return std::make_unique<validate>();
}

}  // namespace nsai::stages

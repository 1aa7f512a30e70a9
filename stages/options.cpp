// Options of a stage against its description.
#include <cmath>

#include "messages/bounded_json.hpp"
#include "messages/suggest.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {
namespace {

bool has_type(json const& value, std::string const& type) {
  if (type == "string")
    return value.is_string();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
  if (type == "number")
    return value.is_number();
  if (type == "boolean")
    return value.is_boolean();
  if (type == "array")
    return value.is_array();
  if (type == "object")
    return value.is_object();
  return true;
}

std::string shown_type(std::string const& type) {
  bool const vowel = type == "integer" || type == "array" || type == "object";
  return (vowel ? "an " : "a ") + type;
}

std::optional<error_info> check_bounds(option_description const& option, json const& value,
                                       std::string const& path) {
  if (!value.is_number())
    return std::nullopt;
  auto const number = value.get<double>();
  auto const bound = [](milli m) { return json(m).dump(); };
  bool const low = option.least && number < static_cast<double>(option.least->value) / 1000;
  bool const high = option.most && number > static_cast<double>(option.most->value) / 1000;
  if (!low && !high && std::isfinite(number))
    return std::nullopt;
  std::string expected = "a number";
  if (option.least)
    expected += " from " + bound(*option.least);
  if (option.most)
    expected += " to " + bound(*option.most);
  return usage_error(path, value.dump() + " is not allowed", expected);
}

std::optional<error_info> check_value(option_description const& option, json const& value,
                                      std::string const& path) {
  if (!has_type(value, option.type))
    return usage_error(path, describe_json(value) + " is not allowed", shown_type(option.type));
  if (option.type == "string" && !option.choices.empty()) {
    auto const text = value.get<std::string>();
    for (auto const& choice : option.choices)
      if (choice == text)
        return std::nullopt;
    auto const near = nearest(text, option.choices);
    return usage_error(
        path, describe_json(value) + " is not allowed",
        "one of " + joined(option.choices) + (near.empty() ? "" : " (did you mean " + near + "?)"));
  }
  return check_bounds(option, value, path);
}

error_info unknown_option(stage_description const& description, std::string const& name,
                          std::string const& path) {
  std::vector<std::string> names;
  for (auto const& option : description.options)
    names.push_back(option.name);
  auto const near = nearest(name, names);
  std::string expected = near.empty() ? "one of " + joined(names) : near + " (did you mean that?)";
  if (names.empty())
    expected = "no options at all";
  auto error = usage_error(path + "." + name,
                           "the stage " + description.name + " has no such option", expected);
  error.code = "unknown_option";
  return error;
}

option_description const* find_option(stage_description const& description,
                                      std::string const& name) {
  for (auto const& option : description.options)
    if (option.name == name)
      return &option;
  return nullptr;
}

}  // namespace

std::optional<error_info> check_options(stage_description const& description, json& options,
                                        std::string const& path) {
  auto faults = check_all_options(description, options, path);
  return faults.empty() ? std::nullopt : std::optional(std::move(faults.front()));
}

std::vector<error_info> check_all_options(stage_description const& description, json& options,
                                          std::string const& path) {
  if (options.is_null())
    options = json::object();
  if (!options.is_object())
    return {usage_error(path, describe_json(options) + " is not allowed", "an object")};
  std::vector<error_info> faults;
  for (auto const& [name, value] : options.items()) {
    auto const* option = find_option(description, name);
    if (option == nullptr && description.open_options)
      continue;
    if (option == nullptr)
      faults.push_back(unknown_option(description, name, path));
    else if (auto fault = check_value(*option, value, path + "." + name))
      faults.push_back(std::move(*fault));
  }
  for (auto const& option : description.options) {
    if (options.contains(option.name))
      continue;
    if (option.required)
      faults.push_back(
          usage_error(path + "." + option.name, "nothing was given", shown_type(option.type)));
    else if (!option.default_value.empty())
      options[option.name] = option.default_value.value();
  }
  return faults;
}

std::variant<json, error_info> parse_option(stage_description const& description,
                                            std::string const& name, std::string const& text) {
  auto const* option = find_option(description, name);
  if (option == nullptr && !description.open_options)
    return unknown_option(description, name, "options");
  if (option == nullptr || option->type == "string")
    return json(text);
  auto value =
      nests_too_deep(text) ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
  if (value.is_discarded())
    value = json(text);
  if (auto fault = check_value(*option, value, "options." + name))
    return *fault;
  return value;
}

}  // namespace nsai::stages

#include "stages/reporting/content.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace nsai::stages {
namespace {

using table = report_content::table;

constexpr std::size_t most_items = 8;  // of an array in a table
constexpr std::size_t most_rows = 200;
constexpr int deepest = 6;

void flatten(json const& value, std::string const& path, int depth, table& to) {
  if (to.rows.size() >= most_rows)
    return;
  if (value.is_object() && !value.empty() && depth < deepest) {
    for (auto const& [name, member] : value.items())
      flatten(member, path.empty() ? name : path + "." + name, depth + 1, to);
    return;
  }
  to.rows.push_back({path, shown(value)});
}

std::string title_of(context const& ctx, std::string const& title) {
  auto text = title;
  for (auto const* key : {"name", "id"})
    if (auto const& value = part_of(ctx.experiment, key); text.empty() && value.is_string())
      text = value.get<std::string>();
  for (auto& c : text)
    c = c == '\n' || c == '\r' ? ' ' : c;
  return text.empty() ? "Experiment" : text;
}

void add_facts(report_content& to, context const& ctx) {
  auto const add = [&](std::string name, json const& value) {
    if (!value.is_null() && value != "")
      to.facts.emplace_back(std::move(name), shown(value));
  };
  add("Experiment", part_of(ctx.experiment, "name"));
  add("Id", part_of(ctx.experiment, "id"));
  add("Type", part_of(ctx.experiment, "type"));
  auto const& data = part_of(ctx.metrics, "data");
  add("Data set", part_of(data, "dataset"));
  auto const& sha256 = part_of(data, "sha256");
  if (sha256.is_object())
    for (auto const& [part, hash] : sha256.items())
      add("SHA-256 of its " + part, hash);
  else
    add("SHA-256", sha256);
}

void add_section(report_content& to, report_section section) {
  if (!section.blocks.empty())
    to.sections.push_back(std::move(section));
}

void add_list(report_content& to, std::string heading, report_content::list items) {
  if (!items.items.empty())
    to.sections.push_back({std::move(heading), {std::move(items)}});
}

report_content::list stages_of(context const& ctx) {
  report_content::list list;
  for (auto const& each : ctx.completed_stages)
    list.items.push_back(each.is_object() && part_of(each, "name").is_string()
                             ? part_of(each, "name").get<std::string>()
                             : shown(each));
  return list;
}

table artifacts_of(context const& ctx) {
  table all{{"artifact", "kind", "path"}, {}};
  for (auto const& each : ctx.artifacts)
    if (each.is_object())
      all.rows.push_back({shown(part_of(each, "name")), shown(part_of(each, "kind")),
                          shown(part_of(each, "path"))});
  return all;
}

/// What has a section of its own, in the order of the report.
struct known_section {
  char const* name;
  report_section (*make)(json const& metrics);
};
constexpr known_section known_sections[] = {{"proposer", proposer_section},
                                            {"training", training_section},
                                            {"evaluation", evaluation_section},
                                            {"antagonist", antagonist_section},
                                            {"synthesizer", synthesizer_section}};

bool is_known(std::string const& name) {
  return std::any_of(std::begin(known_sections), std::end(known_sections),
                     [&](known_section const& each) { return name == each.name; });
}

}  // namespace

std::vector<report_content::figure> report_content::figures() const {
  std::vector<figure> all;
  for (auto const& section : sections)
    for (auto const& block : section.blocks)
      if (auto const* const drawn = std::get_if<figure>(&block))
        all.push_back(*drawn);
  return all;
}

json const& part_of(json const& object, std::string const& name) {
  static json const none;
  if (!object.is_object())
    return none;
  auto const found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string shown(json const& value) {
  if (value.is_number_float()) {
    auto const number = value.get<double>();
    bool const small = number != 0 && std::abs(number) < 0.0005;
    return small ? fmt::format("{:.2e}", number) : fmt::format("{:.4f}", number);
  }
  if (value.is_null())
    return "–";
  if (value.is_boolean())
    return value.get<bool>() ? "yes" : "no";
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_array() && value.size() == 2 && value[0].is_number_float() &&
      value[1].is_number_float())
    return shown(value[0]) + " to " + shown(value[1]);
  if (value.is_array()) {
    if (value.size() > most_items)
      return std::to_string(value.size()) + " entries";
    std::string text;
    for (auto const& each : value)
      text += (text.empty() ? "" : ", ") + (each.is_structured() ? each.dump() : shown(each));
    return text.empty() ? "none" : text;
  }
  return value.dump();
}

table flat_table(json const& object, std::vector<std::string> const& without) {
  table all{{"measure", "value"}, {}};
  if (!object.is_object()) {
    all.rows.push_back({"value", shown(object)});
    return all;
  }
  for (auto const& [name, member] : object.items())
    if (std::find(without.begin(), without.end(), name) == without.end())
      flatten(member, name, 1, all);
  if (all.rows.size() >= most_rows)
    all.rows.push_back({"…", "further values are in report.json"});
  return all;
}

report_content::list notes_in(json const& notes) {
  report_content::list list;
  if (notes.is_object())
    for (auto const& [name, note] : notes.items())
      list.items.push_back(name + ": " + shown(note));
  else if (notes.is_array())
    for (auto const& note : notes)
      list.items.push_back(shown(note));
  else if (notes.is_string())
    list.items.push_back(shown(notes));
  return list;
}

report_content content_of(context const& ctx, std::string const& title) {
  report_content all;
  all.title = title_of(ctx, title);
  add_facts(all, ctx);
  for (auto const& known : known_sections)
    if (auto const& metrics = part_of(ctx.metrics, known.name); metrics.is_object())
      add_section(all, known.make(metrics));
  for (auto const& [name, metrics] : ctx.metrics.items()) {
    if (name == "data" || (metrics.is_object() && is_known(name)))
      continue;
    report_section section{name, {}};
    if (auto table = flat_table(metrics, {"notes"}); !table.rows.empty())
      section.blocks.emplace_back(std::move(table));
    if (auto notes = notes_in(part_of(metrics, "notes")); !notes.items.empty())
      section.blocks.emplace_back(std::move(notes));
    add_section(all, std::move(section));
  }
  auto const& data = part_of(ctx.metrics, "data");
  if (auto counts = flat_table(part_of(data, "counts")); part_of(data, "counts").is_object())
    add_section(all, {"Data", {std::move(counts)}});
  add_list(all, "Oddities in the data", notes_in(part_of(data, "notes")));
  add_list(all, "Completed stages", stages_of(ctx));
  if (auto artifacts = artifacts_of(ctx); !artifacts.rows.empty())
    add_section(all, {"Artifacts", {std::move(artifacts)}});
  return all;
}

}  // namespace nsai::stages

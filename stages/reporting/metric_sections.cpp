#include <algorithm>
#include <array>

#include "stages/reporting/content.hpp"
#include "stages/reporting/figures.hpp"

namespace nsai::stages {
namespace {

using table = report_content::table;
using figure = report_content::figure;

std::optional<double> number_at(json const& object, std::string const& name) {
  auto const& value = part_of(object, name);
  return value.is_number() ? std::optional{value.get<double>()} : std::nullopt;
}

/// [low, high] or {"low", "high"}.
std::optional<std::pair<double, double>> interval_in(json const& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number())
    return std::pair{value[0].get<double>(), value[1].get<double>()};
  auto const low = number_at(value, "low"), high = number_at(value, "high");
  return low && high ? std::optional{std::pair{*low, *high}} : std::nullopt;
}

json const& intervals_of(json const& metrics) {
  auto const& given = part_of(metrics, "intervals");
  return given.is_null() ? part_of(metrics, "confidence_intervals") : given;
}

std::string interval_text(json const& intervals, std::string const& name) {
  auto const found = interval_in(part_of(intervals, name));
  return found ? shown(json(found->first)) + " to " + shown(json(found->second)) : "";
}

/// A column in which no row has anything is left out.
table without_empty_columns(table const& from) {
  table to;
  to.rows.resize(from.rows.size());
  for (std::size_t c = 0; c < from.head.size(); ++c) {
    bool const any = std::any_of(from.rows.begin(), from.rows.end(),
                                 [&](auto const& row) { return !row[c].empty(); });
    if (!any)
      continue;
    to.head.push_back(from.head[c]);
    for (std::size_t r = 0; r < from.rows.size(); ++r)
      to.rows[r].push_back(from.rows[r][c]);
  }
  return to;
}

/// Metrics beside their targets; of names without a target only those in `also`.
table target_table(json const& metrics, std::vector<std::string> const& also = {}) {
  auto const& targets = part_of(metrics, "targets");
  auto const& notes = part_of(metrics, "notes");
  auto const& intervals = intervals_of(metrics);
  table all{{"metric", "value", "95 % interval", "target", "passed", "note"}, {}};
  auto const add = [&](std::string const& name, json const& target) {
    auto const& value = part_of(metrics, name);
    bool const judged = value.is_number() && target.is_number();
    std::string const passed = target.is_null()                              ? ""
                               : !judged                                     ? "–"
                               : value.get<double>() >= target.get<double>() ? "yes"
                                                                             : "no";
    auto const& note = part_of(notes, name);
    all.rows.push_back({name, shown(value), interval_text(intervals, name),
                        target.is_null() ? "" : shown(target), passed,
                        note.is_null() ? "" : shown(note)});
  };
  if (targets.is_object())
    for (auto const& [name, target] : targets.items())
      add(name, target);
  for (auto const& name : also)
    if (metrics.contains(name) && part_of(targets, name).is_null())
      add(name, json{});
  return without_empty_columns(all);
}

void add_table(report_section& to, table rows) {
  if (!rows.rows.empty())
    to.blocks.emplace_back(std::move(rows));
}

void add_notes(report_section& to, json const& notes) {
  if (auto list = notes_in(notes); !list.items.empty()) {
    to.blocks.emplace_back(std::string{"Notes:"});
    to.blocks.emplace_back(std::move(list));
  }
}

void add_rest(report_section& to, json const& metrics, std::vector<std::string> const& told) {
  add_table(to, flat_table(metrics, told));
}

table class_table(json const& per_class) {
  table all{{"class", "precision", "recall", "F1", "examples", "predicted"}, {}};
  if (per_class.is_object())
    for (auto const& [name, scores] : per_class.items())
      all.rows.push_back({name, shown(part_of(scores, "precision")),
                          shown(part_of(scores, "recall")), shown(part_of(scores, "f1")),
                          shown(part_of(scores, "examples")), shown(part_of(scores, "predicted"))});
  return all;
}

table confusion_table(json const& confusion) {
  table all{{"gold \\ predicted"}, {}};
  if (!confusion.is_object())
    return all;
  for (auto const& entry : confusion.items())
    all.head.push_back(entry.key());
  for (auto const& [gold, row] : confusion.items()) {
    all.rows.push_back({gold});
    for (std::size_t c = 1; c < all.head.size(); ++c)
      all.rows.back().push_back(shown(part_of(row, all.head[c])));
  }
  return all;
}

bar_chart::bar bar_of(json const& scores, std::string const& name, json const& intervals,
                      std::string const& of) {
  return {number_at(scores, name), interval_in(part_of(intervals, of))};
}

/// The network beside its baselines: values with their intervals.
void add_comparison(report_section& to, json const& metrics) {
  auto const& baselines = part_of(metrics, "baselines");
  table all{{"predictor", "accuracy", "95 % interval", "macro-F1", "95 % interval",
             "better by (accuracy)", "better by (macro-F1)"},
            {}};
  bar_chart chart;
  chart.title = "Dev scores with 95 % intervals";
  chart.series = {"accuracy", "macro-F1"};
  chart.full = 1;
  auto const add = [&](std::string const& name, json const& scores, char const* accuracy,
                       char const* f1) {
    auto const& intervals = part_of(scores, "intervals");
    auto const& margin = part_of(scores, "margin");
    all.rows.push_back({name, shown(part_of(scores, accuracy)),
                        interval_text(intervals, "accuracy"), shown(part_of(scores, f1)),
                        interval_text(intervals, "macro_f1"), interval_text(margin, "accuracy"),
                        interval_text(margin, "macro_f1")});
    chart.groups.push_back({name,
                            {bar_of(scores, accuracy, intervals, "accuracy"),
                             bar_of(scores, f1, intervals, "macro_f1")}});
  };
  add("network", metrics, "dev_accuracy", "dev_macro_f1");
  if (baselines.is_object())
    for (auto const& [name, scores] : baselines.items())
      add(name, scores, "accuracy", "macro_f1");
  to.blocks.emplace_back(without_empty_columns(all));
  to.blocks.emplace_back(figure{"training_scores.svg", chart.title, svg_of(chart)});
}

/// {"low": 3, "high": 1, ...} as bars, in the order of `names` as far as they are there.
std::optional<figure> counts_figure(json const& counts, std::vector<std::string> const& names,
                                    std::string const& file, std::string const& title) {
  bar_chart chart;
  chart.title = title;
  chart.series = {"count"};
  chart.whole = true;
  for (auto const& name : names)
    if (auto const value = number_at(counts, name))
      chart.groups.push_back({name, {{value, std::nullopt}}});
  if (chart.groups.empty())
    return std::nullopt;
  return figure{file, title, svg_of(chart)};
}

}  // namespace

report_section proposer_section(json const& metrics) {
  report_section section{"Proposer", {}};
  add_table(section, target_table(metrics));
  if (metrics.contains("overall_pass_rate"))
    section.blocks.emplace_back("Overall pass rate: " +
                                shown(part_of(metrics, "overall_pass_rate")));
  if (auto const& labels = part_of(metrics, "labels"); labels.is_object()) {
    table scores{{"score", "precision", "recall", "F1"}, {}};
    for (auto const& [name, score] : labels.items())
      scores.rows.push_back({name, shown(part_of(score, "precision")),
                             shown(part_of(score, "recall")), shown(part_of(score, "f1"))});
    add_table(section, std::move(scores));
    section.blocks.emplace_back(figure{"scores.svg", "Label scores", label_figure(labels)});
  }
  add_notes(section, part_of(metrics, "notes"));
  if (auto const& counts = part_of(metrics, "counts"); counts.is_object())
    add_table(section, flat_table(counts));
  std::vector<std::string> told{"targets",   "overall_pass_rate",   "labels", "notes", "counts",
                                "intervals", "confidence_intervals"};
  if (auto const& targets = part_of(metrics, "targets"); targets.is_object())
    for (auto const& entry : targets.items())
      told.push_back(entry.key());
  add_rest(section, metrics, told);
  return section;
}

report_section training_section(json const& metrics) {
  report_section section{"Training", {}};
  add_comparison(section, metrics);
  if (auto const& curve = part_of(metrics, "loss_curve"); curve.is_array() && !curve.empty())
    section.blocks.emplace_back(
        figure{"loss.svg", "Training loss and dev scores", loss_figure(curve)});
  add_table(section, class_table(part_of(metrics, "per_class")));
  add_table(section, confusion_table(part_of(metrics, "confusion")));
  if (auto const& runs = part_of(metrics, "runs"); runs.is_array() && runs.size() > 1) {
    table each{{"seed", "accuracy", "macro-F1"}, {}};
    for (auto const& run : runs)
      each.rows.push_back({shown(part_of(run, "seed")), shown(part_of(run, "accuracy")),
                           shown(part_of(run, "macro_f1"))});
    auto const& deviation = part_of(metrics, "deviation");
    each.rows.push_back({"standard deviation", shown(part_of(deviation, "accuracy")),
                         shown(part_of(deviation, "macro_f1"))});
    add_table(section, std::move(each));
  }
  add_notes(section, part_of(metrics, "notes"));
  add_rest(section, metrics,
           {"dev_accuracy", "dev_macro_f1", "intervals", "baselines", "loss_curve", "per_class",
            "confusion", "runs", "deviation", "notes"});
  return section;
}

report_section evaluation_section(json const& metrics) {
  report_section section{"Evaluation of the model", {}};
  auto const& intervals = part_of(metrics, "intervals");
  table scores{{"score", "value", "95 % interval"}, {}};
  for (auto const& [key, name] :
       {std::pair{"accuracy", "accuracy"}, std::pair{"macro_f1", "macro-F1"}})
    scores.rows.push_back({name, shown(part_of(metrics, key)), interval_text(intervals, key)});
  add_table(section, without_empty_columns(scores));
  add_table(section, class_table(part_of(metrics, "per_class")));
  add_table(section, confusion_table(part_of(metrics, "confusion")));
  add_notes(section, part_of(metrics, "notes"));
  add_rest(section, metrics,
           {"accuracy", "macro_f1", "intervals", "per_class", "confusion", "notes"});
  return section;
}

report_section antagonist_section(json const& metrics) {
  report_section section{"Antagonist", {}};
  std::vector<std::string> const names{"precision", "recall", "f1", "mean_beta1", "mean_chirality"};
  add_table(section, target_table(metrics, names));
  auto const& flags = part_of(metrics, "flags");
  if (auto drawn =
          counts_figure(flags, {"high", "medium", "low"}, "flags.svg", "Flags by severity"))
    section.blocks.emplace_back(std::move(*drawn));
  if (flags.is_object())
    add_table(section, flat_table(flags));
  add_notes(section, part_of(metrics, "notes"));
  auto told = names;
  told.insert(told.end(), {"flags", "targets", "notes", "intervals", "confidence_intervals"});
  add_rest(section, metrics, told);
  return section;
}

report_section synthesizer_section(json const& metrics) {
  report_section section{"Synthesizer", {}};
  std::vector<std::string> const names{"beta1_reduction", "trust",        "iterations",
                                       "auto_accepted",   "needs_review", "failed"};
  add_table(section, target_table(metrics, names));
  json beta1 = part_of(metrics, "beta1");
  for (auto const* when : {"before", "after"})
    if (auto const& value = part_of(metrics, std::string{"beta1_"} + when); value.is_number()) {
      if (!beta1.is_object())
        beta1 = json::object();
      beta1[when] = value;
    }
  if (auto drawn = counts_figure(beta1, {"before", "after"}, "beta1.svg",
                                 "β₁ before and after the synthesis"))
    section.blocks.emplace_back(std::move(*drawn));
  if (auto const& critics = part_of(metrics, "critics"); critics.is_object()) {
    bar_chart chart;
    chart.title = "Critic scores";
    chart.series = {"score"};
    chart.full = 1;
    for (auto const& [name, score] : critics.items()) {
      auto const value =
          score.is_number() ? std::optional{score.get<double>()} : number_at(score, "score");
      chart.groups.push_back({name, {{value, std::nullopt}}});
    }
    if (!chart.groups.empty())
      section.blocks.emplace_back(figure{"critics.svg", chart.title, svg_of(chart)});
    add_table(section, flat_table(critics));
  }
  add_notes(section, part_of(metrics, "notes"));
  auto told = names;
  told.insert(told.end(), {"critics", "targets", "notes", "intervals", "confidence_intervals"});
  add_rest(section, metrics, told);
  return section;
}

}  // namespace nsai::stages

#include "stages/report.hpp"

#include <fstream>

#include <fmt/format.h>

#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

std::string shown(json const& value) {
  if (value.is_number_float())
    return fmt::format("{:.4f}", value.get<double>());
  return value.is_null() ? "–" : value.is_string() ? value.get<std::string>() : value.dump();
}

json at_or_null(json const& object, char const* key) {
  if (!object.is_object())
    return {};
  auto const found = object.find(key);
  return found == object.end() ? json{} : *found;
}

/// The title without what would end the line or the heading.
std::string title_of(context const& ctx, std::string const& title) {
  auto text = title;
  for (auto const* key : {"name", "id"})
    if (auto const value = at_or_null(ctx.experiment, key); text.empty() && value.is_string())
      text = value.get<std::string>();
  for (auto& c : text)
    c = c == '\n' || c == '\r' ? ' ' : c;
  return text.empty() ? "Experiment" : text;
}

std::string metric_table(json const& proposer) {
  std::string out = "| metric | value | target | passed |\n|---|---|---|---|\n";
  for (auto const& [name, target] : proposer.at("targets").items()) {
    auto const value = at_or_null(proposer, name.c_str());
    auto const passed =
        value.is_number() ? (value.get<double>() >= target.get<double>() ? "yes" : "no") : "–";
    out += fmt::format("| {} | {} | {} | {} |\n", name, shown(value), shown(target), passed);
  }
  return out +
         fmt::format("\nOverall pass rate: {}\n", shown(at_or_null(proposer, "overall_pass_rate")));
}

std::string label_table(json const& labels) {
  std::string out = "\n## Labels\n\n| score | precision | recall | F1 |\n|---|---|---|---|\n";
  for (auto const& [name, score] : labels.items())
    out += fmt::format("| {} | {} | {} | {} |\n", name, shown(score.at("precision")),
                       shown(score.at("recall")), shown(score.at("f1")));
  return out + "\n![Label scores](scores.svg)\n";
}

std::string list_of(std::string const& heading, json const& values) {
  if (!values.is_object() || values.empty())
    return {};
  std::string out = "\n## " + heading + "\n\n";
  for (auto const& [name, value] : values.items())
    out += "- " + name + ": " + shown(value) + "\n";
  return out;
}

void write_whole(fs::path const& file, std::string const& text) {
  std::ofstream out{file, std::ios::binary};
  out << text;
  out.close();
  if (!out)
    throw std::runtime_error("report: " + file.string() + " cannot be written");
}

class report final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "report";
    d.summary = "writes an experiment's metrics as JSON, Markdown and a figure";
    d.options = {option("title", "string", "", "of the report; default: the experiment's name")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (ctx.metrics.empty())
      return outcome::failure(
          "no_metrics", "metrics: nothing is there; expected a stage that measures before this one",
          false);
    fs::create_directories(env.artifacts);
    json artifacts = json::array();
    auto const add = [&](char const* name, std::string const& text) {
      auto const file = env.artifacts / name;
      write_whole(file, text);
      artifacts.push_back({{"name", name}, {"kind", "report"}, {"path", file.string()}});
    };
    json const whole{{"experiment", ctx.experiment}, {"metrics", ctx.metrics}};
    add("report.json", whole.dump(2) + "\n");
    add("report.md", report_markdown(ctx, options.value("title", "")));
    if (auto const labels = at_or_null(at_or_null(ctx.metrics, "proposer"), "labels");
        labels.is_object())
      add("scores.svg", label_figure(labels));
    for (auto const& artifact : artifacts)
      ctx.artifacts.push_back(artifact);
    auto done = outcome::success({{"artifacts", artifacts}});
    done.context = std::move(ctx);
    return done;
  }
};

}  // namespace

std::string report_markdown(context const& ctx, std::string const& title) {
  std::string out = "# " + title_of(ctx, title) + "\n\n";
  auto const data = at_or_null(ctx.metrics, "data");
  if (data.is_object())
    out += "Data set: " + shown(at_or_null(data, "dataset")) + "\n\n";
  auto const proposer = at_or_null(ctx.metrics, "proposer");
  if (proposer.is_object()) {
    out += metric_table(proposer);
    if (auto const labels = at_or_null(proposer, "labels"); labels.is_object())
      out += label_table(labels);
    out += list_of("Counts", at_or_null(proposer, "counts"));
    out += list_of("Notes", at_or_null(proposer, "notes"));
  } else {
    out += "```json\n" + ctx.metrics.dump(2) + "\n```\n";
  }
  if (auto const notes = at_or_null(data, "notes"); notes.is_array() && !notes.empty()) {
    out += "\n## Oddities in the data\n\n";
    for (auto const& line : notes)
      out += "- " + shown(line) + "\n";
  }
  return out;
}

std::string label_figure(json const& labels) {
  constexpr double left = 170, bar = 12, group = 56, width = 300, top = 36;
  struct measure {
    char const* key;
    char const* name;
    char const* colour;
  };
  constexpr measure measures[] = {{"precision", "precision", "#0072b2"},
                                  {"recall", "recall", "#e69f00"},
                                  {"f1", "F1", "#009e73"}};
  std::string body;
  double x = left;
  for (auto const& m : measures) {
    body += fmt::format(
        "<rect x='{}' y='10' width='10' height='10' fill='{}'/><text x='{}' y='19'>{}</text>\n", x,
        m.colour, x + 14, m.name);
    x += 90;
  }
  double y = top;
  for (auto const& [name, score] : labels.items()) {
    body += fmt::format("<text x='{}' y='{}' text-anchor='end'>{}</text>\n", left - 8,
                        y + 1.9 * bar, name);
    for (auto const& m : measures) {
      auto const value = score.at(m.key).get<double>();
      body += fmt::format(
          "<rect x='{}' y='{}' width='{:.1f}' height='{}' fill='{}'/><text x='{:.1f}' "
          "y='{}'>{:.3f}</text>\n",
          left, y, value * width, bar - 2, m.colour, left + value * width + 4, y + bar - 3, value);
      y += bar;
    }
    y += group - 3 * bar;
  }
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} {1}' "
      "font-family='sans-serif' font-size='11'>\n<rect width='{0}' height='{1}' fill='white'/>\n"
      "<path d='M{2} {3}V{4}' stroke='black'/>\n{5}</svg>\n",
      left + width + 50, y, left, top - 6, y - 6, body);
}

std::unique_ptr<stage> make_report() {
  return std::make_unique<report>();
}

}  // namespace nsai::stages

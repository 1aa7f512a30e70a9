#include "stages/report.hpp"

#include "stages/option_list.hpp"
#include "stages/reporting/content.hpp"
#include "stages/reporting/html.hpp"
#include "stages/reporting/markdown.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

class report final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "report";
    d.summary = "writes an experiment's metrics as JSON, Markdown, one HTML page and figures";
    d.options = {option("title", "string", "", "of the report; default: the experiment's name")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (ctx.metrics.empty())
      return outcome::failure(
          "no_metrics", "metrics: nothing is there; expected a stage that measures before this one",
          false);
    std::filesystem::create_directories(env.artifacts);
    json artifacts = json::array();
    auto const add = [&](std::string const& name, std::string const& text) {
      auto const file = env.artifacts / name;
      write_whole_file(file, text);
      artifacts.push_back({{"name", name}, {"kind", "report"}, {"path", file.string()}});
    };
    auto const content = content_of(ctx, options.value("title", ""));
    json const whole{{"experiment", ctx.experiment}, {"metrics", ctx.metrics}};
    add("report.json", whole.dump(2) + "\n");
    add("report.md", markdown_of(content));
    add("report.html", html_of(content));
    for (auto const& figure : content.figures())
      add(figure.file, figure.svg);
    for (auto const& artifact : artifacts)
      ctx.artifacts.push_back(artifact);
    return outcome::success({{"artifacts", artifacts}}, std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_report() {
  return std::make_unique<report>();
}

}  // namespace nsai::stages

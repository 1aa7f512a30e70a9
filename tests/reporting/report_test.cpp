#include "stages/report.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "stages/reporting/content.hpp"
#include "stages/reporting/html.hpp"
#include "stages/reporting/markdown.hpp"
#include "tests/learning/work_folder.hpp"
#include "tests/reporting/well_formed.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::xml_fault;

namespace {

/// A context with everything that has a section.
context full_context() {
  context ctx;
  ctx.experiment = {
      {"name", "<script>alert(1)</script> & co"}, {"id", "x-1"}, {"type", "proposer"}};
  json const scores{{"precision", 0.73}, {"recall", 0.775}, {"f1", 0.7525}};
  ctx.metrics["data"] = {{"dataset", "sample"},
                         {"sha256", {{"claims", "ab12"}, {"corpus", "cd34"}}},
                         {"counts", {{"claims", 40}}},
                         {"notes", {"claims:3: not <JSON>"}}};
  ctx.metrics["proposer"] = {
      {"targets",
       {{"schema_compliance", 0.95}, {"citation_accuracy", 0.9}, {"entailment_score", 0.75}}},
      {"schema_compliance", 0.97},
      {"citation_accuracy", 0.5},
      {"entailment_score", nullptr},
      {"intervals", {{"schema_compliance", {0.9, 0.99}}}},
      {"overall_pass_rate", 0.5},
      {"labels", {{"abstract_label_only", scores}, {"sentence_label", scores}}},
      {"counts", {{"cited", 12}}},
      {"notes", {{"entailment_score", "no <corpus>"}}}};
  json const interval{{"accuracy", {0.44, 0.64}}, {"macro_f1", {0.42, 0.62}}};
  ctx.metrics["training"] = {
      {"dev_accuracy", 0.55},
      {"dev_macro_f1", 0.53},
      {"intervals", interval},
      {"baselines",
       {{"majority",
         {{"accuracy", 0.4}, {"macro_f1", 0.19}, {"intervals", interval}, {"margin", interval}}}}},
      {"per_class", {{"SUPPORT", scores}, {"NEI", scores}}},
      {"confusion",
       {{"SUPPORT", {{"SUPPORT", 3}, {"NEI", 1}}}, {"NEI", {{"SUPPORT", 2}, {"NEI", 5}}}}},
      {"runs",
       {{{"seed", 1}, {"accuracy", 0.55}, {"macro_f1", 0.53}},
        {{"seed", 2}, {"accuracy", 0.56}, {"macro_f1", 0.54}}}},
      {"deviation", {{"accuracy", 0.01}, {"macro_f1", 0.01}}},
      {"loss_curve",
       {{{"train_loss", 1.0}, {"dev_accuracy", 0.4}, {"dev_macro_f1", 0.3}},
        {{"train_loss", 0.8}, {"dev_accuracy", 0.5}, {"dev_macro_f1", 0.45}}}}};
  ctx.metrics["antagonist"] = {{"targets", {{"precision", 0.8}, {"recall", 0.7}}},
                               {"precision", 0.81},
                               {"recall", 0.6},
                               {"f1", 0.69},
                               {"mean_beta1", 1.5},
                               {"mean_chirality", 0.42},
                               {"flags", {{"high", 3}, {"medium", 5}, {"low", 9}, {"total", 17}}}};
  ctx.metrics["synthesizer"] = {
      {"targets", {{"beta1_reduction", 0.3}}},
      {"beta1_reduction", 0.5},
      {"beta1_before", 4},
      {"beta1_after", 2},
      {"critics", {{"grounding", 0.8}, {"logic", 0.7}, {"novelty", 0.5}, {"bias", 0.9}}},
      {"trust", 0.74},
      {"iterations", 3},
      {"auto_accepted", 2},
      {"needs_review", 1},
      {"failed", 0}};
  ctx.metrics["bench"] = {{"mean", 0.5}, {"pairs", {{"p", 0.01}}}, {"notes", {"seen"}}};
  ctx.completed_stages = {"load", "score"};
  ctx.artifacts = {{{"name", "a<b.json"}, {"kind", "model"}, {"path", "dir/a"}}};
  return ctx;
}

bool has(std::string const& text, std::string const& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("the page is well-formed, has every section and figure, and nothing from elsewhere") {
  auto const page = html_of(content_of(full_context(), ""));
  CHECK(xml_fault(page) == "");
  for (auto const* heading : {"Proposer", "Training", "Antagonist", "Synthesizer", "bench", "Data",
                              "Oddities in the data", "Completed stages", "Artifacts"})
    CHECK_MESSAGE(has(page, "<h2>" + std::string{heading} + "</h2>"), heading);
  CHECK(content_of(full_context(), "").figures().size() == 6);
  CHECK(has(page, "SHA-256 of its claims</dt><dd>ab12"));
  for (auto const* outside : {"src=", "href=", "url(", "@import", "<link", "<script", "onload"})
    CHECK_MESSAGE(!has(page, outside), outside);
  CHECK(has(page, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"));
  CHECK(has(page, "prefers-color-scheme: dark"));
}

TEST_CASE("metrics stand beside their targets; a null one is a dash with its note") {
  auto const text = markdown_of(content_of(full_context(), "T"));
  CHECK(text.starts_with("# T\n"));
  CHECK(has(text, "| schema_compliance | 0.9700 | 0.9000 to 0.9900 | 0.9500 | yes |  |"));
  CHECK(has(text, "| citation_accuracy | 0.5000 |  | 0.9000 | no |  |"));
  CHECK(has(text, "| entailment_score | – |  | 0.7500 | – | no &lt;corpus> |"));
  CHECK(has(text, "| precision | 0.8100 | 0.8000 | yes |"));
  CHECK(has(text, "| mean_chirality | 0.4200 |"));
  CHECK(has(text, "| beta1_reduction | 0.5000 | 0.3000 | yes |"));
  CHECK(has(text, "| network | 0.5500 | 0.4400 to 0.6400 |"));
  CHECK(has(text, "![Label scores](scores.svg)"));
  CHECK(has(text, "![Critic scores](critics.svg)"));
  CHECK(has(text, "| pairs.p | 0.0100 |"));
  auto const page = html_of(content_of(full_context(), ""));
  CHECK(has(page, "<td class=\"yes\">yes</td>"));
  CHECK(has(page, "<td class=\"no\">no</td>"));
}

TEST_CASE("metrics of any shape make a report: nothing in them is an error") {
  std::vector<json> const odd{
      nullptr,
      7,
      "text",
      json::array({1, 2, 3}),
      json::object(),
      {{"targets", 3}, {"labels", "x"}, {"notes", 4}, {"counts", {1}}},
      {{"labels", {{"a", 3}}}, {"per_class", {{"A", nullptr}}}},
      {{"confusion", {{"A", 3}, {"B", {{"A", "x"}}}}}},
      {{"loss_curve", {1, nullptr, "x"}}, {"runs", {1, 2}}},
      {{"flags", "many"}, {"critics", {{"grounding", nullptr}, {"x", {1}}}}},
      {{"intervals", {{"accuracy", {1, "x"}}}}, {"baselines", {{"a", 1}}}},
      json::parse(R"({"deep":{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}}})")};
  for (auto const* name :
       {"data", "proposer", "training", "evaluation", "antagonist", "synthesizer", "other"})
    for (auto const& value : odd) {
      CAPTURE(name);
      CAPTURE(value.dump());
      context ctx;
      ctx.metrics[name] = value;
      ctx.artifacts = {1, nullptr, json::object()};
      ctx.completed_stages = {1, {{"name", 3}}};
      auto const content = content_of(ctx, "");
      CHECK(xml_fault(html_of(content)) == "");
      CHECK(markdown_of(content).starts_with("# Experiment\n"));
      for (auto const& figure : content.figures())
        CHECK(xml_fault(figure.svg) == "");
    }
}

TEST_CASE("a table of very many values ends, and says where the rest is") {
  context ctx;
  for (int i = 0; i < 5000; ++i)
    ctx.metrics["many"]["value" + std::to_string(i)] = i;
  auto const text = markdown_of(content_of(ctx, ""));
  CHECK(has(text, "further values are in report.json"));
  CHECK(text.size() < 20'000);
}

TEST_CASE("numbers are shown with four digits, small ones with their power, pairs as a range") {
  CHECK(shown(0.5) == "0.5000");
  CHECK(shown(0.00001234) == "1.23e-05");
  CHECK(shown(0.0) == "0.0000");
  CHECK(shown(12) == "12");
  CHECK(shown(nullptr) == "–");
  CHECK(shown(true) == "yes");
  CHECK(shown({0.25, 0.75}) == "0.2500 to 0.7500");
  CHECK(shown({1, 2, 3}) == "1, 2, 3");
  CHECK(shown(json::array()) == "none");
  CHECK(shown(std::vector<int>(9, 1)) == "9 entries");
}

TEST_CASE("the stage writes JSON, Markdown, one page and each figure, and names them all") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  auto const told = run_stage(*make_report(), json_text::of({{"title", "Mine"}}),
                              json_text::of(write_json(full_context())), env);
  REQUIRE(told.result == attempt_result::succeeded);
  auto const artifacts = told.value.value().at("artifacts");
  CHECK(artifacts.size() == 9);
  for (auto const& each : artifacts)
    CHECK(std::filesystem::exists(each.at("path").get<std::string>()));
  CHECK(xml_fault(tests::bytes_in(where.path / "a/report.html")) == "");
  CHECK(has(tests::bytes_in(where.path / "a/report.html"), "<title>Mine</title>"));
  CHECK(json::parse(tests::bytes_in(where.path / "a/report.json")).at("metrics") ==
        full_context().metrics);
  if (char const* keep = std::getenv("NSAI_KEEP_REPORT"))  // to look at it
    std::filesystem::copy(where.path / "a", keep, std::filesystem::copy_options::recursive);
}

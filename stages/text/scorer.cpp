#include "stages/text/scorer.hpp"

#include "stages/option_list.hpp"
#include "stages/text/command_scorer.hpp"

namespace nsai::stages {
namespace {

constexpr std::int64_t usual_scorer_timeout_ms = 60'000;

std::vector<std::string> argv_of(json const& options) {
  std::vector<std::string> argv;
  if (auto const given = options.find("scorer_command"); given != options.end())
    try {
      read_json(*given, argv);
    } catch (shape_error const& e) {
      throw e.inside("options.scorer_command");
    }
  return argv;
}

}  // namespace

std::vector<option_description> scorer_options() {
  auto scorer = option("scorer", "string", "lexical",
                       "what scores texts: the built-in lexical one, or a command");
  scorer.choices = {"lexical", "command"};
  return {scorer,
          option("scorer_command", "array", nullptr,
                 "the program of scorer command and its arguments; JSON lines in and out"),
          between(option("scorer_timeout_ms", "integer", usual_scorer_timeout_ms,
                         "how long it may be silent while answers are missing"),
                  1, 86'400'000)};
}

std::unique_ptr<text_scorer> scorer_from(json const& options, context const& ctx,
                                         stage_env const& /*env*/, tfidf_index index) {
  auto argv = argv_of(options);
  if (options.value("scorer", "lexical") == "lexical") {
    if (!argv.empty())
      throw shape_error("options.scorer_command", "given for the scorer lexical",
                        "scorer command with it");
    return make_lexical_scorer(std::move(index));
  }
  if (argv.empty())
    throw shape_error("options.scorer_command", "nothing was given",
                      "the program that scores, and its arguments");
  return make_command_scorer(
      std::move(argv), ctx.experiment.value("base_dir", std::string{}),
      std::chrono::milliseconds{options.value("scorer_timeout_ms", usual_scorer_timeout_ms)});
}

}  // namespace nsai::stages

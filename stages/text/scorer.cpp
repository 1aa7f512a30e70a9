#include "stages/text/scorer.hpp"

#include "stages/text/command_scorer.hpp"
#include "stages/text/program_options.hpp"

namespace nsai::stages {
namespace {

program_choice const scorers{"scorer", "lexical", "scores texts", std::chrono::minutes{1}};

}  // namespace

std::vector<option_description> scorer_options() {
  return options_of(scorers);
}

std::unique_ptr<text_scorer> scorer_from(json const& options, context const& ctx,
                                         tfidf_index index) {
  if (auto const wanted = program_of(scorers, options, ctx))
    return make_command_scorer(wanted->argv, wanted->directory, wanted->timeout);
  return make_lexical_scorer(std::move(index));
}

}  // namespace nsai::stages

#include "stages/text/scorer.hpp"

#include "stages/option_list.hpp"

namespace nsai::stages {

std::vector<option_description> scorer_options() {
  auto scorer = option("scorer", "string", "lexical", "what scores texts");
  scorer.choices = {"lexical"};
  return {scorer};
}

std::unique_ptr<text_scorer> scorer_from(json const& /*options*/, context const& /*ctx*/,
                                         stage_env const& /*env*/, tfidf_index index) {
  return make_lexical_scorer(std::move(index));
}

}  // namespace nsai::stages

// A stage of one's own, in a library that is built outside of nsai-work (CMakeLists.txt beside this
// says how):
//
//   claim_lengths {longest}: how many words the claims of the loaded data set have. Into
//   `metrics.claim_lengths` {claims, mean_words, longest_words, over_longest}; the ids of claims
//   with more words than `longest` into `outputs.long_claims`.
#include <algorithm>
#include <sstream>

#include "stages/option_list.hpp"
#include "stages/plugin.hpp"

namespace {

using namespace nsai;
using namespace nsai::stages;

std::int64_t words_in(std::string const& text) {
  std::istringstream in{text};
  std::int64_t count = 0;
  for (std::string word; in >> word;)
    ++count;
  return count;
}

class claim_lengths final : public stage {
 public:
  // What people see in `nsai stages claim_lengths`, and what options are checked against.
  stage_description describe() const override {
    stage_description d;
    d.name = "claim_lengths";
    d.summary = "counts the words of claims";
    d.options = {
        at_least(option("longest", "integer", 30, "claims with more words are listed"), 1)};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!ctx.inputs.contains("dataset"))
      return outcome::failure(
          "no_dataset", "inputs.dataset: nothing was loaded; expected a data_load before", false);
    auto const longest = options.at("longest").get<std::int64_t>();
    auto const& claims = ctx.inputs.at("dataset").at("claims");
    std::int64_t total = 0;
    std::int64_t most = 0;
    json long_ones = json::array();
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (env.stop.stop_requested())
        return outcome::stopped();
      if (i % 100 == 0 && env.progress)
        env.progress(static_cast<double>(i) / static_cast<double>(claims.size()), "counting");
      auto const count = words_in(claims[i].at("claim").get<std::string>());
      total += count;
      most = std::max(most, count);
      if (count > longest)
        long_ones.push_back(claims[i].at("id"));
    }
    json metrics{{"claims", claims.size()},
                 {"longest_words", most},
                 {"over_longest", long_ones.size()},
                 {"mean_words", nullptr}};
    if (!claims.empty())
      metrics["mean_words"] = static_cast<double>(total) / static_cast<double>(claims.size());
    ctx.metrics["claim_lengths"] = metrics;
    ctx.outputs["long_claims"] = std::move(long_ones);
    auto done = outcome::success(std::move(metrics));
    done.context = std::move(ctx);
    return done;
  }
};

}  // namespace

NSAI_STAGE_PLUGIN(to) {
  to.add(std::make_unique<claim_lengths>());
}

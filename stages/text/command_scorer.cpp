#include "stages/text/command_scorer.hpp"

#include <algorithm>

#include "stages/text/line_program.hpp"

namespace nsai::stages {
namespace {

/// How far a sum of probabilities may pass 1 by rounding.
constexpr double sum_rounding = 1e-6;

double share_in(json const& answer, char const* name) {
  auto const found = answer.find(name);
  auto const value = found != answer.end() && found->is_number() ? found->get<double>() : -1.0;
  if (value >= 0 && value <= 1)
    return value;
  throw scorer_error(std::string{"scorer_command: "} + name + " of the answer " +
                     answer.value("id", json{}).dump() + ": " +
                     (found == answer.end() ? "nothing was given" : describe_json(*found)) +
                     "; expected a number from 0 to 1");
}

class command_scorer final : public text_scorer {
 public:
  command_scorer(std::vector<std::string> argv, std::filesystem::path directory,
                 std::chrono::milliseconds timeout)
      : argv_(std::move(argv)), directory_(std::move(directory)), timeout_(timeout) {}

  std::string name() const override { return "command"; }

  std::vector<entailment> entail(std::span<text_pair const> pairs,
                                 compute_hooks const& hooks) override {
    std::vector<entailment> scores;
    for (auto const& answer : ask("entailment", pairs, hooks))
      scores.push_back(entailment_of(answer));
    return scores;
  }

  std::vector<double> similar(std::span<text_pair const> pairs,
                              compute_hooks const& hooks) override {
    std::vector<double> scores;
    for (auto const& answer : ask("similarity", pairs, hooks))
      scores.push_back(similarity_of(answer));
    return scores;
  }

 private:
  std::vector<json> ask(char const* task, std::span<text_pair const> pairs,
                        compute_hooks const& hooks) {
    if (pairs.empty())
      return {};
    std::vector<json> requests;
    for (auto const& pair : pairs)
      requests.push_back(
          {{"id", next_id_++}, {"task", task}, {"evidence", pair.evidence}, {"claim", pair.claim}});
    try {
      if (program_ == nullptr)
        program_ = std::make_unique<line_program>(argv_, directory_, timeout_);
      return program_->ask(requests, hooks);
    } catch (line_program_error const& e) {
      throw scorer_error(std::string{"scorer_command: "} + e.what());
    }
  }

  std::vector<std::string> argv_;
  std::filesystem::path directory_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<line_program> program_;
  std::int64_t next_id_ = 1;
};

}  // namespace

entailment entailment_of(json const& answer) {
  entailment e;
  e.entails = share_in(answer, "entails");
  e.contradicts = share_in(answer, "contradicts");
  auto const sum = e.entails + e.contradicts;
  if (sum > 1 + sum_rounding)
    throw scorer_error("scorer_command: entails + contradicts of the answer " +
                       answer.value("id", json{}).dump() + ": " + json(sum).dump() +
                       "; expected at most 1");
  e.neutral = std::max(0.0, 1 - sum);
  return e;
}

double similarity_of(json const& answer) {
  return share_in(answer, "similarity");
}

std::unique_ptr<text_scorer> make_command_scorer(std::vector<std::string> argv,
                                                 std::filesystem::path directory,
                                                 std::chrono::milliseconds timeout) {
  return std::make_unique<command_scorer>(std::move(argv), std::move(directory), timeout);
}

}  // namespace nsai::stages

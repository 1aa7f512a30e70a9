#include "stages/text/command_scorer.hpp"

#include <doctest/doctest.h>

#include "stages/option_list.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

/// Answers every line with these fields after its id.
std::unique_ptr<text_scorer> answering(std::string const& fields) {
  return make_command_scorer(
      {"sed", "-u", "s/.*\"id\":\\([0-9]*\\).*/{\"id\":\\1," + fields + "}/"}, {},
      std::chrono::seconds{20});
}

std::vector<text_pair> const pairs{{"e", "c"}, {"f", "d \"quoted\"\nline"}, {"", ""}};

}  // namespace

TEST_CASE("a program's probabilities are taken over, neutral is the rest") {
  auto const scorer = answering("\"entails\":0.75,\"contradicts\":0.125");
  CHECK(scorer->name() == "command");
  auto const scores = scorer->entail(pairs, {});
  REQUIRE(scores.size() == 3);
  CHECK(scores[2].entails == 0.75);
  CHECK(scores[2].contradicts == 0.125);
  CHECK(scores[2].neutral == 0.125);
  CHECK(scorer->entail(pairs, {}).size() == 3);  // the same process
  CHECK(scorer->entail({}, {}).empty());
}

TEST_CASE("the program is told the task, the evidence and the claim") {
  auto const scorer = make_command_scorer(
      {"sed", "-u",
       "s/^{\"claim\":\"c\",\"evidence\":\"e\",\"id\":1,\"task\":\"similarity\"}$/{\"id\":1,"
       "\"similarity\":0.5}/"},
      {}, std::chrono::seconds{20});
  CHECK(scorer->similar(std::span{pairs}.first(1), {}) == std::vector<double>{0.5});
}

TEST_CASE("numbers out of bounds, missing ones and a dead program are errors that say so") {
  auto const fault = [](std::string const& fields) {
    try {
      answering(fields)->entail(std::span{pairs}.first(1), {});
    } catch (scorer_error const& e) {
      return std::string{e.what()};
    }
    return std::string{};
  };
  CHECK(fault("\"entails\":1.5,\"contradicts\":0") ==
        "scorer_command: entails of the answer 1: the number 1.5; expected a number from 0 to 1");
  CHECK(fault("\"entails\":0.5") ==
        "scorer_command: contradicts of the answer 1: nothing was given; expected a number from 0 "
        "to 1");
  CHECK(fault("\"entails\":0.75,\"contradicts\":0.5") ==
        "scorer_command: entails + contradicts of the answer 1: 1.25; expected at most 1");
  CHECK(fault("\"entails\":\"x\",\"contradicts\":0").find("the string \"x\"") != std::string::npos);
  CHECK_THROWS_WITH_AS(
      make_command_scorer({"false"}, {}, std::chrono::seconds{20})->similar(pairs, {}),
      "scorer_command: false: it ended with exit status 1; expected 3 more answers", scorer_error);
  CHECK_THROWS_AS(
      make_command_scorer({"/nowhere/x"}, {}, std::chrono::seconds{20})->similar(pairs, {}),
      scorer_error);
}

TEST_CASE("options choose the scorer; a command without its scorer, or the reverse, is refused") {
  stage_description d;
  d.options = scorer_options();
  auto const made = [&](json options) {
    REQUIRE_FALSE(check_options(d, options));
    return scorer_from(options, {}, {});
  };
  CHECK(made({})->name() == "lexical");
  CHECK(made({{"scorer", "command"}, {"scorer_command", {"cat"}}})->name() == "command");
  CHECK_THROWS_AS(made({{"scorer", "command"}}), shape_error);
  CHECK_THROWS_AS(made({{"scorer_command", {"cat"}}}), shape_error);
  CHECK_THROWS_WITH_AS(made({{"scorer", "command"}, {"scorer_command", {"cat", 1}}}),
                       "options.scorer_command[1]: the number 1 is not allowed; expected a string",
                       shape_error);
}

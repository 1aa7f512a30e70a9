#include <doctest/doctest.h>

#include "stages/cns/text_model.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

json command_options(std::string const& script) {
  return {{"model", "command"}, {"model_command", {"sed", "-u", script}}};
}

}  // namespace

TEST_CASE("a program's texts come in the order of the requests") {
  auto const model = text_model_from(
      command_options(R"x(s/.*"id":"\([^"]*\)".*/{"id":"\1","output":"CLAIM[c1]: of \1"}/)x"), {},
      "extractive");
  REQUIRE(model != nullptr);
  auto const texts = model->answer({{{"id", "x"}}, {{"id", "y"}}}, {});
  CHECK(texts == std::vector<std::string>{"CLAIM[c1]: of x", "CLAIM[c1]: of y"});
}

TEST_CASE("an answer without a text is refused by name") {
  auto const model = text_model_from(command_options("s/$/ /"), {}, "extractive");
  REQUIRE(model != nullptr);
  CHECK_THROWS_WITH_AS(
      model->answer({{{"id", "x"}}}, {}),
      "options.model_command: the answer to \"x\": output: nothing; expected a text", shape_error);
}

TEST_CASE(
    "the built-in model is none; a command without its program, and the reverse, are refused") {
  CHECK(text_model_from({{"model", "extractive"}}, {}, "extractive") == nullptr);
  CHECK_THROWS_AS(text_model_from({{"model", "command"}}, {}, "extractive"), shape_error);
  CHECK_THROWS_AS(
      text_model_from({{"model", "extractive"}, {"model_command", {"sed"}}}, {}, "extractive"),
      shape_error);
}

#include "stages/cns/text_model.hpp"

#include "stages/text/line_program.hpp"
#include "stages/text/program_options.hpp"

namespace nsai::stages {
namespace {

program_choice models(std::string const& built_in) {
  // They take their time, and the first answer includes loading them.
  return {"model", built_in, "writes", std::chrono::minutes{5}};
}

class command_model final : public text_model {
 public:
  explicit command_model(wanted_program wanted) : wanted_(std::move(wanted)) {}

  std::vector<std::string> answer(std::vector<json> const& requests,
                                  compute_hooks const& hooks) override {
    std::vector<std::string> texts;
    for (auto const& answer : asked(requests, hooks)) {
      auto const output = answer.find("output");
      if (output == answer.end() || !output->is_string())
        throw shape_error(
            "options.model_command: the answer to " + answer.at("id").dump() + ": output",
            output == answer.end() ? "nothing" : describe_json(*output), "a text");
      texts.push_back(output->get<std::string>());
    }
    return texts;
  }

 private:
  std::vector<json> asked(std::vector<json> const& requests, compute_hooks const& hooks) {
    try {
      if (!program_)
        program_ = std::make_unique<line_program>(wanted_.argv, wanted_.directory, wanted_.timeout);
      return program_->ask(requests, hooks);
    } catch (line_program_error const& e) {
      program_.reset();
      throw line_program_error(std::string{"options.model_command: "} + e.what());
    }
  }

  wanted_program wanted_;
  std::unique_ptr<line_program> program_;  // started when it is asked first
};

}  // namespace

std::vector<option_description> text_model_options(std::string const& built_in) {
  return options_of(models(built_in));
}

std::unique_ptr<text_model> text_model_from(json const& options, context const& ctx,
                                            std::string const& built_in) {
  auto wanted = program_of(models(built_in), options, ctx);
  return wanted ? std::make_unique<command_model>(std::move(*wanted)) : nullptr;
}

}  // namespace nsai::stages

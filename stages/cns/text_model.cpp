#include "stages/cns/text_model.hpp"

#include "stages/option_list.hpp"
#include "stages/text/line_program.hpp"

namespace nsai::stages {
namespace {

/// Models take their time, and the first answer includes loading them.
constexpr std::int64_t usual_model_timeout_ms = 300'000;

class command_model final : public text_model {
 public:
  command_model(std::vector<std::string> argv, std::string const& directory,
                std::chrono::milliseconds timeout)
      : argv_(std::move(argv)), directory_(directory), timeout_(timeout) {}

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
        program_ = std::make_unique<line_program>(argv_, directory_, timeout_);
      return program_->ask(requests, hooks);
    } catch (line_program_error const& e) {
      program_.reset();
      throw line_program_error(std::string{"options.model_command: "} + e.what());
    }
  }

  std::vector<std::string> argv_;
  std::string directory_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<line_program> program_;  // started when it is asked first
};

std::vector<std::string> model_argv_of(json const& options) {
  std::vector<std::string> argv;
  if (auto const given = options.find("model_command"); given != options.end() && !given->is_null())
    try {
      read_json(*given, argv);
    } catch (shape_error const& e) {
      throw e.inside("options.model_command");
    }
  return argv;
}

}  // namespace

std::vector<option_description> text_model_options(std::string const& built_in) {
  auto model = option("model", "string", built_in, "what writes: the built-in one, or a command");
  model.choices = {built_in, "command"};
  return {model,
          option("model_command", "array", nullptr,
                 "the program of model command and its arguments; JSON lines in and out"),
          between(option("model_timeout_ms", "integer", usual_model_timeout_ms,
                         "how long it may be silent while answers are missing"),
                  1, 86'400'000)};
}

std::unique_ptr<text_model> text_model_from(json const& options, context const& ctx) {
  auto argv = model_argv_of(options);
  bool const command = options.value("model", std::string{}) == "command";
  if (!command && argv.empty())
    return nullptr;
  if (!command)
    throw shape_error("options.model_command", "given for the built-in model",
                      "model command with it");
  if (argv.empty())
    throw shape_error("options.model_command", "nothing was given",
                      "the program that writes, and its arguments");
  return std::make_unique<command_model>(
      std::move(argv), ctx.experiment.value("base_dir", std::string{}),
      std::chrono::milliseconds{options.value("model_timeout_ms", usual_model_timeout_ms)});
}

}  // namespace nsai::stages

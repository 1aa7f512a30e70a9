#include "stages/text/program_options.hpp"

#include "stages/option_list.hpp"

namespace nsai::stages {

std::vector<option_description> options_of(program_choice const& choice) {
  auto which = option(choice.name, "string", choice.built_in,
                      "what " + choice.does + ": the built-in one, or a command");
  which.choices = {choice.built_in, "command"};
  return {
      which,
      option(choice.name + "_command", "array", nullptr,
             "the program of " + choice.name + " command and its arguments; JSON lines in and out"),
      between(option(choice.name + "_timeout_ms", "integer", choice.usual_timeout.count(),
                     "how long it may be silent while answers are missing"),
              1, 86'400'000)};
}

std::optional<wanted_program> program_of(program_choice const& choice, json const& options,
                                         context const& ctx) {
  auto const field = "options." + choice.name + "_command";
  wanted_program wanted{{}, ctx.base_dir(), choice.usual_timeout};
  auto const given = options.find(choice.name + "_command");
  if (given != options.end() && !given->is_null())
    try {
      read_json(*given, wanted.argv);
    } catch (shape_error const& e) {
      throw e.inside(field);
    }
  bool const is_command = options.value(choice.name, choice.built_in) == "command";
  if (!is_command && !wanted.argv.empty())
    throw shape_error(field, "given for the " + choice.name + " " + choice.built_in,
                      choice.name + " command with it");
  if (!is_command)
    return std::nullopt;
  if (wanted.argv.empty())
    throw shape_error(field, "nothing was given",
                      "the program that " + choice.does + ", and its arguments");
  wanted.timeout = std::chrono::milliseconds{
      options.value(choice.name + "_timeout_ms", choice.usual_timeout.count())};
  return wanted;
}

}  // namespace nsai::stages

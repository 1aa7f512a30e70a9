#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stages/stage.hpp"

namespace nsai::stages {

/// What a stage does by itself or leaves to a program of the user's, which talks JSON lines
/// (line_program.hpp). Three options: NAME (`built_in` or command), NAME_command (argv) and
/// NAME_timeout_ms.
struct program_choice {
  std::string name;
  std::string built_in;
  std::string does;  // for help and errors: "scores texts"
  std::chrono::milliseconds usual_timeout;
};

struct wanted_program {
  std::vector<std::string> argv;
  std::filesystem::path directory;  // the experiment's, where relative paths of argv begin
  std::chrono::milliseconds timeout;
};

std::vector<option_description> options_of(program_choice const& choice);

/// What checked options ask for; nothing: the built-in one. Throws shape_error where they do not
/// fit together.
std::optional<wanted_program> program_of(program_choice const& choice, json const& options,
                                         context const& ctx);

}  // namespace nsai::stages

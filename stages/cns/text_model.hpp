#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stages/compute.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// A program that writes texts: JSON lines in, each an object with an "id"; for each a line {"id",
/// "output": text} out. It answers as line_program (stages/text/line_program.hpp) asks.
class text_model {
 public:
  virtual ~text_model() = default;
  /// Texts in the order of the requests. Throws shape_error for an answer without a text.
  virtual std::vector<std::string> answer(std::vector<json> const& requests,
                                          compute_hooks const& hooks) = 0;
};

/// The options `model` (`built_in`, or command), `model_command` (argv; relative to the experiment
/// file's folder) and `model_timeout_ms`.
std::vector<option_description> text_model_options(std::string const& built_in);

/// Null: the built-in one is asked for. Throws shape_error where the options do not fit together.
std::unique_ptr<text_model> text_model_from(json const& options, context const& ctx,
                                            std::string const& built_in);

}  // namespace nsai::stages

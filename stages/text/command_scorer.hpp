#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "stages/text/scorer.hpp"

namespace nsai::stages {

/// Any program as a scorer (line_program.hpp), so that a DeBERTa or MiniLM model can be plugged in.
/// It gets {"id", "task": "entailment" or "similarity", "evidence", "claim"} and answers {"id",
/// "entails", "contradicts"} (neutral is the rest) or {"id", "similarity"}. The program is started
/// once, at the first pair. Throws scorer_error.
std::unique_ptr<text_scorer> make_command_scorer(std::vector<std::string> argv,
                                                 std::filesystem::path directory,
                                                 std::chrono::milliseconds timeout);

/// The probabilities of an answer: numbers from 0 to 1 that add up to at most 1 (and 1e-6 for
/// rounding). Throws scorer_error.
entailment entailment_of(json const& answer);

/// A number from 0 to 1. Throws scorer_error.
double similarity_of(json const& answer);

}  // namespace nsai::stages

#pragma once

#include <optional>
#include <string_view>

namespace nsai::stages {

/// What a word says about the direction or the worth of an effect; most words say nothing.
enum class cue : unsigned char { negation, up, down, good, bad };

/// `word` in lower case, as words_of gives it.
std::optional<cue> cue_of(std::string_view word);

}  // namespace nsai::stages

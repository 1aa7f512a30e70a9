#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nsai {

/// The known name that `name` was probably meant to be: the one at the smallest edit distance
/// (insertions, deletions, replacements and swaps of neighbours count 1 each), if that is at most a
/// third of its length (at least 1); else the empty string.
std::string nearest(std::string_view name, std::vector<std::string> const& known);

/// "a, b, c".
std::string joined(std::vector<std::string> const& names);

}  // namespace nsai

#pragma once

#include <cstddef>
#include <string_view>

#include "messages/field_list.hpp"

/// JSON and CBOR from outside, with a bound on how deep arrays and objects lie in each other. What
/// follows a parser (copying, comparing, writing) goes one call deeper with each level, and so does
/// the CBOR parser itself: some 100,000 opening brackets would end the process.
namespace nsai {

inline constexpr std::size_t most_nesting = 256;

/// Whether the text, as far as it is JSON, nests deeper than that. Reads it once, without parsing.
bool nests_too_deep(std::string_view text);

/// Throws shape_error when the bytes are no CBOR document or nest too deep.
json read_cbor(std::string_view bytes);

/// The fault of a document that nests too deep.
shape_error too_deep(std::string const& path);

}  // namespace nsai

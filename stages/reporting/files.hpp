#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nsai::stages {

/// Whoever reads the file sees the old one or this one. Throws std::runtime_error.
void write_whole(std::filesystem::path const& file, std::string const& text);

/// Text as content or attribute of XML and HTML. Control characters, which XML has no form for,
/// become U+FFFD.
std::string xml_escaped(std::string_view text);

/// Text within a line or a table's cell of Markdown: nothing in it ends the cell, begins a tag, a
/// link or an emphasis.
std::string markdown_escaped(std::string_view text);

}  // namespace nsai::stages

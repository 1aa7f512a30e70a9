#pragma once

#include <string>
#include <string_view>

namespace nsai::stages {

/// Text as content or attribute of XML and HTML. Control characters, which XML has no form for,
/// become U+FFFD.
std::string xml_escaped(std::string_view text);

/// Text at the beginning or within a line, or in a table's cell, of Markdown: nothing in it ends
/// the cell, begins a heading, a list, a quotation, a tag, a link or an emphasis, and addresses of
/// the web (GitHub makes links of them) stay text. Blanks at its beginning, which would be code,
/// are left out.
std::string markdown_escaped(std::string_view text);

}  // namespace nsai::stages

#include "stages/reporting/files.hpp"

#include <fstream>
#include <stdexcept>

namespace nsai::stages {

void write_whole(std::filesystem::path const& file, std::string const& text) {
  auto const part = std::filesystem::path{file}.concat(".part");
  std::ofstream out{part, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  if (!out)
    throw std::runtime_error(file.string() + " cannot be written");
  std::filesystem::rename(part, file);
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      out += "\xef\xbf\xbd";
    else
      out += c;
  }
  return out;
}

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    // An underscore within a word is no emphasis.
    bool const within = i > 0 && i + 1 < text.size() && text[i - 1] != ' ' && text[i + 1] != ' ';
    if (c == '\n' || c == '\r' || c == '\t')
      out += ' ';
    else if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '[' || c == ']' ||
             (c == '_' && !within))
      out += std::string{'\\'} + c;
    else
      out += c;
  }
  return out;
}

}  // namespace nsai::stages

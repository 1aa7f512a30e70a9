#include "stages/reporting/files.hpp"

namespace nsai::stages {

namespace {

bool is_blank_char(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Where a character that makes a line that begins with `text` something else stands; else npos.
std::size_t line_marker(std::string_view text) {
  auto const ends = [&](std::size_t at) { return at >= text.size() || is_blank_char(text[at]); };
  auto const first = text.empty() ? 'x' : text.front();
  if (first == '#' || first == '>' || first == '=')
    return 0;
  if ((first == '-' || first == '+') && (ends(1) || text[1] == first))
    return 0;
  auto const digits = text.find_first_not_of("0123456789");
  bool const numbers = digits != 0 && digits != std::string_view::npos &&
                       (text[digits] == '.' || text[digits] == ')') && ends(digits + 1);
  return numbers ? digits : std::string_view::npos;
}

bool begins_www(std::string_view text) {
  return text.size() >= 4 && (text[0] | 32) == 'w' && (text[1] | 32) == 'w' &&
         (text[2] | 32) == 'w' && text[3] == '.';
}

}  // namespace

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
  constexpr std::string_view always = "|\\`*[]~";
  while (!text.empty() && is_blank_char(text.front()))
    text.remove_prefix(1);
  std::string out;
  auto const marker = line_marker(text);
  auto const is_letter = [&](std::size_t at) {
    return at < text.size() && is_alphanumeric(text[at]);
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    bool const within_word = i > 0 && is_letter(i - 1) && is_letter(i + 1);
    bool const address = (c == ':' && text.substr(i + 1).starts_with("//")) ||
                         (c == '.' && i >= 3 && begins_www(text.substr(i - 3)));
    if (is_blank_char(c))
      out += ' ';
    else if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else if (i == marker || address || always.find(c) != std::string_view::npos ||
             (c == '_' && !within_word))
      out += std::string{'\\'} + c;
    else
      out += c;
  }
  return out;
}

}  // namespace nsai::stages

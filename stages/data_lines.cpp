#include "stages/data_lines.hpp"

#include <system_error>

#include "messages/field_list.hpp"

namespace nsai::stages {

bool data_lines::next() {
  using chars = std::istream::traits_type;
  text_.clear();
  too_long_ = false;
  bool any = false;
  auto& from = *in_.rdbuf();
  for (auto c = from.sbumpc(); !chars::eq_int_type(c, chars::eof()); c = from.sbumpc()) {
    any = true;
    if (c == '\n')
      break;
    if (too_long_)
      continue;
    if (text_.size() < most_line_bytes) {
      text_ += chars::to_char_type(c);
    } else {
      too_long_ = true;
      text_.clear();
      text_.shrink_to_fit();
    }
  }
  return any;
}

std::ifstream open_data_file(std::filesystem::path const& file, std::string const& field,
                             std::string const& expected) {
  std::error_code error;
  bool const regular = std::filesystem::is_regular_file(file, error);
  if (!regular && std::filesystem::exists(file, error))
    throw shape_error(field, file.string() + " is no regular file", expected);
  std::ifstream in;
  if (regular)
    in.open(file, std::ios::binary);
  if (!regular || !in)
    throw shape_error(field, file.string() + " cannot be read", expected);
  return in;
}

}  // namespace nsai::stages

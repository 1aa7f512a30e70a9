#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <istream>
#include <string>

namespace nsai::stages {

/// A longer line of a data file counts as broken.
inline constexpr std::size_t most_line_bytes = std::size_t{16} * 1024 * 1024;

/// The lines of a data file, of which nothing is known: one that is too long is passed over without
/// being held.
class data_lines {
 public:
  explicit data_lines(std::istream& in) : in_(in) {}

  /// False: there is no other line.
  bool next();
  std::string const& text() const { return text_; }  // without its end; empty when it is too long
  bool too_long() const { return too_long_; }

 private:
  std::istream& in_;
  std::string text_;
  bool too_long_ = false;
};

/// Opens a regular file: a device may have no end, and a pipe nobody who writes. Throws shape_error
/// at `field`.
std::ifstream open_data_file(std::filesystem::path const& file, std::string const& field,
                             std::string const& expected);

}  // namespace nsai::stages

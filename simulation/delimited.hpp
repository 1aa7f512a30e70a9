#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/field_list.hpp"

namespace nsai::simulation {

/// A table as text: a line of column names, then a row a line; cells are split at one character and
/// are not quoted. Keeps views of the text.
class delimited {
 public:
  /// Throws shape_error when there is no first line. `file`: for errors.
  delimited(std::string_view text, char separator, std::string file);

  struct row {
    std::size_t line = 0;
    std::vector<std::string_view> cells;
  };
  std::vector<row> const& rows() const { return rows_; }
  std::size_t columns() const { return names_.size(); }

  /// The position of the first of these columns that is there. Throws shape_error when none is.
  std::size_t column(std::vector<std::string> const& names) const;
  bool has_column(std::string const& name) const;

  /// A whole number from 0 to 1,000,000,000. Throws shape_error with FILE:LINE and the column.
  std::int64_t number(row const& r, std::size_t column) const;
  shape_error fault(row const& r, std::size_t column, std::string const& expected) const;
  shape_error fault(row const& r, std::string const& came, std::string const& expected) const;

 private:
  std::string file_;
  std::vector<std::string> names_;
  std::vector<row> rows_;  // without empty lines
};

/// Whether it may stand for models of GPUs in a workload or a cluster: what a request may ask for,
/// in printable characters of ASCII. Other bytes would be written as something longer.
bool is_model_pattern(std::string_view text);

}  // namespace nsai::simulation

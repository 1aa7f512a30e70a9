#include "simulation/delimited.hpp"

#include <algorithm>
#include <charconv>

#include "messages/resources.hpp"
#include "messages/suggest.hpp"

namespace nsai::simulation {
namespace {

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> cells;
  while (true) {
    auto const end = line.find(separator);
    cells.push_back(line.substr(0, end));
    if (end == std::string_view::npos)
      return cells;
    line.remove_prefix(end + 1);
  }
}

}  // namespace

delimited::delimited(std::string_view text, char separator, std::string file)
    : file_(std::move(file)) {
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3);
  for (std::size_t line = 1; !text.empty(); ++line) {
    auto const end = std::min(text.find('\n'), text.size());
    auto content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.ends_with('\r'))
      content.remove_suffix(1);
    if (content.empty())
      continue;
    auto cells = split(content, separator);
    if (names_.empty())
      names_.assign(cells.begin(), cells.end());
    else
      rows_.push_back({line, std::move(cells)});
  }
  if (names_.empty())
    throw shape_error(file_, "there is nothing in it", "a first line with the names of columns");
}

bool delimited::has_column(std::string const& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::size_t delimited::column(std::vector<std::string> const& names) const {
  for (auto const& name : names)
    if (auto const at = std::find(names_.begin(), names_.end(), name); at != names_.end())
      return static_cast<std::size_t>(at - names_.begin());
  throw shape_error(file_ + ":1", "there is no column " + names.front(),
                    "a first line with the names of columns, " + joined(names) +
                        (names.size() > 1 ? " (one of them)" : "") + " among them");
}

std::int64_t delimited::number(row const& r, std::size_t column) const {
  if (column >= r.cells.size())
    throw fault(r, std::to_string(r.cells.size()) + " cells are too few",
                std::to_string(names_.size()));
  auto const cell = r.cells[column];
  std::int64_t value = -1;
  auto const [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  constexpr std::int64_t most = 1'000'000'000;
  if (error != std::errc{} || end != cell.data() + cell.size() || value < 0 || value > most)
    throw fault(r, column, "a whole number from 0 to " + std::to_string(most));
  return value;
}

shape_error delimited::fault(row const& r, std::size_t column, std::string const& expected) const {
  return fault(
      r, names_[column] + ": \"" + std::string(r.cells[column].substr(0, 60)) + "\" is not allowed",
      expected);
}

shape_error delimited::fault(row const& r, std::string const& came,
                             std::string const& expected) const {
  return {file_ + ":" + std::to_string(r.line), came, expected};
}

bool is_model_pattern(std::string_view text) {
  resources asks;
  asks.gpu = text;
  return !text.empty() && !complete_and_check(asks) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace nsai::simulation

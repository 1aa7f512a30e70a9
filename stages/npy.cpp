#include "stages/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view magic{"\x93NUMPY", 6};
constexpr std::string_view readable = "an .npy file of two dimensions, float32 or float64, C order";

[[noreturn]] void refuse(std::string const& field, std::string const& came) {
  throw shape_error(field, came, std::string{readable});
}

struct header {
  std::string text;  // a Python dictionary
  std::string value_of(std::string const& key) const {
    auto const at = text.find("'" + key + "'");
    if (at == std::string::npos)
      return {};
    auto const from = text.find_first_not_of(" :", at + key.size() + 2);
    if (from == std::string::npos)
      return {};
    char const close = text[from] == '(' ? ')' : text[from] == '\'' ? '\'' : ',';
    auto const end = text.find(close, from + 1);
    return text.substr(from, end == std::string::npos ? end : end - from + (close == ',' ? 0 : 1));
  }
};

header read_header(std::istream& in, std::string const& field, std::string const& name) {
  std::array<char, 12> begin{};
  in.read(begin.data(), 8);
  if (!in || std::string_view{begin.data(), magic.size()} != magic)
    refuse(field, name + " does not begin as an .npy file does");
  bool const old = begin[6] == 1;
  in.read(begin.data() + 8, old ? 2 : 4);
  std::uint32_t length = 0;
  std::memcpy(&length, begin.data() + 8, old ? 2 : 4);
  if (!in || length > 65'536)
    refuse(field, name + " has a header of " + std::to_string(length) + " bytes");
  header h;
  h.text.resize(length);
  in.read(h.text.data(), length);
  if (!in)
    refuse(field, name + " ends in its header");
  return h;
}

/// "(12, 3)" as {12, 3}.
std::vector<std::size_t> dimensions_of(std::string const& shape) {
  std::vector<std::size_t> all;
  for (std::size_t at = 0; at < shape.size();) {
    if (shape[at] < '0' || shape[at] > '9') {
      ++at;
      continue;
    }
    std::size_t n = 0;
    for (; at < shape.size() && shape[at] >= '0' && shape[at] <= '9'; ++at)
      n = n < (std::size_t{1} << 40U) ? n * 10 + static_cast<std::size_t>(shape[at] - '0') : n;
    all.push_back(n);
  }
  return all;
}

void check_finite(matrix const& m, std::string const& field) {
  for (std::size_t i = 0; i < m.values.size(); ++i)
    if (!std::isfinite(m.values[i]))
      throw shape_error(field,
                        "row " + std::to_string(i / m.columns) + ", column " +
                            std::to_string(i % m.columns) + " is " + std::to_string(m.values[i]),
                        "finite numbers");
}

void write(fs::path const& file, void const* values, std::size_t count, std::size_t rows,
           char const* type) {
  if (file.has_parent_path())
    fs::create_directories(file.parent_path());
  std::string text = std::string{"{'descr': '"} + type + "', 'fortran_order': False, 'shape': (" +
                     std::to_string(rows) + ", " + std::to_string(rows == 0 ? 0 : count / rows) +
                     "), }";
  // The header ends at a multiple of 64 bytes, with a newline.
  text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 10, ' ');
  text.back() = '\n';
  auto const length = static_cast<std::uint16_t>(text.size());
  auto const part = fs::path{file}.concat(".part");
  std::ofstream out{part, std::ios::binary | std::ios::trunc};
  out << magic << '\x01' << '\0';
  out.write(reinterpret_cast<char const*>(&length), 2);
  out << text;
  out.write(static_cast<char const*>(values), static_cast<std::streamsize>(count * 4));
  out.close();
  if (!out)
    throw std::runtime_error(part.string() + " could not be written");
  fs::rename(part, file);
}

}  // namespace

matrix read_npy(fs::path const& file, std::string const& field) {
  std::ifstream in{file, std::ios::binary};
  if (!in || fs::is_directory(file))
    refuse(field, file.string() + " cannot be read");
  return read_npy(in, fs::file_size(file), file.filename().string(), field);
}

matrix read_npy(std::istream& in, std::uint64_t size, std::string const& name,
                std::string const& field) {
  auto const head = read_header(in, field, name);
  auto const type = head.value_of("descr");
  auto const shape = dimensions_of(head.value_of("shape"));
  bool const wide = type == "'<f8'";
  if ((!wide && type != "'<f4'") || head.value_of("fortran_order") != "False" || shape.size() != 2)
    refuse(field, name + " has " + head.text.substr(0, head.text.find_last_not_of(" \n") + 1));
  matrix m;
  m.rows = shape[0];
  m.columns = shape[1];
  if (m.rows == 0 || m.columns == 0)
    refuse(field, name + " has no values");
  auto const bytes = static_cast<std::uint64_t>(m.rows) * m.columns * (wide ? 8 : 4);
  auto const left = size - static_cast<std::uint64_t>(in.tellg());
  if (m.rows > left / m.columns || bytes != left)
    refuse(field, name + " has " + std::to_string(left) + " bytes of values for " +
                      std::to_string(m.rows) + " x " + std::to_string(m.columns));
  m.values.resize(m.rows * m.columns);
  if (wide) {
    std::vector<double> doubles(m.values.size());
    in.read(reinterpret_cast<char*>(doubles.data()), static_cast<std::streamsize>(bytes));
    std::transform(doubles.begin(), doubles.end(), m.values.begin(),
                   [](double x) { return static_cast<float>(x); });
  } else {
    in.read(reinterpret_cast<char*>(m.values.data()), static_cast<std::streamsize>(bytes));
  }
  if (!in)
    refuse(field, name + " ends before its last value");
  check_finite(m, field);
  return m;
}

void write_npy(fs::path const& file, std::span<float const> values, std::size_t rows) {
  write(file, values.data(), values.size(), rows, "<f4");
}

void write_npy(fs::path const& file, std::span<std::uint32_t const> values, std::size_t rows) {
  write(file, values.data(), values.size(), rows, "<u4");
}

matrix matrix_of(json const& given, std::string const& field, fs::path const& base) {
  if (given.is_string()) {
    fs::path const path = given.get<std::string>();
    return read_npy(path.is_absolute() ? path : base / path, field);
  }
  matrix m;
  if (!given.is_array() || given.empty())
    throw shape_error(field, given.is_array() ? "an empty array" : given.type_name(),
                      "the path of an .npy file, or an array of rows of numbers");
  m.rows = given.size();
  for (std::size_t r = 0; r < m.rows; ++r) {
    auto const& row = given[r];
    auto const place = field + "[" + std::to_string(r) + "]";
    if (!row.is_array() || row.empty() || (r > 0 && row.size() != m.columns))
      throw shape_error(
          place,
          row.is_array() ? "a row of " + std::to_string(row.size()) + " numbers" : row.type_name(),
          r > 0 ? "one of " + std::to_string(m.columns) + " numbers, as before"
                : "a row of numbers");
    m.columns = row.size();
    for (auto const& each : row) {
      if (!each.is_number())
        throw shape_error(place, each.type_name(), "numbers");
      m.values.push_back(each.get<float>());
    }
  }
  check_finite(m, field);
  return m;
}

}  // namespace nsai::stages

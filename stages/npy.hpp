#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <span>
#include <vector>

#include "messages/field_list.hpp"
#include "stages/compute.hpp"

namespace nsai::stages {

/// A matrix in memory of its own.
struct matrix {
  std::vector<float> values;
  std::size_t rows = 0;
  std::size_t columns = 0;

  matrix_view view() const { return {values.data(), rows, columns}; }
};

/// Reads NumPy's .npy (versions 1 to 3 of its format): two dimensions, little-endian float32 or
/// float64, C order. Throws shape_error at `field`; every value must be finite.
matrix read_npy(std::filesystem::path const& file, std::string const& field);

/// The same from a stream of so many bytes; `name` is what errors call it.
matrix read_npy(std::istream& in, std::uint64_t bytes, std::string const& name,
                std::string const& field);

/// Writes two dimensions of float32 or uint32, so that a reader sees the old file or the new one.
/// Throws std::runtime_error.
void write_npy(std::filesystem::path const& file, std::span<float const> values, std::size_t rows);
void write_npy(std::filesystem::path const& file, std::span<std::uint32_t const> values,
               std::size_t rows);

/// A matrix as an option gives it: the path of an .npy file (relative ones from `base`), or an
/// array of rows.
matrix matrix_of(json const& given, std::string const& field, std::filesystem::path const& base);

}  // namespace nsai::stages

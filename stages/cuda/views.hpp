#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// What the owners lend (owners.hpp): memory of the device, for kernels and copies. The machine
/// itself cannot read it. A view holds nothing: its owner must outlive what was begun with it.
namespace nsai::stages::cuda {

template <class To, class From>
concept reads_as = std::is_convertible_v<From (*)[], To (*)[]>;  // itself, or const added

/// Kernels and cuBLAS know what the bits mean.
struct bfloat16 {
  std::uint16_t bits = 0;
};

template <class T>
class device_matrix;

/// `size` elements, one after the other.
template <class T>
class device_span {
 public:
  device_span() = default;
  device_span(T* data, std::size_t size) : data_(data), size_(size) {}
  template <class U>
  requires reads_as<T, U> device_span(device_span<U> from)
      : data_(from.data()), size_(from.size()) {}

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  device_span part(std::size_t first, std::size_t count) const { return {data_ + first, count}; }
  /// Its first rows * columns elements.
  device_matrix<T> as_rows(std::size_t rows, std::size_t columns) const {
    return {data_, rows, columns};
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Row-major: row r begins at data + r * columns.
template <class T>
class device_matrix {
 public:
  device_matrix() = default;
  device_matrix(T* data, std::size_t rows, std::size_t columns)
      : data_(data), rows_(rows), columns_(columns) {}
  template <class U>
  requires reads_as<T, U> device_matrix(device_matrix<U> from)
      : data_(from.data()), rows_(from.rows()), columns_(from.columns()) {}

  T* data() const { return data_; }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t size() const { return rows_ * columns_; }
  device_span<T> elements() const { return {data_, size()}; }
  device_matrix band(std::size_t first, std::size_t count) const {
    return {data_ + first * columns_, count, columns_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

}  // namespace nsai::stages::cuda

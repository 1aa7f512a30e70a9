#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Numbers and texts as they lie in the compact form (compact.hpp).
namespace nsai::compact {

/// Appends to a text.
class writer {
 public:
  explicit writer(std::string& to) : to_(to) {}

  void number(std::uint64_t value) {
    while (value >= 0x80) {
      to_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    to_ += static_cast<char>(value);
  }
  void text(std::string_view value) {
    number(value.size());
    to_.append(value);
  }

 private:
  std::string& to_;
};

/// Takes from the front of a text. Every function returns whether there was what it reads; after
/// the first failure nothing more should be read.
class reader {
 public:
  explicit reader(std::string_view from) : from_(from) {}

  [[nodiscard]] bool number(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !from_.empty(); shift += 7) {
      auto const byte = static_cast<std::uint8_t>(from_.front());
      from_.remove_prefix(1);
      auto const part = static_cast<std::uint64_t>(byte & 0x7f);
      if (shift == 63 && part > 1)
        return false;
      value |= part << shift;
      if ((byte & 0x80) == 0)
        return true;
    }
    return false;
  }
  [[nodiscard]] bool text(std::string& value) {
    std::uint64_t size = 0;
    if (!number(size) || size > from_.size())
      return false;
    value.assign(from_.substr(0, size));
    from_.remove_prefix(size);
    return true;
  }
  std::size_t left() const { return from_.size(); }

 private:
  std::string_view from_;
};

}  // namespace nsai::compact

#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace nsai::scheduling {

/// A std::optional whose value lies on the heap: it costs a pointer while it is empty, and the
/// value does not move with it. A copy is a copy of the value.
template <class T>
class boxed {
 public:
  boxed() noexcept = default;
  boxed(std::nullopt_t) noexcept {}
  boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  boxed(std::optional<T> value)
      : value_(value ? std::make_unique<T>(std::move(*value)) : nullptr) {}
  boxed(boxed const& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  boxed(boxed&&) noexcept = default;
  boxed& operator=(boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~boxed() = default;

  explicit operator bool() const noexcept { return value_ != nullptr; }
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_.get(); }
  T* get() const noexcept { return value_.get(); }
  void reset() noexcept { value_.reset(); }
  T& emplace() { return *(value_ = std::make_unique<T>()); }
  /// The value itself, which is gone then.
  std::optional<T> take() {
    auto const value = std::move(value_);
    return value ? std::optional<T>(std::move(*value)) : std::nullopt;
  }
  operator std::optional<T>() const { return value_ ? std::optional<T>(*value_) : std::nullopt; }
  friend bool operator==(boxed const& box, T const& value) { return box && *box == value; }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace nsai::scheduling

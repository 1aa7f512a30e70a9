#pragma once

#include <string>
#include <utility>
#include <variant>

#include "devices/nvml_api.hpp"

namespace nsai::devices {

/// NVIDIA's management library, loaded and initialised for as long as this lives: its functions.
class nvml_library {
 public:
  /// Else a sentence that says why there is none.
  static std::variant<nvml_library, std::string> open(std::string const& name);
  ~nvml_library();
  nvml_library(nvml_library&& other) noexcept
      : library_(std::exchange(other.library_, nullptr)), call_(other.call_) {}
  nvml_library& operator=(nvml_library&&) = delete;

  /// Null where this driver has no such function, as far as not every one has it.
  nvml_api::functions const& call() const { return call_; }
  /// What the library says of one of its results.
  std::string words(int result) const;

 private:
  nvml_library(void* library, nvml_api::functions const& call) : library_(library), call_(call) {}

  void* library_ = nullptr;
  nvml_api::functions call_{};
};

}  // namespace nsai::devices

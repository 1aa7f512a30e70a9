#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

namespace nsai::scheduling {

// Positions in the core's tables. They never leave the core.
using shape_index = std::uint32_t;
using terms_index = std::uint32_t;
using tenant_index = std::uint32_t;
using owner_index = std::uint32_t;
using stage_index = std::uint32_t;
using model_index = std::uint32_t;
using device_class_index = std::uint32_t;  // devices of one class have one model and memory size
using node_index = std::uint32_t;
using kind_index = std::uint32_t;  // of nodes: those of one kind offer the same
using queue_slot = std::uint32_t;

inline constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// Gives each name a number, so that jobs carry four bytes for it. Names are never forgotten.
class name_table {
 public:
  std::uint32_t intern(std::string const& name) {
    // Most ask for what was asked for just before.
    if (latest_ < names_.size() && names_[latest_] == name)
      return latest_;
    auto const [at, is_new] = index_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new)
      names_.push_back(name);
    return latest_ = at->second;
  }
  std::uint32_t find(std::string const& name) const {
    if (latest_ < names_.size() && names_[latest_] == name)
      return latest_;
    auto const at = index_.find(name);
    return at == index_.end() ? none : latest_ = at->second;
  }
  std::string const& operator[](std::uint32_t index) const { return names_[index]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<std::string> names_;
  mutable std::uint32_t latest_ = none;
};

}  // namespace nsai::scheduling

#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "processes/file_descriptor.hpp"

namespace nsai::actors {

/// Free TCP ports of this machine, for gangs whose rank 0 runs here. Each is kept bound, without
/// listening, until a program is about to use it, so that nobody else takes it meanwhile. They lie
/// below the range from which the kernel gives ports to whoever asks for any: after its release no
/// outgoing connection gets it by chance. Not thread-safe.
class port_pool {
 public:
  explicit port_pool(std::size_t wanted = 8);

  /// Every port that is held, after topping up.
  std::vector<std::uint32_t> all();
  /// Those that were chosen since `all` or `fresh` was asked, after topping up.
  std::vector<std::uint32_t> fresh();
  /// A program is about to use it. Another one takes its place when the next is asked for.
  void release(std::uint32_t port) { held_.erase(port); }

 private:
  void top_up();

  std::size_t wanted_;
  std::uint32_t first_ = 0;
  std::uint32_t end_ = 0;
  std::mt19937 random_;
  std::map<std::uint32_t, processes::file_descriptor> held_;
  std::vector<std::uint32_t> fresh_;
};

}  // namespace nsai::actors

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nsai::processes {

/// Keeps the last `keep` bytes of what is appended.
class byte_tail {
 public:
  explicit byte_tail(std::size_t keep) : keep_(keep) {}

  void append(std::string_view bytes) {
    if (bytes.size() >= keep_) {
      kept_.assign(bytes.substr(bytes.size() - keep_));
      return;
    }
    kept_.append(bytes);
    // Moving the bytes only when there are twice as many makes an append cost its own length on
    // average.
    if (kept_.size() > 2 * keep_)
      kept_.erase(0, kept_.size() - keep_);
  }

  std::string text() const {
    return kept_.size() > keep_ ? kept_.substr(kept_.size() - keep_) : kept_;
  }

 private:
  std::size_t keep_;
  std::string kept_;
};

}  // namespace nsai::processes

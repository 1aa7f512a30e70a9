#pragma once

#include <caf/io/network/default_multiplexer.hpp>

namespace nsai::actors {

/// Gives descriptors numbers that do not come back soon: each the next free one above the one
/// before, from `first` to the process's limit (but not beyond `last`), and then from the start.
class ascending_numbers {
 public:
  static constexpr int first = 256;
  static constexpr int last = 65'536;

  /// The same file under such a number; under the old one when there is none.
  int renumber(int fd);

 private:
  int next_ = first;
};

/// CAF's network input and output, with connections that have such numbers. CAF 0.17 knows a
/// connection by its descriptor, and forgets a closed one with a message to itself. Where the
/// system has given the number to a new connection meanwhile, it is that one which is forgotten:
/// what it says is read, and nobody can answer. One in some thousand clients was lost in a crowd.
class network_backend : public caf::io::network::default_multiplexer {
 public:
  using default_multiplexer::default_multiplexer;
  using default_multiplexer::new_scribe;
  caf::io::scribe_ptr new_scribe(caf::io::network::native_socket fd) override {
    return default_multiplexer::new_scribe(numbers_.renumber(fd));
  }

 private:
  ascending_numbers numbers_;
};

}  // namespace nsai::actors

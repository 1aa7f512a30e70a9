#pragma once

#include <stdexcept>

namespace nsai::store {

/// The store cannot take or give data now: disk full, I/O error, damaged file, newer schema; or the
/// data directory is unsuitable or in use.
class store_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace nsai::store

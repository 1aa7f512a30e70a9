#include "messages/error.hpp"

namespace nsai {

error_info usage_error(std::string field, std::string const& came, std::string const& expected) {
  error_info error;
  error.category = "usage";
  error.code = "invalid";
  error.message = field + ": " + came + "; expected " + expected;
  error.field = std::move(field);
  return error;
}

error_info usage_error(shape_error const& fault) {
  error_info error;
  error.category = "usage";
  error.code = "invalid";
  error.message = fault.what();
  error.field = fault.path();
  return error;
}

}  // namespace nsai

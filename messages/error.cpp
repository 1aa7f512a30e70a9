#include "messages/error.hpp"

namespace nsai {

error_info error_of(std::string category, std::string code, std::string message) {
  error_info error;
  error.category = std::move(category);
  error.code = std::move(code);
  error.message = std::move(message);
  return error;
}

error_info usage_error(std::string field, std::string const& came, std::string const& expected) {
  auto error = error_of("usage", "invalid", field + ": " + came + "; expected " + expected);
  error.field = std::move(field);
  return error;
}

error_info usage_error(shape_error const& fault) {
  auto error = error_of("usage", "invalid", fault.what());
  error.field = fault.path();
  return error;
}

}  // namespace nsai

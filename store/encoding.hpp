#pragma once

#include <string_view>

#include "messages/record.hpp"
#include "store/store_error.hpp"

/// How the values of a row that are not plain columns become text: compact JSON, invalid UTF-8
/// replaced.
namespace nsai::store {

/// The members that differ from those of a value made by default, so that the resources and
/// constraints of an ordinary job take some ten bytes; empty when there are none. Changing a
/// default in messages/ changes the meaning of stored rows: it needs a migration that writes the
/// old default out.
template <described T>
std::string encode_sparse(T const& value) {
  static T const usual{};
  json object;
  auto add = [&](auto each) {
    if (!(value.*each.member == usual.*each.member))
      object[each.name] = write_json(value.*each.member);
  };
  std::apply([&](auto... each) { (add(each), ...); }, T::fields());
  return json_text::of(object).text;
}

/// Empty for an empty list or an absent value.
template <class T>
std::string encode(std::vector<T> const& list) {
  return list.empty() ? std::string() : json_text::of(write_json(list)).text;
}
template <class T>
std::string encode(std::optional<T> const& value) {
  return value ? json_text::of(write_json(*value)).text : std::string();
}

/// Reads what the functions above wrote; `what` names it in the error.
template <class T>
T decode(std::string_view text, char const* what) {
  T value{};
  if (text.empty())
    return value;
  try {
    read_json(json::parse(text), value);
  } catch (std::exception const& fault) {
    throw store_error(std::string("store: a damaged row: ") + what + ": " + fault.what());
  }
  return value;
}

/// Decodes a text once where it comes several times in a row, as it does for the children of an
/// array.
template <class T>
class decoder {
 public:
  explicit decoder(char const* what) : what_(what) {}

  T const& operator()(std::string_view text) {
    if (text == last_text_)
      return last_;
    last_ = decode<T>(text, what_);
    last_text_ = text;
    return last_;
  }

 private:
  char const* what_;
  std::string last_text_;
  T last_{};
};

/// metadata.experiment_id, or empty.
std::string experiment_of(json_text const& metadata);

}  // namespace nsai::store

#include "stages/context_merge.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace nsai::stages {
namespace {

/// A value, or that there is none. Borrowed.
using maybe = json const*;

maybe member(maybe object, std::string const& key) {
  if (object == nullptr || !object->is_object())
    return nullptr;
  auto const found = object->find(key);
  return found == object->end() ? nullptr : &*found;
}

bool same(maybe a, maybe b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

json shown(json const& value) {
  constexpr std::size_t longest = 200;
  auto const text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= longest)
    return value;
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;  // not inside of a character
  return text.substr(0, end) + "...";
}

class context_merge {
 public:
  json merge(maybe ancestor, json const& first, json const& second) {
    auto merged = value_of("", ancestor, &first, &second).value_or(json::object());
    if (conflicts_.empty() || !merged.is_object())
      return merged;
    auto& assigns = merged["assigns"];
    if (!assigns.is_object())
      assigns = json::object();
    auto& list = assigns["conflicts"];
    if (!list.is_array())
      list = json::array();
    for (auto& each : conflicts_)
      if (std::find(list.begin(), list.end(), each) == list.end())
        list.push_back(std::move(each));
    return merged;
  }

 private:
  /// Nothing: it was removed.
  std::optional<json> value_of(std::string const& path, maybe ancestor, maybe first, maybe second) {
    if (same(ancestor, first) || same(first, second))
      return copy(second);
    if (same(ancestor, second))
      return copy(first);
    if (first != nullptr && second != nullptr) {
      if (first->is_object() && second->is_object())
        return merge_objects(path, ancestor, *first, *second);
      if (first->is_array() && second->is_array())
        return union_of(*first, *second);
    }
    note(path, first, second);
    return copy(second);
  }

  static std::optional<json> copy(maybe value) {
    return value == nullptr ? std::nullopt : std::optional<json>(*value);
  }

  json merge_objects(std::string const& path, maybe ancestor, json const& first,
                     json const& second) {
    json merged = json::object();
    auto const take = [&](std::string const& key) {
      auto const at = path.empty() ? key : path + "." + key;
      if (auto value =
              value_of(at, member(ancestor, key), member(&first, key), member(&second, key)))
        merged[key] = std::move(*value);
    };
    for (auto const& [key, value] : first.items())
      take(key);
    for (auto const& [key, value] : second.items())
      if (!first.contains(key))
        take(key);
    return merged;
  }

  static json union_of(json const& first, json const& second) {
    json all = first;
    for (auto const& item : second)
      if (std::find(first.begin(), first.end(), item) == first.end())
        all.push_back(item);
    return all;
  }

  void note(std::string const& path, maybe first, maybe second) {
    if (path == "experiment" || path.starts_with("experiment."))
      return;
    auto const told = [](maybe value) { return value == nullptr ? json{} : shown(*value); };
    conflicts_.push_back({{"path", path}, {"kept", told(second)}, {"dropped", told(first)}});
  }

  std::vector<json> conflicts_;
};

}  // namespace

json merge_contexts(json const& ancestor, json const& first, json const& second) {
  return context_merge{}.merge(&ancestor, first, second);
}

json overlay_context(json const& context, json const& changes) {
  json after = context.is_object() ? context : json::object();
  for (auto const& [key, value] : changes.items()) {
    auto& at = after[key];
    if (at.is_object() && value.is_object())
      at = overlay_context(at, value);
    else
      at = value;
  }
  return after;
}

std::string merge_context_texts(std::string const& ancestor, std::string const& first,
                                std::string const& second) {
  if (first == ancestor || first == second)
    return second;
  if (second == ancestor)
    return first;
  auto const read = [](std::string const& text) {
    return text.empty() ? json::object() : json_text{text}.value();
  };
  auto const merged = merge_contexts(read(ancestor), read(first), read(second));
  return merged.empty() ? std::string{} : json_text::of(merged).text;
}

}  // namespace nsai::stages

#include "stages/context_merge.hpp"

#include <algorithm>
#include <functional>
#include <unordered_map>
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

/// Appends what is not there yet; by hashes, since lists may be long.
void add_missing(json& first, json const& second) {
  std::unordered_multimap<std::size_t, std::size_t> there;
  for (std::size_t i = 0; i < first.size(); ++i)
    there.emplace(std::hash<json>{}(first[i]), i);
  for (auto const& item : second) {
    auto const [from, to] = there.equal_range(std::hash<json>{}(item));
    if (std::any_of(from, to, [&](auto const& at) { return first[at.second] == item; }))
      continue;
    there.emplace(std::hash<json>{}(item), first.size());
    first.push_back(item);
  }
}

void overlay(json& to, json const& changes) {
  for (auto const& [key, value] : changes.items()) {
    auto& at = to[key];
    if (at.is_object() && value.is_object())
      overlay(at, value);
    else
      at = value;
  }
}

class context_merge {
 public:
  void merge(json& first, maybe ancestor, json const& second) {
    if (!same(ancestor, &second) && !merge_value("", first, ancestor, &second))
      first = json::object();
    if (conflicts_.empty() || !first.is_object())
      return;
    auto& assigns = first["assigns"];
    if (!assigns.is_object())
      assigns = json::object();
    auto& list = assigns["conflicts"];
    if (!list.is_array())
      list = json::array();
    add_missing(list, conflicts_);
  }

 private:
  /// `first` becomes the merged value; false: there is none any more.
  bool merge_value(std::string const& path, json& first, maybe ancestor, maybe second) {
    if (same(ancestor, second) || same(&first, second))
      return true;
    if (second != nullptr && first.is_object() && second->is_object()) {
      merge_objects(path, first, ancestor, *second);
      return true;
    }
    if (!same(ancestor, &first)) {
      if (second != nullptr && first.is_array() && second->is_array()) {
        add_missing(first, *second);
        return true;
      }
      note(path, &first, second);
    }
    if (second == nullptr)
      return false;
    first = *second;
    return true;
  }

  void merge_objects(std::string const& path, json& first, maybe ancestor, json const& second) {
    auto const at = [&](std::string const& key) { return path.empty() ? key : path + "." + key; };
    for (auto it = first.begin(); it != first.end();) {
      bool const stays =
          merge_value(at(it.key()), *it, member(ancestor, it.key()), member(&second, it.key()));
      it = stays ? std::next(it) : first.erase(it);
    }
    for (auto const& [key, value] : second.items()) {
      if (first.contains(key))
        continue;
      auto const* const before = member(ancestor, key);
      if (before != nullptr && *before == value)
        continue;  // the first one has removed it
      if (before != nullptr)
        note(at(key), nullptr, &value);
      first[key] = value;
    }
  }

  void note(std::string const& path, maybe first, maybe second) {
    if (path == "experiment" || path.starts_with("experiment."))
      return;
    auto const told = [](maybe value) { return value == nullptr ? json{} : shown(*value); };
    conflicts_.push_back({{"path", path}, {"kept", told(second)}, {"dropped", told(first)}});
  }

  json conflicts_ = json::array();
};

}  // namespace

void merge_contexts(json& first, json const& ancestor, json const& second) {
  context_merge{}.merge(first, &ancestor, second);
}

json overlay_context(json const& context, json const& changes) {
  json after = context.is_object() ? context : json::object();
  overlay(after, changes);
  auto const before = context.is_object() ? context.value("artifacts", json{}) : json{};
  if (before.is_array() && changes.contains("artifacts") && changes.at("artifacts").is_array()) {
    after["artifacts"] = before;
    for (auto const& each : changes.at("artifacts"))
      after["artifacts"].push_back(each);
  }
  return after;
}

}  // namespace nsai::stages

#include "messages/resources.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace nsai {
namespace {

using tokens = std::vector<std::string>;

tokens split(std::string const& text, char const* separators) {
  tokens parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    auto const to = std::min(text.find_first_of(separators, from), text.size());
    if (to > from)
      parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  for (auto& part : parts)
    std::transform(part.begin(), part.end(), part.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return parts;
}

std::optional<error_info> outside(std::string const& field, std::int64_t value, std::int64_t least,
                                  std::int64_t most, char const* unit) {
  if (value >= least && value <= most)
    return std::nullopt;
  return usage_error(field, std::to_string(value) + " is not allowed",
                     std::to_string(least) + " to " + std::to_string(most) + unit);
}

std::optional<error_info> check_labels(resources const& r, std::string const& path) {
  for (auto const& [key, value] : r.node_labels)
    if (key.empty() || key.size() > 64 || value.size() > 256)
      return usage_error(path + ".node_labels", "\"" + key.substr(0, 80) + "\" is not allowed",
                         "a key of 1 to 64 and a value of at most 256 characters");
  return std::nullopt;
}

}  // namespace

std::optional<error_info> complete_and_check(resources& r, std::string const& path) {
  constexpr std::int64_t most_memory_mb = 1 << 30;
  if (r.cpu.value < 0 || r.cpu.value > 1'000'000)
    return usage_error(path + ".cpu", json(r.cpu).dump() + " is not allowed",
                       "a number of cores from 0 to 1000");
  if (auto fault = outside(path + ".memory_mb", r.memory_mb, 0, most_memory_mb, " MiB"))
    return fault;
  if (auto fault = outside(path + ".gpu_memory_mb", r.gpu_memory_mb, 0, most_memory_mb, " MiB"))
    return fault;
  if (auto fault = outside(path + ".gpu_count", r.gpu_count, 0, 1024, " GPUs"))
    return fault;
  if (r.gpu_share.value < 1 || r.gpu_share.value > 1000)
    return usage_error(path + ".gpu_share", json(r.gpu_share).dump() + " is not allowed",
                       "a number above 0 (at least 0.001), at most 1 (exclusive)");
  bool const wants_gpu = !r.gpu.empty() || r.gpu_memory_mb > 0 || r.gpu_share.value < 1000;
  if (r.gpu_count == 0 && wants_gpu)
    r.gpu_count = 1;
  if (r.gpu_share.value < 1000 && r.gpu_count != 1)
    return usage_error(path + ".gpu_share",
                       "a share of " + std::to_string(r.gpu_count) + " GPUs is not allowed",
                       "gpu_count 1 with a share below 1");
  if (r.gpu.size() > 256 || (!r.gpu.empty() && split(r.gpu, "| -_").empty()))
    return usage_error(path + ".gpu", "\"" + r.gpu.substr(0, 80) + "\" is not allowed",
                       "a model or alternatives such as A100|H100");
  return check_labels(r, path);
}

std::vector<std::string> models_in(std::string const& pattern) {
  auto list = split(pattern, "|");
  std::erase_if(list, [](auto const& each) { return split(each, " -_").empty(); });
  return list;
}

bool is_instance_model(std::string const& model) {
  auto const words = split(model, " -_");
  return std::find(words.begin(), words.end(), "mig") != words.end();
}

bool gpu_model_matches(std::string const& pattern, std::string const& model) {
  auto const alternatives = split(pattern, "|");
  if (alternatives.empty())
    return true;
  auto const have = split(model, " -_");
  auto const instance = std::find(have.begin(), have.end(), "mig");
  auto const tells_instances = [&](std::string const& word) {
    return std::find(instance, have.end(), word) != have.end();
  };
  return std::any_of(alternatives.begin(), alternatives.end(), [&](std::string const& alternative) {
    auto const want = split(alternative, " -_");
    if (want.empty())
      return false;
    if (instance == have.end())
      return std::search(have.begin(), have.end(), want.begin(), want.end()) != have.end();
    auto from = have.begin();
    return std::any_of(want.begin(), want.end(), tells_instances) &&
           std::all_of(want.begin(), want.end(), [&](std::string const& word) {
             auto const at = std::find(from, have.end(), word);
             bool const found = at != have.end();
             from = found ? at + 1 : at;
             return found;
           });
  });
}

}  // namespace nsai

#include "scheduling/request_words.hpp"

#include <vector>

#include "messages/suggest.hpp"

namespace nsai::scheduling {

std::string decimal(std::int64_t thousandths) {
  auto text = std::to_string(thousandths / 1000);
  if (auto rest = thousandths % 1000; rest != 0) {
    auto digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text;
}

std::string gpus_in_words(resources const& r) {
  std::string text = r.gpu_share.value < 1000 ? decimal(r.gpu_share.value) + " of a GPU"
                     : r.gpu_count == 1       ? "1 GPU"
                                              : std::to_string(r.gpu_count) + " GPUs";
  if (!r.gpu.empty())
    text += " of " + r.gpu;
  if (r.gpu_memory_mb > 0)
    text += " with " + std::to_string(r.gpu_memory_mb) + " MiB";
  return text;
}

std::string request_in_words(resources const& r) {
  auto text = "cpu " + decimal(r.cpu.value);
  if (r.memory_mb > 0)
    text += ", memory " + std::to_string(r.memory_mb) + " MiB";
  if (r.gpu_count > 0)
    text += ", " + gpus_in_words(r);
  return text;
}

std::string labels_in_words(resources const& r) {
  std::vector<std::string> parts;
  for (auto const& [key, value] : r.node_labels)
    parts.push_back(key + "=" + value);
  return joined(parts);
}

std::string duration_in_words(std::int64_t ms) {
  struct unit {
    std::int64_t ms;
    char const* name;
  };
  for (auto const& [size, name] :
       {unit{86'400'000, " d"}, {3'600'000, " h"}, {60'000, " min"}, {1000, " s"}})
    if (ms >= size)
      return decimal((ms * 1000 / size) / 10 * 10) + name;
  return std::to_string(ms) + " ms";
}

}  // namespace nsai::scheduling

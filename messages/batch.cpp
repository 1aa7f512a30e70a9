#include "messages/batch.hpp"

#include <algorithm>
#include <map>

#include "messages/suggest.hpp"

namespace nsai {
namespace {

enum class seen : std::uint8_t { no, on_path, placed };

std::string job_path(std::size_t at) {
  return "jobs[" + std::to_string(at) + "]";
}

using positions = std::map<std::string, std::size_t>;

/// The positions by `word_of`, or the first word that comes twice.
template <class F>
std::variant<positions, batch_fault> positions_by(std::vector<submission> const& jobs,
                                                  char const* field, F word_of) {
  positions found;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto const& word = word_of(jobs[i]);
    if (word.empty())
      continue;
    if (auto const [at, is_new] = found.emplace(word, i); !is_new)
      return batch_fault{
          i, usage_error(job_path(i) + "." + field,
                         "\"" + word + "\" is that of " + job_path(at->second) + ", too",
                         std::string{"another "} + field)};
  }
  return found;
}

std::optional<batch_fault> resolve(std::vector<std::string> const& names, positions const& known,
                                   std::size_t at, char const* field,
                                   std::vector<std::size_t>& to) {
  for (auto const& name : names) {
    auto const found = known.find(name);
    if (found != known.end()) {
      to.push_back(found->second);
      continue;
    }
    std::vector<std::string> all;
    for (auto const& each : known)
      all.push_back(each.first);
    auto const near = nearest(name, all);
    return batch_fault{at,
                       usage_error(job_path(at) + "." + field,
                                   "no job of the batch is called \"" + name.substr(0, 80) + "\"",
                                   near.empty() ? "the name of a job of the batch"
                                                : "\"" + near + "\" (did you mean that?)")};
  }
  return std::nullopt;
}

}  // namespace

/// Depth first, with a path of its own: a chain may be longer than a stack is deep.
ordering order_of(std::vector<std::vector<std::size_t>> const& before) {
  struct visit {
    std::size_t at;
    std::size_t next = 0;  // of those before it
  };
  ordering found;
  std::vector<seen> marks(before.size(), seen::no);
  std::vector<visit> path;
  for (std::size_t start = 0; start < before.size(); ++start) {
    if (marks[start] != seen::no)
      continue;
    marks[start] = seen::on_path;
    path.push_back({start});
    while (!path.empty()) {
      auto& [at, next] = path.back();
      if (next == before[at].size()) {
        marks[at] = seen::placed;
        found.order.push_back(at);
        path.pop_back();
        continue;
      }
      auto const other = before[at][next++];
      if (marks[other] == seen::on_path) {
        auto from = std::find_if(path.begin(), path.end(),
                                 [&](auto const& each) { return each.at == other; });
        for (; from != path.end(); ++from)
          found.cycle.push_back(from->at);
        found.cycle.push_back(other);
        return found;
      }
      if (marks[other] == seen::no) {
        marks[other] = seen::on_path;
        path.push_back({other});
      }
    }
  }
  return found;
}

bool names_others(std::vector<submission> const& jobs) {
  return std::any_of(jobs.begin(), jobs.end(),
                     [](auto const& s) { return !s.after.empty() || !s.after_any.empty(); });
}

std::variant<batch_order, batch_fault> order_batch(std::vector<submission> const& jobs) {
  auto by_key = positions_by(
      jobs, "key", [](auto const& s) -> auto const& { return s.key; });
  if (auto* const fault = std::get_if<batch_fault>(&by_key))
    return std::move(*fault);
  auto by_name = positions_by(
      jobs, "name", [](auto const& s) -> auto const& { return s.name; });
  if (auto* const fault = std::get_if<batch_fault>(&by_name))
    return std::move(*fault);
  auto const& known = std::get<positions>(by_name);
  batch_order found;
  found.after.resize(jobs.size());
  found.after_any.resize(jobs.size());
  std::vector<std::vector<std::size_t>> before;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (auto fault = resolve(jobs[i].after, known, i, "after", found.after[i]))
      return std::move(*fault);
    if (auto fault = resolve(jobs[i].after_any, known, i, "after_any", found.after_any[i]))
      return std::move(*fault);
    before.push_back(found.after[i]);
    before.back().insert(before.back().end(), found.after_any[i].begin(), found.after_any[i].end());
  }
  auto ordered = order_of(before);
  if (ordered.cycle.empty()) {
    found.order = std::move(ordered.order);
    return found;
  }
  auto const at = ordered.cycle.front();
  std::string cycle;
  for (auto const each : ordered.cycle)
    cycle += (cycle.empty() ? "" : " -> ") + jobs[each].name;
  bool const is_success = std::find(jobs[at].after.begin(), jobs[at].after.end(),
                                    jobs[ordered.cycle[1]].name) != jobs[at].after.end();
  return batch_fault{at, usage_error(job_path(at) + (is_success ? ".after" : ".after_any"),
                                     "the jobs wait for each other: " + cycle, "no cycle")};
}

error_info batch_refusal(std::size_t at, error_info const& why) {
  auto refusal = why;
  refusal.code = "batch_refused";
  refusal.message = "none of the batch was made, for " + job_path(at) + ": " + why.message;
  return refusal;
}

}  // namespace nsai

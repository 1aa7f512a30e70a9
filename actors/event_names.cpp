#include "actors/event_names.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

namespace nsai::actors {
namespace {

using scheduling::happening;

constexpr char const* dequeue = "work.queue.dequeue";
constexpr char const* stage_stop = "work.backend.crucible.stage.stop";

using row = std::array<char const*, names_a_piece>;

/// In the order in which they are told.
row const& names_of(happening what) {
  static constexpr row rows[] = {
      {"work.job.submitted", "work.scheduler.admit", "crucible.experiment.submitted"},
      {"work.job.queued", "work.queue.enqueue"},
      {dequeue, "work.scheduler.select_backend", "work.job.started",
       "work.backend.crucible.stage.start", "crucible.stage.started"},
      {"work.job.progress"},
      {stage_stop, "work.job.completed", "crucible.stage.completed"},
      {dequeue, stage_stop, "work.job.failed", "crucible.stage.failed"},
      {dequeue, stage_stop, "work.job.canceled"},
      {stage_stop, "work.job.retry"},
      {"work.node.joined"},
      {"work.node.suspect"},
      {"work.node.lost"},
      {"work.node.left"},
      {"work.node.drained"},
      {"work.node.draining"},
      {"work.node.resumed"},
      {"work.gpu.quarantined"},
      {"work.gpu.released"},
      {"work.node.quarantined"},
      {"work.node.released"},
      {"work.telemetry.handler_detached"},
  };
  static_assert(std::size(rows) == static_cast<std::size_t>(happening::handler_detached) + 1);
  return rows[static_cast<std::size_t>(what)];
}

/// In at most |pattern| x |name| steps; fnmatch(3) takes exponentially many for enough stars, and
/// patterns come from outside.
bool one_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  auto star = std::string_view::npos;  // the last star seen
  std::size_t after_star = 0;          // what of the name it has taken
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

char const* name_at(happening what, std::size_t place) {
  return names_of(what)[place];
}

bool is_told(scheduling::happened const& h, std::size_t place) {
  char const* const name = name_at(h.what, place);
  if (name == nullptr)
    return false;
  if (name == stage_stop)
    return !h.node.empty();
  if (h.what == happening::job_queued && place == 1)
    return !h.composite;
  if (name == dequeue && h.what != happening::job_started)
    return h.dequeued;
  return true;
}

bool name_matches(std::string_view patterns, std::string_view name) {
  auto rest = patterns.empty() ? std::string_view{"work.*"} : patterns;
  for (;;) {
    auto const comma = rest.find(',');
    if (one_matches(rest.substr(0, comma), name))
      return true;
    if (comma == std::string_view::npos)
      return false;
    rest.remove_prefix(comma + 1);
  }
}

wanted_names::wanted_names(std::string const& patterns) {
  for (std::size_t what = 0; what < std::size(wanted_); ++what)
    for (std::size_t place = 0; place < names_a_piece; ++place)
      if (auto const* const name = name_at(static_cast<happening>(what), place);
          name != nullptr && name_matches(patterns, name))
        wanted_[what] = static_cast<std::uint8_t>(wanted_[what] | 1U << place);
}

std::size_t wanted_names::most_a_piece() const {
  int most = 0;
  for (auto const places : wanted_)
    most = std::max(most, std::popcount(places));
  return static_cast<std::size_t>(most);
}

}  // namespace nsai::actors

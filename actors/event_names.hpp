#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "scheduling/effects.hpp"

namespace nsai::actors {

/// What happens once is told under several names: a job that starts also leaves the queue, gets
/// its backend, begins a stage, and has a name for Crucible. The names are given when somebody
/// reads, so that they cost the job nothing.
///
/// The occurrence with the number n (from 1) has the sequence numbers (n-1)*8+1 ... (n-1)*8+8, one
/// for each name at its fixed place; a place without a name is skipped. So numbers stay unique and
/// ascending, and one leads back to its occurrence and name.
inline constexpr std::uint64_t names_a_piece = 8;

struct event_place {
  std::uint64_t occurrence = 0;
  std::size_t name = 0;
};
constexpr std::uint64_t sequence_at(event_place p) {
  return (p.occurrence - 1) * names_a_piece + p.name + 1;
}
/// Precondition: sequence > 0.
constexpr event_place place_of(std::uint64_t sequence) {
  return {(sequence - 1) / names_a_piece + 1, (sequence - 1) % names_a_piece};
}

/// The name at that place; null: there is none.
char const* name_at(scheduling::happening what, std::size_t place);
/// Whether this one has the name at that place: a composite job never enters the queue, and a job
/// that ends without a running attempt ends no stage.
bool is_told(scheduling::happened const& h, std::size_t place);

/// Whether `name` matches one of the shell patterns with * and ? that `patterns` lists with commas
/// between them ("work.job.*,crucible.*"); an empty list matches the work events.
bool name_matches(std::string_view patterns, std::string_view name);

/// Which names a reader wants: its patterns, looked at once and not for every event.
class wanted_names {
 public:
  explicit wanted_names(std::string const& patterns);
  bool operator()(scheduling::happening what, std::size_t place) const {
    return (wanted_[static_cast<std::size_t>(what)] >> place & 1) != 0;
  }
  /// Of one occurrence, at most.
  std::size_t most_a_piece() const;

 private:
  std::uint8_t wanted_[static_cast<std::size_t>(scheduling::happening::handler_detached) + 1] = {};
};

}  // namespace nsai::actors

#include <caf/binary_deserializer.hpp>

#include "actors/event_names.hpp"
#include "messages/api.hpp"
#include "messages/attempt.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"
#include "messages/recurrence.hpp"
#include "messages/tenant.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {
namespace {

/// What the scheduler does with it before anything else.
void look_at(submit_jobs& m) {
  for (auto& s : m.jobs) {
    if (complete_and_check(s))
      continue;
    // json is what keys, the store and answers are made of.
    require(!json(s).dump(-1, ' ', false, json::error_handler_t::replace).empty(),
            "a submission that is allowed can be written");
  }
}
void look_at(watch_events& m) {
  require(actors::wanted_names{m.pattern}.most_a_piece() <= actors::names_a_piece,
          "an occurrence has at most its names");
}
template <class T>
void look_at(T&) {}

template <described T>
void take(T& value) {
  auto const written = compact::encoded(value);
  auto const again = compact::decoded<T>(written);
  require(again && compact::encoded(*again) == written, "what was written comes back");
  try {
    look_at(value);
  } catch (shape_error const&) {  // a text that is no JSON
  }
}

/// The compact form by itself, or the way through CAF.
template <described T>
void read(std::string_view bytes, bool through_caf) {
  if (through_caf) {
    T value;
    caf::binary_deserializer in{nullptr, bytes.data(), bytes.size()};
    if (!in(value))
      take(value);
  } else if (auto value = compact::decoded<T>(bytes)) {
    take(*value);
  }
}

template <described... Ts>
struct list {
  static void read_nth(std::size_t n, std::string_view bytes) {
    constexpr void (*readers[])(std::string_view, bool) = {read<Ts>...};
    readers[n / 2 % sizeof...(Ts)](bytes, n % 2 != 0);
  }
};

using everything =
    list<submit_jobs, retry_jobs, cancel_jobs, watch_jobs, get_jobs, list_jobs, read_log,
         explain_job, list_nodes, list_stages, list_tenants, get_stats, watch_events, events_read,
         detach_reader, knock, hello, register_node, report_outcomes, beat, leave_cluster,
         start_attempts, stop_attempts, outcomes_recorded, job_list, jobs_ended, submit_reply,
         events, drain_nodes, resume_nodes, add_recurrence, cancel_recurrences, list_recurrences,
         recurrence_list>;

}  // namespace

void messages(std::string_view bytes) {
  if (!bytes.empty())
    everything::read_nth(static_cast<unsigned char>(bytes.front()), bytes.substr(1));
}

}  // namespace nsai::fuzz

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include "actors/event_names.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/observe.hpp"
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
void read(std::string_view bytes) {
  T value;
  caf::binary_deserializer in{nullptr, bytes.data(), bytes.size()};
  if (in(value))
    return;
  std::vector<char> written;
  caf::binary_serializer out{nullptr, written};
  require(!out(value), "what was read can be written");
  T again;
  caf::binary_deserializer back{nullptr, written};
  require(!back(again), "what was written can be read");
  try {
    look_at(value);
  } catch (shape_error const&) {  // a text that is no JSON
  }
}

template <described... Ts>
struct list {
  static void read_nth(std::size_t n, std::string_view bytes) {
    constexpr void (*readers[])(std::string_view) = {read<Ts>...};
    readers[n % sizeof...(Ts)](bytes);
  }
};

using from_clients = list<submit_jobs, retry_jobs, cancel_jobs, watch_jobs, get_jobs, list_jobs,
                          read_log, list_nodes, list_stages, get_stats, watch_events, events_read,
                          detach_reader, knock, hello>;

}  // namespace

void messages(std::string_view bytes) {
  if (!bytes.empty())
    from_clients::read_nth(static_cast<unsigned char>(bytes.front()), bytes.substr(1));
}

}  // namespace nsai::fuzz

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "messages/attempt.hpp"
#include "scheduling/events.hpp"

namespace nsai::simulation {

using connection_no = std::uint64_t;  // 0: none

// From the scheduler to a node.
struct welcome {
  std::uint64_t session = 0;
  std::uint64_t generation = 0;  // of the registration that it answers
};
struct start {
  std::uint64_t session = 0;
  held_attempt what;
  bool brief = false;  // may have been granted ahead of room
};
struct stop {
  attempt_ref ref;
};
struct recorded {
  attempt_ref ref;
};
struct beat_answer {
  bool known = false;
};

// From a node to the scheduler.
struct hello {
  register_node registration;
  std::uint64_t generation = 0;
};
struct heartbeat {
  std::uint64_t session = 0;
  std::vector<std::uint32_t> ports;
  std::vector<gpu_state> gpus;
};
struct outcome_report {
  std::uint64_t session = 0;
  attempt_outcome outcome;
};
struct goodbye {
  std::uint64_t session = 0;
};
struct closed {};  // the connection is seen to be gone

// What happens by itself.
struct tick {
  std::uint64_t incarnation = 0;
};
struct attempt_over {
  std::uint64_t incarnation = 0;
  attempt_ref ref;
};
struct boot {};
struct commit_over {
  std::uint64_t number = 0;
};
struct wake {
  std::uint64_t number = 0;
};
struct scheduler_boot {};
struct decision {
  std::uint64_t life = 0;  // of the scheduler that asked
  scheduling::supervisor_decided what;
};

using payload = std::variant<welcome, start, stop, recorded, beat_answer, hello, heartbeat,
                             outcome_report, goodbye, closed, tick, attempt_over, boot, commit_over,
                             wake, scheduler_boot, decision>;

struct letter {
  std::size_t machine = 0;
  connection_no connection = 0;  // 0: it needs none
  payload what;
};

/// Letters between the scheduler and the nodes, and alarms, in virtual time. Each direction of a
/// connection keeps its order; between connections anything may overtake anything. A connection
/// that is cut loses what was on the way, from some letter on.
class network {
 public:
  enum class direction : std::uint8_t { to_node, to_scheduler };

  connection_no connect() { return ++last_; }
  bool is_open(connection_no c) const { return c != 0 && !cut_.contains(c); }
  void send(direction d, std::int64_t at_ms, letter l);
  /// An alarm.
  void remind(std::int64_t at_ms, std::size_t machine, payload what) {
    remind(at_ms, letter{machine, 0, std::move(what)});
  }
  void remind(std::int64_t at_ms, letter l) {
    queue_.emplace(std::pair{at_ms, ++number_}, std::move(l));
  }
  /// Nothing is sent on it any more; of what is on the way, the first `left` letters arrive.
  void cut(connection_no c, std::size_t left);
  /// Nothing of it arrives before this.
  void stall(connection_no c, std::int64_t until_ms);
  /// What is due first, if it is due by then; `at_ms` becomes its time.
  std::optional<letter> take(std::int64_t until_ms, std::int64_t& at_ms);

 private:
  struct way {
    std::int64_t last_ms = 0;
    std::int64_t stalled_until = 0;
  };
  std::map<std::pair<std::int64_t, std::uint64_t>, letter> queue_;
  std::map<std::pair<connection_no, direction>, way> ways_;
  std::set<connection_no> cut_;
  connection_no last_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace nsai::simulation

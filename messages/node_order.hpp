#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/values.hpp"

namespace nsai {

/// A time in which a node is out of service: at `from` it stops what still runs there, at `until`
/// it takes jobs again.
struct maintenance_window {
  static constexpr char const* type_name = "maintenance_window";
  timestamp from;
  timestamp until;

  static constexpr auto fields() {
    return std::tuple{field{"from", &maintenance_window::from},
                      field{"until", &maintenance_window::until}};
  }
  friend auto operator<=>(maintenance_window const&, maintenance_window const&) = default;
};

/// What people have ordered for one node; kept over restarts of the scheduler and of the node.
struct node_order {
  static constexpr char const* type_name = "node_order";
  std::string uuid;
  std::string name;                         // when the order was given
  timestamp since;                          // drains since then; 0: nobody wants it drained
  timestamp deadline;                       // of the drain; 0: its jobs may finish
  std::string reason;                       // of the drain
  std::vector<maintenance_window> windows;  // besides those of the node's config
  timestamp dismissed;  // windows of the config that had begun by then were ended by hand

  static constexpr auto fields() {
    using o = node_order;
    return std::tuple{field{"uuid", &o::uuid},          field{"name", &o::name},
                      field{"since", &o::since},        field{"deadline", &o::deadline},
                      field{"reason", &o::reason},      field{"windows", &o::windows},
                      field{"dismissed", &o::dismissed}};
  }
  /// Nothing is ordered any more.
  bool is_over() const { return !since && windows.empty() && !dismissed; }
  friend bool operator==(node_order const&, node_order const&) = default;
};

/// Why a node takes no jobs.
struct drain_info {
  static constexpr char const* type_name = "drain";
  timestamp since;
  timestamp deadline;  // then what is left is stopped and queued again; 0: it may finish
  std::string reason;

  static constexpr auto fields() {
    return std::tuple{field{"since", &drain_info::since}, field{"deadline", &drain_info::deadline},
                      field{"reason", &drain_info::reason}};
  }
  friend bool operator==(drain_info const&, drain_info const&) = default;
};

/// Client -> scheduler: these nodes (by name or uuid) take no new jobs. Those that they have may
/// finish; with a deadline, what is left then is stopped and queued again without blame. A repeat
/// sets the deadline anew. With a window, each node does so by itself while it lasts. All of them
/// or none. Answered by `answer` once it is durable: not_found/unknown_node, usage.
struct drain_nodes {
  static constexpr char const* type_name = "drain_nodes";
  std::vector<std::string> nodes;
  std::optional<std::int64_t> deadline_ms;  // from now; absent: none
  std::string reason;                       // at most 500 bytes; empty on a repeat: the one before
  std::optional<maintenance_window> window;
  static constexpr auto fields() {
    using d = drain_nodes;
    return std::tuple{field{"nodes", &d::nodes}, field{"deadline_ms", &d::deadline_ms},
                      field{"reason", &d::reason}, field{"window", &d::window}};
  }
};
/// Client -> scheduler: ends the drain of each node, or the window that it is in; of one that takes
/// jobs, the windows that were announced by `drain_nodes`. Answered by `answer` once it is durable:
/// not_found/unknown_node, refused/not_draining.
struct resume_nodes {
  static constexpr char const* type_name = "resume_nodes";
  std::vector<std::string> nodes;
  static constexpr auto fields() { return std::tuple{field{"nodes", &resume_nodes::nodes}}; }
};

}  // namespace nsai

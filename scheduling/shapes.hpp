#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "messages/resources.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/quota_book.hpp"
#include "scheduling/shape_set.hpp"

namespace nsai::scheduling {

/// What a job asks of a node. Jobs of one shape fit or do not fit together, so all of them are
/// skipped at once.
struct shape_key {
  stage_index stage = none;
  nsai::resources resources;
  bool timed = false;          // has a deadline: never granted ahead
  std::int64_t bound_ms = 0;   // what an attempt may take (time_bound_ms)
  std::int64_t expect_ms = 0;  // what one probably takes at most (expected_ms); 0: not known
  bool preemptible = false;
  bool retried = false;        // has failed before: stays away from nodes where much fails
  tenant_index tenant = none;  // only where the tenant matters for a place: shares of a GPU
  std::int32_t nodes = 1;      // of a gang: how many at once, each with the request
  demand_of demand() const { return {resources, preemptible}; }
  demand_of demand_of_all() const { return {resources, preemptible, nodes}; }
  friend bool operator==(shape_key const&, shape_key const&) = default;
};

struct shape_key_hash {
  std::size_t operator()(shape_key const& key) const noexcept;
};

/// What a job of a shape takes of each device of one class.
struct class_need {
  bool serves = false;  // by model and memory
  std::int32_t milli = 1000;
  std::int32_t memory_mb = 0;  // has to be free; a whole device without a stated need: nearly all
};

struct shape {
  shape_key key;
  std::uint32_t jobs = 0;         // live jobs that have it
  std::uint32_t waiting = 0;      // of these, in the ready queues
  std::uint32_t waits_at = none;  // among `shape_table::waiting`

  // Where a place may be found. Once no node had room, only nodes that gained room since are looked
  // at.
  bool look_everywhere = true;
  std::vector<node_index> candidates;
  std::uint64_t checked_at = 0;  // the changes of the nodes at which the last candidate had room
  std::size_t fitted = 0;        // of a gang: how many nodes had room when all were looked at last

  std::uint64_t no_room_ahead = 0;     // the room epoch in which no node took it ahead
  std::uint64_t judged_at = 0;         // the cluster epoch of `is_possible`
  bool is_possible = false;            // some node could run it if it were empty
  std::vector<signed char> matches{};  // by model: -1 not asked yet, 0 no, 1 yes
  std::vector<signed char> suits{};    // by kind of node, likewise
  std::vector<class_need> needs{};     // by class of devices, as far as asked for
  std::uint32_t in_mix = none;         // where `request_mix` has it
  std::uint32_t rating = none;         // where `rating_index` has it

  bool wants_gpu() const { return key.resources.gpu_count > 0; }
  bool shares_gpu() const { return wants_gpu() && key.resources.gpu_share.value < 1000; }
  bool is_gang() const { return key.nodes > 1; }
  /// A gang finds no place before enough nodes can have gained room.
  bool is_open() const {
    return look_everywhere ||
           (!candidates.empty() &&
            (!is_gang() || fitted + candidates.size() >= static_cast<std::size_t>(key.nodes)));
  }
  void close() {
    look_everywhere = false;
    candidates.clear();
  }
  void open_everywhere() {
    look_everywhere = true;
    candidates.clear();
  }
  /// It has room, after so many changes of the nodes.
  void add_candidate(node_index node, std::uint64_t changes) {
    if (look_everywhere ||
        std::find(candidates.begin(), candidates.end(), node) != candidates.end())
      return;
    candidates.push_back(node);
    checked_at = changes;
  }
  bool matches_model(model_index index, std::string const& model);
};

/// What a waiting shape needs at least, close together for the many quick looks.
struct waiting_shape {
  std::int64_t cpu = 0;
  std::int64_t memory_mb = 0;
  std::uint32_t whole_gpus = 0;
  shape_index shape = none;
};

/// Interned shapes. An index is given out again after the last job of its shape has ended.
class shape_table {
 public:
  shape_index intern(shape_key const& key);
  void keep(shape_index index) { ++shapes_[index].jobs; }
  void release(shape_index index);
  shape& operator[](shape_index index) { return shapes_[index]; }
  shape const& operator[](shape_index index) const { return shapes_[index]; }
  std::size_t size() const { return shapes_.size(); }
  /// How many have live jobs.
  std::size_t live() const { return by_hash_.size(); }

  /// One job of the shape more in the ready queues. The first one may go anywhere.
  void add_waiting(shape_index index);
  /// One less.
  void drop_waiting(shape_index index);
  /// Those with jobs in the ready queues, in no particular order.
  std::vector<waiting_shape> const& waiting() const { return waiting_; }
  /// A node has gained room for it, after so many changes of the nodes.
  void add_candidate(shape_index index, node_index node, std::uint64_t changes) {
    shapes_[index].add_candidate(node, changes);
    open_.add(index);
  }
  /// All waiting shapes that are open are among these; some of these are not any more.
  shape_set& open() { return open_; }

 private:
  std::vector<shape> shapes_;
  std::vector<shape_index> free_;
  std::unordered_multimap<std::size_t, shape_index> by_hash_;
  std::vector<waiting_shape> waiting_;
  shape_set open_;
};

}  // namespace nsai::scheduling

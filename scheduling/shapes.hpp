#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/resources.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// What a job asks of a node. Jobs of one shape fit or do not fit together, so all of them are
/// skipped at once.
struct shape_key {
  stage_index stage = none;
  nsai::resources resources;
  bool timed = false;          // has a deadline: never granted ahead
  tenant_index tenant = none;  // only where the tenant matters for a place: shares of a GPU
  friend auto operator<=>(shape_key const&, shape_key const&) = default;
};

struct shape {
  shape_key key;
  std::uint32_t jobs = 0;     // live jobs that have it
  std::uint32_t waiting = 0;  // of these, in the ready queues

  // Where a place may be found. Once no node had room, only nodes that gained room since are looked
  // at.
  bool look_everywhere = true;
  std::vector<node_index> candidates;

  std::uint64_t no_room_ahead = 0;     // the room epoch in which no node took it ahead
  std::uint64_t judged_at = 0;         // the cluster epoch of `is_possible`
  bool is_possible = false;            // some node could run it if it were empty
  std::vector<signed char> matches{};  // by model: -1 not asked yet, 0 no, 1 yes

  bool wants_gpu() const { return key.resources.gpu_count > 0; }
  bool shares_gpu() const { return wants_gpu() && key.resources.gpu_share.value < 1000; }
  bool is_open() const { return look_everywhere || !candidates.empty(); }
  void close() {
    look_everywhere = false;
    candidates.clear();
  }
  void open_everywhere() {
    look_everywhere = true;
    candidates.clear();
  }
  void add_candidate(node_index node);
  bool matches_model(model_index index, std::string const& model);
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
  /// Those with live jobs, in order of key.
  std::map<shape_key, shape_index> const& all() const { return index_; }

 private:
  std::vector<shape> shapes_;
  std::vector<shape_index> free_;
  std::map<shape_key, shape_index> index_;
  shape_index latest_ = none;
};

}  // namespace nsai::scheduling

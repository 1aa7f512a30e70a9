#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/gpu_watch.hpp"
#include "messages/gpu.hpp"

namespace nsai::actors {

/// What a node makes of the looks at its GPUs, as a value: which of them have failed, what memory
/// strangers hold, and what of it the scheduler does not know yet. Small changes are no news.
class gpu_news {
 public:
  /// The GPUs that are watched, in the order of the looks' readings.
  explicit gpu_news(std::vector<gpu_info> gpus);

  /// `in_use`: indices of GPUs on which something of this node may hold memory. Answers with those
  /// that have failed since the look before.
  std::vector<std::uint32_t> take(gpu_look const& seen, std::set<std::uint32_t> const& in_use);

  /// The driver does not answer what was asked of the GPU at that position. Answers with its index
  /// if it counts as failed by that now, until it is found sound.
  std::optional<std::uint32_t> take_silence(std::size_t position);
  /// These are watched, too, from now on.
  void add(std::vector<gpu_info> gpus);

  bool watches(std::uint32_t index) const { return find(index) != nullptr; }
  /// Of its hardware; empty: none is known.
  std::string fault(std::uint32_t index) const;
  /// The same, once it is so old that nothing is granted on the GPU that was not released by hand.
  std::string settled_fault(std::uint32_t index) const;
  /// What has changed since it was told last; it counts as told then.
  std::vector<gpu_state> news();
  /// Everything; it counts as told then.
  std::vector<gpu_state> all();
  /// What was told last may not have arrived.
  void forget_told();

 private:
  struct watched {
    gpu_info info;
    gpu_state state;
    std::optional<gpu_state> told;
    std::string xid_fault;                  // the latest; stays as long as this process
    std::map<unsigned, int> xids;           // of the hardware: how many bursts of each
    int looks_since_xid = 0;                // of the hardware
    std::set<std::string> faults;           // that were found since it was last sound
    bool is_silent = false;                 // its driver has not answered for long
    int looks_since_fault = 0;              // since the latest was found
    int hidden_looks = 0;                   // in a row, without its processes
    int sound_looks = 0;                    // in a row, after a fault
    bool was_in_use = false;                // at the look before
    std::optional<std::int64_t> before_mb;  // used at the look before
    int looks_since_numbers = 0;
  };
  watched const* find(std::uint32_t index) const;
  static void note_xid(watched& gpu, unsigned xid);
  static bool judge(watched& gpu, devices::reading const& r);
  static void note_processes(watched& gpu, devices::reading const& r);
  static void note_strangers(watched& gpu, devices::reading const& r, gpu_look const& seen,
                             bool in_use);
  static void note_numbers(watched& gpu, devices::reading const& r);

  std::vector<watched> gpus_;
};

}  // namespace nsai::actors

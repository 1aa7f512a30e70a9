#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/host_batch.hpp"
#include "actors/host_view.hpp"
#include "processes/file_descriptor.hpp"
#include "processes/process_pool.hpp"
#include "stages/host_protocol.hpp"

namespace nsai::actors {

/// The node's side of one stage host: its process, the channel to it, and the batch it runs.
class host_process {
 public:
  /// Starts the process; `done` and `live` are called on the process pool's thread.
  host_process(workplace const& where, std::string tenant_id, std::vector<device_grant> devices,
               std::int64_t memory_mb, processes::process_pool::on_exit done,
               processes::process_pool::on_live live);
  ~host_process();
  host_process(host_process const&) = delete;
  host_process& operator=(host_process const&) = delete;

  int channel() const { return channel_.get(); }
  /// Whether it may take an attempt of that tenant on these devices: they are its own, and as much
  /// of them as it had last, or more.
  bool serves(std::string const& tenant_id, std::vector<device_grant> const& devices) const;
  bool uses_any(std::vector<device_grant> const& devices) const;
  host_view view() const;
  /// Whether an attempt of that bound has room in it: what it holds already counts against that.
  bool leaves_room(std::int64_t memory_mb) const;
  /// Since its first attempt, beyond what CUDA loads late.
  std::int64_t grown_mb() const;
  /// What CUDA may hold of that.
  std::int64_t libraries_mb() const;

  /// Gives it a batch; it must have none.
  void give(workplace const& where, std::shared_ptr<host_batch> batch);
  std::uint64_t sequence_of(std::size_t item) const { return base_ + item; }
  /// The batch's item with this number, or null.
  host_batch::item* item_of(std::uint64_t sequence);
  /// The sequence that runs or ran when it died; 0: none.
  std::uint64_t running() const;
  bool begun_anything() const;
  void ask_stop(std::size_t item);
  /// SIGKILL to all of it; its end is told by `done`.
  void kill(processes::process_pool& pool);

  /// Sends what is waiting; true while something is left.
  bool flush();
  /// Takes in what has arrived; false at the end of the stream. Throws std::invalid_argument for
  /// bytes that make no sense.
  bool receive(std::vector<stages::host_frame_reader::frame>& frames);

  std::string tenant_id;
  std::vector<device_grant> devices;
  std::shared_ptr<host_batch> batch;
  pid_t pid = 0;
  host_clock::time_point started = host_clock::now();
  host_clock::time_point idle_since = started;
  host_clock::time_point given = started;  // when it got its batch
  std::int64_t served = 0;
  std::int64_t first_resident_mb = 0;  // after its first attempt that was measured
  std::int64_t resident_mb = 0;
  bool spent = false;
  bool ending = false;                                 // it was killed by us
  std::string fault;                                   // what it did wrong on the channel
  std::optional<host_clock::time_point> silent_since;  // its end of the channel closed then
  std::uint64_t watched = 0;                           // brief attempts: the sequence seen running
  host_clock::time_point watched_since;

 private:
  void send(std::string bytes);

  processes::file_descriptor channel_;
  stages::host_page* page_ = nullptr;
  processes::process_handle handle_ = 0;
  std::shared_ptr<processes::process_pool> pool_;
  stages::host_frame_reader received_;
  std::string outgoing_;
  std::uint64_t base_ = 1;  // sequence of the batch's first item
  std::uint64_t next_ = 1;
  std::int64_t memory_mb_ = 0;
};

}  // namespace nsai::actors

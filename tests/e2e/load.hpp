#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/store_check.hpp"

namespace nsai::tests {

/// Users of a cluster: several tenants who submit, cancel and make mistakes through the command
/// line, each submission with a key and again with the same key until it is acknowledged. What they
/// do follows from the seed; when it happens depends on the machine.
///
/// Their programs watch the promises themselves: each takes a lock for the core or the device that
/// it was granted (P3) and writes down which attempt it is (P2).
class load {
 public:
  struct settings {
    std::uint64_t seed = 0;
    int tenants = 3;
    int cpus_of_a_node = 2;  // of every node
  };

  load(cluster const& on, settings given);
  ~load();
  load(load const&) = delete;
  load& operator=(load const&) = delete;

  void start();
  /// No new submissions; those under way are repeated until they are acknowledged.
  void stop();

  std::int64_t acknowledged() const;
  /// Compares what the store holds in the end with what was acknowledged and is expected. One
  /// sentence a fault; also those that the programs and the users have seen.
  std::vector<std::string> broken_promises(stored_jobs const& store) const;

 private:
  struct wish {
    std::string kind;
    std::vector<std::string> words;   // of the command line, without tenant and key
    std::vector<job_status> may_end;  // besides given up for losses
    bool cancel = false;
  };
  struct made {
    std::string tenant;
    std::string key;
    wish what;
    std::optional<std::uint64_t> job;  // acknowledged
  };
  class user;

  std::vector<std::string> program(std::string const& what, std::string const& seconds) const;
  void note(made entry);
  /// Whether it is over; waits so long for that.
  bool over_within(std::chrono::milliseconds wait);
  void fault(std::string sentence);

  cluster const& cluster_;
  settings settings_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::condition_variable ends_;
  bool over_ = false;
  std::vector<made> made_;
  std::vector<std::string> faults_;
};

}  // namespace nsai::tests

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "messages/node.hpp"
#include "messages/values.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// Where attempts run, as far as faults of the hardware go: a device, or a node for attempts
/// without devices. Numbers are the caller's, from 0.
using place_no = std::uint32_t;

/// What failed or succeeded where. `program` stands for all that runs the same code.
struct health_attempt {
  job_id job;
  tenant_index tenant = none;
  std::uint64_t program = 0;
  place_no node = 0;
  std::vector<place_no> places;  // its devices, or the node itself
};

struct health_change {
  place_no place = 0;
  place_health now = place_health::sound;
  std::string reason;          // of a quarantine, or of its end where the node found it
  std::vector<job_id> blamed;  // whose failures there were the place's, each as often as it failed
};

/// Which devices and nodes are to be kept from jobs because they fail them, as a value. The rules
/// (docs/adr/0015-bad-hardware.md):
///
/// A place is quarantined
///  - at once by a fault that the hardware reports,
///  - at once and for as long as the node says that the hardware is at fault,
///  - when different jobs of two tenants have failed there since a job last succeeded there,
///  - when two jobs that failed there within an hour have succeeded elsewhere,
/// the last two only for at most a fifth of the places of its group (a model of devices, or the
/// nodes). Failures of a program that fails in two places and succeeds nowhere say nothing about a
/// place. A quarantine lasts a minute, each further one twice as long, up to an hour; then the
/// place is on probation: one attempt at a time, a success releases it, a failure sends it back.
///
/// A node on which five different jobs in a row have failed starts one at a time until one
/// succeeds.
class health {
 public:
  using changes = std::vector<health_change>;

  /// The place exists. A repeat changes its group at most: what is known of it stays.
  void add(place_no place, std::uint32_t group);
  void remove(place_no place);

  changes failed(health_attempt const& a, timestamp now);
  /// A fault that the hardware of these devices has reported: of those against which their node has
  /// evidence, where it has.
  changes fault(health_attempt const& a, timestamp now);
  /// What speaks against the hardware of a place, as its node finds it; empty: nothing (any more).
  /// A repeat changes nothing, also not what was done by hand since.
  changes witness(place_no place, std::string const& evidence, timestamp now);
  changes succeeded(health_attempt const& a, timestamp now);
  /// Ends quarantines whose time is over.
  changes advance(timestamp now);
  /// By hand: sound, and nothing is remembered.
  changes release(place_no place);
  /// The job is over: nothing that it does later will count.
  void forget(job_id job) {
    if (!failed_at_.empty())
      failed_at_.erase(job);
  }

  /// When `advance` has something to do; 0: never.
  timestamp next() const { return next_; }
  place_health of(place_no place) const;
  std::string const& reason(place_no place) const;
  timestamp until(place_no place) const;
  bool starts_one_at_a_time(place_no node) const;
  /// When a job last failed on a node that starts one at a time; 0: it does not.
  timestamp last_failure(place_no node) const;
  /// Nothing has failed of late: successes need not be told.
  bool is_idle() const { return nothing_failed_; }

 private:
  struct failure {
    job_id job;
    tenant_index tenant = none;
    std::uint64_t program = 0;
    timestamp at;
    bool in_row = true;           // no success there since
    bool well_elsewhere = false;  // the job has succeeded in another place
  };
  struct place {
    bool exists = false;
    std::uint32_t group = none;
    place_health state = place_health::sound;
    bool by_hardware = false;
    std::string evidence;     // against its hardware, as its node said last
    timestamp until;          // of the quarantine; 0: while the evidence stands
    timestamp released;       // the latest time
    std::uint32_t times = 0;  // in quarantine, of late
    std::string reason;
    std::vector<failure> failures;  // of the last hour
    // Of nodes: who failed there in a row.
    std::vector<std::pair<job_id, std::uint64_t>> row;
    bool one_at_a_time = false;
    timestamp last_failure;
  };
  /// Where a program has failed since it last succeeded anywhere: the first two.
  struct whereabouts {
    std::array<place_no, 2> places{none, none};
    std::array<place_no, 2> nodes{none, none};
  };
  static void note(std::array<place_no, 2>& seen, place_no place);
  bool fails_everywhere(std::uint64_t program) const;
  bool fails_on_nodes(std::uint64_t program) const;
  void note_failure(health_attempt const& a, timestamp now);
  void count_in_row(health_attempt const& a, timestamp now);
  std::string suspicion(place const& p) const;
  bool may_quarantine(place const& p) const;
  void judge(place_no number, timestamp now, changes& to);
  static bool is_evident(place const& p);
  static timestamp end_of_quarantine(place& p, timestamp now);
  void quarantine(place_no number, std::string reason, timestamp until, changes& to);
  void release(place_no number, std::string reason, timestamp now, changes& to);

  std::vector<place> places_;
  std::map<job_id, std::vector<place_no>> failed_at_;  // of live jobs
  std::unordered_map<std::uint64_t, whereabouts> programs_;
  timestamp next_;
  bool nothing_failed_ = true;
};

}  // namespace nsai::scheduling

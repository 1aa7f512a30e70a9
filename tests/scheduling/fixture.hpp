#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scheduling/core.hpp"

namespace nsai::scheduling::tests {

inline constexpr std::int64_t minute_ms = 60'000;

/// A core in virtual time, with nodes that beat and an ear for its effects. Invariants are checked
/// after every event.
class fixture {
 public:
  struct grant {
    attempt_ref ref;
    std::string node;  // uuid
    std::uint64_t session = 0;
    std::vector<device_grant> devices;
  };

  explicit fixture(core_settings settings = {}) : core_(std::move(settings)) {}

  /// Applies an event; its effects are in `effects_` until the next one.
  void apply(event const& e);

  // Submissions
  static submission job(std::string stage = "echo");
  /// What a store gives back of job 1, which ran on node n when the scheduler ended.
  static job_restored restored_on_n(std::string tenant, attempt_no attempt = 1);
  static submission gpu_job(std::string model, std::int32_t count = 1, std::int64_t memory_mb = 0);
  submit_result submit(submission s, std::vector<ended_job> ended = {});
  job_id submitted(submission s) {
    auto const result = submit(std::move(s));
    REQUIRE_FALSE(result.error);
    return result.id;
  }
  void cancel(job_id job) { apply(cancel_requested{job}); }

  // Nodes. The name is the uuid, too.
  static node_info node(std::string name, std::int64_t cores,
                        std::vector<std::string> gpu_models = {},
                        std::int64_t gpu_memory_mb = 40960);
  void join(node_info n, std::vector<held_attempt> held = {});
  void beat(std::string const& uuid);
  void disconnect(std::string const& uuid) { apply(node_disconnected{uuid, sessions_.at(uuid)}); }
  void leave(std::string const& uuid) { apply(node_left{uuid, sessions_.at(uuid)}); }
  /// This node says nothing from now on.
  void silence(std::string const& uuid) { silent_.insert(uuid); }
  void speak(std::string const& uuid) { silent_.erase(uuid); }
  void drain(std::string const& name, std::optional<std::int64_t> deadline_ms = {},
             std::string reason = {}) {
    apply(drain_ordered{{name}, deadline_ms, std::move(reason)});
  }
  void announce(std::string const& name, maintenance_window w) {
    apply(drain_ordered{{name}, {}, {}, w});
  }
  void resume(std::string const& name) { apply(resume_ordered{{name}}); }
  std::optional<error_info> const& refusal() const { return core_.last_answer().error; }
  std::uint64_t session(std::string const& uuid) const { return sessions_.at(uuid); }
  held_attempt held(job_id job) const;

  // Outcomes
  void end(job_id job, attempt_result result = attempt_result::succeeded,
           std::int64_t duration_ms = 5);
  void end_as(std::string const& uuid, attempt_outcome const& outcome) {
    apply(attempt_ended{uuid, &outcome});
  }
  static attempt_outcome outcome_of(attempt_ref ref, attempt_result result,
                                    std::int64_t duration_ms = 5);
  /// Answers what the supervisor was asked last about the job.
  void decide(job_id job, bool retry, std::int64_t delay_ms = 0);

  /// Time passes in steps of at most a second; the nodes that are not silenced beat at every step.
  /// `effects_` holds those of all the steps.
  void advance(std::int64_t ms);
  /// Time passes without anything being heard.
  void jump(std::int64_t ms) { now_ = now_ + ms; }
  void tick() { apply(clock_advanced{}); }

  // What was seen
  job_status status(job_id job) const;
  std::string reason(job_id job) const { return core_.look_up(job).wait_reason; }
  grant const& granted(job_id job) const { return grants_.at(job); }
  std::string place_of(job_id job) const {
    return status(job) == job_status::running ? grants_.at(job).node : "";
  }
  bool runs(job_id job) const { return status(job) == job_status::running; }
  job_ended const& ended(job_id job) const { return ended_.at(job); }
  bool has_ended(job_id job) const { return ended_.contains(job); }
  stats described() const {
    stats s;
    core_.describe(s);
    return s;
  }
  template <class E>
  std::vector<E> seen() const {
    std::vector<E> found;
    for (auto const& e : effects_)
      if (auto const* const each = std::get_if<E>(&e))
        found.push_back(*each);
    return found;
  }
  template <class E>
  E only() const {
    auto const found = seen<E>();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  node_record record_of(std::string const& uuid) const;

  core core_;
  timestamp now_{1'700'000'000'000};
  effects effects_;
  std::map<job_id, grant> grants_;
  std::map<job_id, job_ended> ended_;
  std::map<job_id, consult_supervisor> consults_;
  std::vector<job_id> order_;  // of grants

 private:
  std::map<std::string, std::uint64_t> sessions_;
  std::set<std::string> silent_;
  std::uint64_t next_session_ = 100;
  std::size_t events_ = 0;
  bool advancing_ = false;
};

}  // namespace nsai::scheduling::tests

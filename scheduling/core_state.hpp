#pragma once

#include "scheduling/assert.hpp"
#include "scheduling/core_queries.hpp"
#include "scheduling/lifecycle.hpp"

namespace nsai::scheduling {

/// What the core does with its books. The functions lie in the core_*.cpp files named beside them;
/// the parts that know nothing of jobs and events (queues, shapes, cluster, placement, timers) have
/// files of their own.
struct core::state : core_queries {
  explicit state(core_settings given);

  // core_hypothetical.cpp
  state(state const& other);
  void rewire();

  // core.cpp: one event
  void begin(timestamp at, effects& to);
  void finish();
  void handle(clock_advanced const&) {}
  void fire_timers(), fire_recurrences(), tell_wake();
  void handle(recurrence_set const&e), handle(recurrence_canceled const&e);

  // core_submit.cpp
  void handle(job_submitted const& e);
  void handle(batch_submitted const& e);
  bool refuse_batch(batch_submitted const& e);
  std::optional<error_info> refuse(job_submitted const& e, found_before& before) const;
  submit_result accept(job_submitted const& e, std::vector<dependency> on);
  job& create(job_id id, submission const& s, label_no label);
  void give_work(job& j, std::string const& stage, resources const& r, bool timed,
                 std::int32_t nodes = 1);
  job& create_alike(job const& parent, job_submitted const& e, std::uint32_t position);
  void create_array(job& parent, job_submitted const& e);
  void create_experiment(job& parent, job_submitted const& e);
  void add_key(job& j, std::string const& key);
  void add_unique(job& j, std::string const& word);
  void watch_times(job& j);
  void announce(job& j, std::uint64_t children);

  // core_jobs.cpp: from pending to queued, and to the end
  void change(job& j, signal by) { j.status = advance(j.status, by); }
  void tell_change(job const& j);
  void tell(happening what, job const& j, std::int64_t duration_ms = 0, std::string detail = {});
  static void tell_where(rare_facts const& facts, happened& h);
  void enqueue(job& j, bool at_front);
  void stands_in_queue(job const& j);
  void stand_back(job&j), leave_queue(job&j);
  void add_hold(job& j, hold h) { j.holds |= h; }
  void drop_hold(job& j, hold h, bool at_front = false);
  void stop(job& j, bool deadline);
  void stop_attempt(job const& j);
  void handle(cancel_requested const& e);
  void end(job& j, job_status status, std::optional<error_info> error,
           attempt_outcome const* outcome = nullptr);
  void forget(job& j);
  void follow_up();

  // core_dependencies.cpp
  std::optional<error_info> check_dependencies(job_submitted const& e, constraints const& c,
                                               std::string_view path) const;
  void watch_dependencies(job& j, std::vector<dependency> on, std::vector<ended_job> const& ended);
  void fail_for_ended(job_submitted const& e, submit_result const& made);
  void fail_for_ended(job_id id, std::vector<ended_job> const& ended);
  void tell_dependents(departed const& over);
  void fail_dependent(job& j, std::string const& why);

  // core_groups.cpp
  std::optional<error_info> check_group(std::string const& tenant, constraints const& c,
                                        std::string_view path, found_before& before) const;
  void apply(group_book::moves const& changes);
  void join_group(job const& j);
  void wait_in_group(job& j, bool at_front);
  void leave_group_line(job const& j);
  void take_place(job const& j);
  void give_place_back(job const& j);

  // core_parents.cpp
  void release_children(job& parent);
  void fill_limit(job_id id, parent_facts& p);
  void child_ended(departed const& e);
  void note_failure(parent_facts& p, job const& child, job_status status,
                    std::optional<error_info> const& error);
  void finish_parent(job& parent, parent_facts& p);
  void describe_end(job const& parent, parent_facts const& p, job_ended& e) const;

  // core_gangs.cpp
  std::optional<error_info> check_nodes(submission const& s) const;
  void create_gang(job& parent, job_submitted const& e);
  bool grant_gang(queue_turn const& turn, std::vector<std::string> const& used_up);
  void member_succeeded(job& j, attempt_outcome const& outcome);
  void member_failed(job&j, attempt_outcome const&outcome), gang_reached_max_cost(job&parent);
  void lose_member(job& j, infra_failure f);
  void close_member(job& j, attempt_closed closed, std::optional<gang_ending> over);
  void hand_back_gang(job& parent);
  void mark_preempted(job& j);
  void conclude_attempt(job& parent);
  void end_gang(job& parent, job_status status, std::optional<error_info> error);
  void repeat_gang(job& parent);
  void restore_member(job& j, job_restored const& e);
  void resume_gang(job& parent);
  explanation why_gang_waits(job const& parent) const;
  void check_gang(job const& parent, parent_facts const& p) const;

  // core_attempts.cpp
  void handle(attempt_ended const& e);
  void handle(supervisor_decided const& e);
  void handle(supervisor_restarted const& e);
  void settle(attempt_ended const& e, bool accepted);
  void release_attempt(job& j);
  void own_failure(job& j, attempt_outcome const& outcome);
  void consult(job& j);
  void lose_attempt(job& j, infra_failure f);
  void close_attempt(job& j, attempt_result result, std::optional<error_info> error,
                     std::int64_t duration_ms);
  void back_off(job& j, std::int64_t delay_ms);
  void end_backoff(job& j);

  // core_nodes.cpp
  void handle(node_registered const& e);
  void handle(node_beat const& e);
  void handle(node_disconnected const& e);
  void handle(node_left const& e);
  std::optional<error_info> refuse_node(node_info const& offered) const;
  void learn(node_index index, node_info const& offered);
  void reconcile(node_index index, register_node const& r);
  void adopt(node_index index, register_node const& r);
  void lose_node(node_index index, std::string const& why);
  void remove_node_if_done(node_index index, bool at_once);
  void remove_node(node_index index);
  void remove_namesakes(node_index index);
  void suspect(node_index index, std::string const& why);
  void gained_room(node_index index);
  void watch_silence(), note_mass_silence();
  void tell_node(happening what, node_state const& node, std::string detail = {});
  void expire_unconfirmed();
  void rest(node_index index), end_rests();

  // core_health.cpp
  void learn_places(node_index index), show_health(node_index index);
  void forget_places(node_state const& node);
  bool note_outcome(job& j, attempt_outcome const& outcome);
  void take(health::changes const& list, job const* current = nullptr);
  void hear_gpus(node_index index, std::vector<gpu_state> const& list);
  void absolve(health_change const& change, job const* current);
  void look_at_health();
  void release_places(std::string const& uuid);
  void reshape_retried(job& j);
  void describe_health(node_state const& node, node_record& to) const;

  // core_shares.cpp
  tenant_index tenant_of(std::string const& name);
  void charge(job& j, node_state const& node, holding const& h);
  void discharge(job const& j);
  void learn_capacity(), refresh_standings();
  void handle(usage_restored const& e);
  std::optional<error_info> check_tenant(submission const& s, std::int64_t before) const;
  void keep_shape(job const& j);
  std::vector<tenant_record> tenant_records() const;
  std::vector<used_amounts> usage() const;

  // core_tenants.cpp
  void handle(spending_restored const&e), handle(tenants_changed const&e);
  std::optional<error_info> check_means(submission const& s, found_before& before) const;

  // core_service.cpp
  void handle(node_order_restored const& e);
  void handle(drain_ordered const& e);
  void handle(resume_ordered const& e);
  std::optional<error_info> refuse_drain(drain_ordered const& e) const;
  void change_order(node_order order);
  void forget_order(std::string const& uuid);
  void tidy_orders();
  void look_at_service();
  void serve(node_index index), hand_back_all(std::string const&uuid);
  void hand_back(job& j);
  void tell_if_drained(node_index index);
  void describe_service(std::string const& uuid, node_record& to) const;
  void list_absent(std::vector<node_record>& to) const;

  // core_dispatch.cpp
  void dispatch(), grant_turns(), dispatch_ahead();
  choice choose();
  queue_turn next_aged(shape_set const& open, priority than) const;
  void count_grant(bool aged, priority level);
  queue_turn next_of(priority level, shape_set const& open) const;
  bool grant_one(choice const& next, std::vector<std::string> const& used_up);
  void grant(queue_turn const& turn, place where, bool ahead);
  void begin_attempt(job& j, place where, bool ahead, std::int64_t queue_ms,
                     std::optional<gang_place> gang = {});
  void first_grant(job_id parent);
  bool may_go_ahead(shape const& s) const;
  bool is_possible(shape& s);
  node_index find_ahead(shape& s, std::vector<shape_index> const& rivals);
  std::size_t most_ahead(shape const& s, node_state const& node) const;

  // core_reserve.cpp: room kept for jobs that wait, and what may run beside it
  void serve_reservations(), trade_places(reservation&r);
  void look_for_reservations(), make_reservations(std::size_t looks);
  void renew_reservations();
  bool reserve(choice const& c);
  std::optional<reservation> best_reservation(shape& s, choice const& c);
  void plan(reservation& r, shape& s, node_state const& node, timestamp at_least = {});
  std::optional<place> find_beside(shape& s, job_id job, priority level);
  bool may_go_beside(shape const& s, node_index index) const;
  void offer_kept_rooms(shape_index index, priority level);
  void keep_room(reservation r);
  queue_turn first_without_room(queue_turn turn) const;
  void keep_no_room_for(job&j), keep_no_room_on(node_index index);

  // core_reserve_gangs.cpp
  void keep_rooms(std::vector<reservation> rooms, std::uint64_t made);
  bool reserve_apart(choice const& c, std::uint64_t made = 0);
  std::vector<reservation> best_apart(shape& s, choice const& c, std::uint64_t made);
  void plan_together(std::vector<reservation>&list, shape&s), renew_apart(job&j);
  bool serve_gang(reservation& first);

  // core_preempt.cpp
  bool preempt_for(choice const& c);
  std::optional<claim> claim_on(node_index index, shape& s, job const& j, priority level);
  std::vector<claim> cheapest_claims(shape& s, job const& j, priority level);

  // core_restore.cpp
  void handle(job_restored const& e);
  void handle(child_restored const& e);
  void handle(restore_finished const&);
  void restore_parent(job& j, job_restored const& e);
  void restore_child(job& j, job_restored const& e);
  void restore_pending(job& j, job_restored const& e);
  void restore_place(job& j, job_restored const& e);
  void resume_times(job&j), resume_child(job&j), resume(job&j);

  // core_explain.cpp
  live_job look_up(job const& j) const;
  explanation explain(job const& j) const;
  explanation why_it_waits(job const& j) const;
  explanation wait_for_place(job const& j) const;
  void wait_for_turn(job const& j, node_state const& node, explanation& e) const;
  std::vector<node_record> node_records() const;

  // core_check.cpp, and beside what they check
  void check() const;
  void check_job(job const& j) const;
  void check_parents() const, check_shapes() const, check_shares() const;
  void check_groups() const, check_reservations() const;
};

}  // namespace nsai::scheduling

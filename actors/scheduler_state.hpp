#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <caf/all.hpp>

#include "actors/event_feed.hpp"
#include "actors/outbox.hpp"
#include "actors/scheduler.hpp"
#include "actors/store_worker.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/recurrence.hpp"
#include "scheduling/recurrence_book.hpp"

namespace nsai::actors {

/// Two connections to one store, each for an actor of its own.
struct opened_store {
  std::shared_ptr<store::job_store> writing;
  std::shared_ptr<store::job_store> reading;
};

/// The fields of a request that name a stage and give its options.
struct stage_place {
  std::string stage;
  std::string options;
};

/// What the scheduler actor owns. Every public function is what one message means; each ends in
/// `settle`, which lets the batch go when no commit is under way.
class scheduler_state {
 public:
  scheduler_state(caf::event_based_actor* self, scheduler_options options, opened_store store);

  caf::result<submit_reply> submit(submit_jobs& request);
  caf::result<submit_reply> retry(retry_jobs const& request);
  caf::result<recurrence_list> recur(add_recurrence& request);
  caf::result<answer> cancel(cancel_recurrences const& request);
  caf::result<recurrence_list> list(list_recurrences const& request);
  caf::result<answer> cancel(cancel_jobs const& request);
  caf::result<answer> watch(watch_jobs const& request);
  caf::result<job_list> get(get_jobs const& request);
  caf::result<explained> explain(explain_job const& request);
  caf::result<job_list> list(list_jobs const& request);
  caf::result<log_chunk> log(read_log const& request);
  caf::result<answer> drain(drain_nodes const& request);
  caf::result<answer> resume(resume_nodes const& request);
  node_list nodes() const { return {core_.nodes()}; }
  tenant_list tenants() const { return {core_.tenants()}; }
  stage_list stages(list_stages const& request) const;
  caf::result<stats> statistics();
  caf::actor const& feed() const { return feed_; }
  void tell_failed(reader_failed const& m);

  caf::result<registered> join(register_node& request, caf::actor const& executor);
  beat_reply heard(beat const& b);
  void record(report_outcomes const& report);
  answer leave(leave_cluster const& request);
  void lost_contact(caf::down_msg const& down);

  void committed(commit_done const& done);
  void decided(scheduling::supervisor_decided const& decision);
  void woke();
  void probe();
  void retain();
  void keep_usage();
  void change(change_tenants const& m);

 private:
  struct node_link {
    caf::actor executor;
    std::uint64_t session = 0;
  };
  /// The payload of a job that was submitted a moment ago, or of an array that still lives.
  struct held_payload {
    json_text options;
    json_text context;
    /// Of memory, about.
    std::size_t bytes() const {
      return sizeof(held_payload) + 48 + options.text.size() + context.text.size();
    }
  };

  // admission.cpp
  std::optional<error_info> check(submission& s) const;
  std::optional<error_info> check_stage(std::string const& stage, json_text& options,
                                        stage_place const& at) const;
  struct arrival;
  static bool refuse_together(arrival& a);
  void look_up_keys(std::shared_ptr<arrival> const& a);
  static submit_result answer_to_key(submission const& s, submit_result const& before,
                                     std::string const& digest);
  void look_up_or_admit(arrival a);
  void admit(arrival& a);
  bool admit_batch(arrival& a);
  std::optional<submit_result> answer_from_memory(submission const& s) const;
  void describe(scheduling::job_submitted& event, submission const& s,
                std::vector<scheduling::ended_job> const& ended);
  submit_result admit_one(submission& s, std::vector<scheduling::ended_job> const& ended);
  std::uint32_t label_for(submission const& s, std::string const& stage, json_text const& options,
                          std::string const& step = {});

  // restart.cpp
  void load();
  void load_usage(store::put_usage const& before);

  // recurrences.cpp
  std::optional<error_info> refuse(add_recurrence& request) const;
  void restore(recurrence&& r);
  void submit_due();

  void learn_backends(std::vector<stage_description> const& stages);

  // perform.cpp: effects to changes and mail
  void apply(scheduling::event const& e);
  void perform(scheduling::job_created& e);
  void name_numbers(scheduling::job_submitted const& of, submission& s) const;
  void keep_payload(job_id id, submission const& s);
  void drop_payload(job_id id);
  void insert_child(scheduling::job_created const& e, submission const& s);
  void perform(scheduling::job_changed& e);
  void perform(scheduling::node_order_changed& e);
  void perform(scheduling::recurrence_due& e);
  void perform(scheduling::tenant_spent& e);
  void perform(scheduling::attempt_granted& e);
  void perform(scheduling::attempt_closed& e);
  void perform(scheduling::job_ended& e);
  void perform(scheduling::attempt_stopped& e);
  void perform(scheduling::outcome_settled& e);
  void perform(scheduling::consult_supervisor& e);
  void perform(scheduling::happened& e);
  void perform(scheduling::wake_at& e);
  void settle();
  void deliver(outbox mail, std::vector<store::payload>& payloads);
  void deliver_mail_of(std::string const& uuid, node_mail& mail,
                       std::vector<store::payload>& payloads);
  void deliver_ends(std::vector<job_end>&& ended);
  void degrade(std::string why);
  void refuse_waiting();
  error_info store_refusal() const;

  caf::actor const& supervisor_of(std::string const& tenant);
  /// Runs `query` on the reading thread and answers with what it returns.
  template <class Answer>
  void read(caf::response_promise promise, std::function<Answer(store::job_store&)> query,
            std::function<void(Answer&)> finish = {});
  void complete(job_record& record) const;
  /// Of the job, or of the parent whose child it is.
  std::string trace_of(job_id root) const;
  caf::result<answer> order(scheduling::event const& e);
  void add_watchers(std::vector<job_id> const& jobs, caf::strong_actor_ptr const& who);
  timestamp now() const { return options_.now(); }

  caf::event_based_actor* self_;
  scheduler_options options_;
  /// Bytes of answers with records that have not reached the network yet.
  std::shared_ptr<std::atomic<std::int64_t>> const on_the_way_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  scheduling::core core_;
  caf::actor writer_;
  caf::actor reader_;
  commit_pipeline pipeline_;
  scheduling::effects effects_;

  std::map<std::string, node_link> links_;         // by node uuid
  std::map<std::string, caf::actor> supervisors_;  // by tenant
  std::unordered_map<job_id, held_payload> payloads_;
  std::size_t payload_bytes_ = 0;
  std::unordered_map<job_id, std::vector<caf::actor>> watchers_;
  std::set<caf::actor_addr> monitored_;  // of the watchers
  struct keyed_request {
    std::string digest;
    submit_result answer;  // no id: the core has it
  };
  std::map<std::pair<std::string, std::string>, keyed_request> keyed_;  // by (tenant, key)
  std::map<scheduling::recurrence_book::name, recurrence> recurrences_;
  std::map<std::string, micro> spent_;           // by tenant, in the changes of the next commit
  std::vector<scheduling::recurrence_due> due_;  // submitted with the changes of the same commit
  std::map<attempt_ref, progress_info> progress_;
  caf::actor feed_;
  std::uint64_t events_promised_ = 0;  // numbers that will be given to what has been decided
  std::uint64_t events_reserved_ = 0;  // in the store, at the latest with the commit under way
  label_table labels_;
  struct {
    std::uint32_t label = 0;
    std::string stage;  // of every job; empty: no label yet
    std::string tenant_id;
    std::string name_space;
    json_text metadata;
  } last_label_;
  /// Of live jobs that came with one; the others' is computed.
  std::unordered_map<job_id, std::shared_ptr<std::string const>> traces_;
  std::map<std::string, stage_description> known_stages_;

  // The message being applied, for effects that need its payload.
  struct submitting {
    submission* request = nullptr;
    std::string digest;  // of one with a key
  };
  std::vector<submitting> submitting_;  // one, or a batch
  scheduling::batch_submitted const* batch_ = nullptr;
  attempt_outcome const* outcome_ = nullptr;

  std::uint64_t next_session_ = 1;
  timestamp wake_at_;
  timestamp applied_at_;  // when the event was applied whose effects are performed
  timestamp started_at_;
  std::string store_error_;  // empty: the store takes writes
};

}  // namespace nsai::actors

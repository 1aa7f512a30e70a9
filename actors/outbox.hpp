#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <caf/response_promise.hpp>

#include "actors/event_feed.hpp"
#include "actors/store_worker.hpp"
#include "messages/api.hpp"
#include "messages/observe.hpp"
#include "messages/recurrence.hpp"
#include "scheduling/effects.hpp"

namespace nsai::actors {

/// A promised answer that waits for a commit.
template <class Message>
struct held_reply {
  caf::response_promise to;
  Message message;
};

/// One grant on its way to a node; when `payload_at` is set, the commit brings the options and
/// context.
struct held_start {
  start_attempt message;
  std::optional<std::size_t> payload_at;
};

/// What leaves for one node after the commit.
struct node_mail {
  std::uint64_t session = 0;
  std::vector<held_start> starts;
  std::vector<attempt_ref> stops;
  std::vector<attempt_ref> settled;
};

/// Everything that the outside hears of only once the changes beside it are durable.
struct outbox {
  std::vector<held_reply<submit_reply>> submitted;
  std::vector<held_reply<answer>> answers;
  std::vector<held_reply<recurrence_list>> recurrences;
  std::vector<held_reply<registered>> registrations;
  std::map<std::string, node_mail> nodes;  // by uuid
  std::vector<job_end> ended;
  std::vector<scheduling::consult_supervisor> consults;
  std::map<std::string, std::set<std::string>>
      succeeded;  // stages by tenant, for supervisors that exist
  std::vector<occurrence> happened;
  std::vector<std::function<void(error_info const&)>>
      refusals;  // of those whose read goes with the commit

  bool empty() const {
    return submitted.empty() && answers.empty() && recurrences.empty() && registrations.empty() &&
           nodes.empty() && ended.empty() && consults.empty() && succeeded.empty() &&
           happened.empty();
  }
};

/// Collects changes, and the mail that waits for them, into batches: while a commit is under way
/// the next batch fills, so that everything that arrives meanwhile shares the next commit. A batch
/// that is worth a commit of its own is handed over before the one under way has ended, so that the
/// writer never waits for the scheduler.
class commit_pipeline {
 public:
  std::vector<store::change>& changes() { return changes_; }
  /// A new job that a later one may be like: `s` is what was asked for.
  void insert_leader(store::insert_job insert, submission const& s);
  /// Inserts the job with the last number given as one like the leader, if its request is like the
  /// leader's, comes right after it in the same batch; else false. Takes the options away.
  bool insert_alike(job_id id, job_status status, timestamp created_at, submission& s);
  outbox& mail() { return mail_; }
  /// `refuse` is for the one who waits for the read, when the store does not take the commit before
  /// it.
  void read_after_commit(store_read read, std::function<void(error_info const&)> refuse) {
    reads_.push_back(std::move(read));
    mail_.refusals.push_back(std::move(refuse));
  }
  /// The position that the payload of the next wanting grant will have in the answer.
  std::size_t next_payload() { return payloads_wanted_++; }

  /// Whether there is anything to commit or to tell.
  bool waiting() const { return !changes_.empty() || !reads_.empty() || !mail_.empty(); }

  /// Whether the next batch may be handed over now.
  bool ready() const;
  /// There is no change among what waits.
  bool nothing_to_store() const { return changes_.empty() && reads_.empty(); }
  outbox take_mail() { return std::exchange(mail_, {}); }

  /// The next order for the writer. Precondition: ready, and something to store.
  commit_order begin();
  /// Whether this is the answer that comes next; others belong to orders that were abandoned.
  bool expects(std::uint64_t number) const;
  /// The mail of the order that has been committed.
  outbox finish();
  /// Forgets everything that was not told to anyone, and returns it so that those who wait can be
  /// refused.
  std::vector<outbox> abandon();

  std::uint64_t commits() const { return number_; }

 private:
  struct leader {
    submission like;  // without options and trace id
    job_id id;
    std::uint64_t followers = 0;
    std::size_t change = none;  // the position of the insert_alike
  };
  static constexpr std::size_t none = ~std::size_t{0};

  std::vector<store::change> changes_;
  leader leader_;          // no id: there is none in this batch
  std::size_t alike_ = 0;  // jobs that share a change with others
  std::vector<store_read> reads_;
  outbox mail_;
  std::size_t payloads_wanted_ = 0;
  struct order_under_way {
    std::uint64_t number = 0;
    outbox mail;
  };
  std::deque<order_under_way> under_way_;
  std::uint64_t number_ = 0;
};

}  // namespace nsai::actors

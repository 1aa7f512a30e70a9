#include "actors/outbox.hpp"

namespace nsai::actors {

namespace {

/// Options and trace ids may differ.
bool are_alike(submission const& a, submission const& b) {
  return a.stage == b.stage && a.tenant_id == b.tenant_id && a.name_space == b.name_space &&
         a.owner == b.owner && a.kind == b.kind && a.priority == b.priority &&
         a.context == b.context && a.metadata == b.metadata && a.tags == b.tags &&
         a.resources == b.resources && a.constraints == b.constraints;
}

bool stands_alone(submission const& s) {
  return s.key.empty() && s.unique.empty() && s.name.empty() && !s.array && s.nodes == 1 &&
         s.pipeline.empty() && !s.retry_of && !s.options.empty();
}

}  // namespace

void commit_pipeline::insert_leader(store::insert_job insert, submission const& s) {
  leader_.id = {};
  if (stands_alone(s)) {
    leader_.like = s;
    leader_.id = insert.record.id;
    leader_.followers = 0;
    leader_.change = none;
  }
  changes_.emplace_back(std::move(insert));
}

bool commit_pipeline::insert_alike(job_id id, job_status status, timestamp created_at,
                                   submission& s) {
  bool const next = leader_.id && id.value == leader_.id.value + leader_.followers + 1;
  if (!next || !stands_alone(s) || !are_alike(leader_.like, s))
    return false;
  if (leader_.change == none) {
    leader_.change = changes_.size();
    changes_.emplace_back(store::insert_alike{leader_.id, s.kind, s.priority, {}});
  }
  ++leader_.followers;
  ++alike_;
  std::get<store::insert_alike>(changes_[leader_.change])
      .list.push_back({created_at, status, std::move(s.options), std::move(s.trace_id)});
  return true;
}

bool commit_pipeline::ready() const {
  // Fewer changes wait for company: each commit has a price of its own, a sync.
  constexpr std::size_t worth_a_commit = 2048;
  if (under_way_.empty())
    return waiting();
  return under_way_.size() == 1 && changes_.size() + alike_ >= worth_a_commit;
}

commit_order commit_pipeline::begin() {
  leader_.id = {};
  commit_order order;
  order.number = ++number_;
  order.changes = std::make_shared<std::vector<store::change> const>(std::exchange(changes_, {}));
  order.reads = std::make_shared<std::vector<store_read> const>(std::exchange(reads_, {}));
  under_way_.push_back({order.number, std::exchange(mail_, {})});
  payloads_wanted_ = 0;
  alike_ = 0;
  return order;
}

bool commit_pipeline::expects(std::uint64_t number) const {
  return !under_way_.empty() && under_way_.front().number == number;
}

outbox commit_pipeline::finish() {
  auto mail = std::move(under_way_.front().mail);
  under_way_.pop_front();
  return mail;
}

std::vector<outbox> commit_pipeline::abandon() {
  std::vector<outbox> untold;
  for (auto& each : std::exchange(under_way_, {}))
    untold.push_back(std::move(each.mail));
  untold.push_back(std::exchange(mail_, {}));
  changes_.clear();
  leader_.id = {};
  reads_.clear();
  payloads_wanted_ = 0;
  alike_ = 0;
  return untold;
}

}  // namespace nsai::actors

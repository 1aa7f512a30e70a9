#include "store/job_store.hpp"

#include "store/reader.hpp"
#include "store/schema.hpp"
#include "store/writer.hpp"

namespace nsai::store {

struct job_store::state {
  state(store_options given, access mode)
      : options(std::move(given)),
        db(options.path,
           mode == access::read_write ? sqlite::open_mode::read_write
                                      : sqlite::open_mode::read_only,
           options.vfs) {
    if (mode == access::read_only) {
      check_schema(db);
      return;
    }
    // In a WAL a commit is one append and one sync; FULL syncs it before the commit returns.
    db.execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000",
        "opening");
    migrate(db);
    writes = std::make_unique<writer>(db, flow);
  }

  writer& writing() {
    if (!writes)
      throw store_error("store: this connection only reads");
    return *writes;
  }

  store_options options;
  sqlite::database db;
  contexts flow{db, options};
  reader reads{db, flow};
  std::unique_ptr<writer> writes;
};

job_store::job_store(store_options options, access mode)
    : state_(std::make_unique<state>(std::move(options), mode)) {}
job_store::~job_store() = default;

std::vector<payload> job_store::commit(std::vector<change> const& changes) {
  return state_->writing().commit(changes);
}
void job_store::probe() {
  state_->writing().probe();
}
std::uint64_t job_store::events_reserved() const {
  return state_->reads.events_reserved();
}

job_id job_store::last_used() const {
  return state_->writes ? state_->writes->last_used() : state_->reads.last_used();
}
std::vector<put_spending> job_store::spending() const {
  return state_->reads.spending();
}

put_usage job_store::usage() const {
  return state_->reads.usage();
}
void job_store::load_unfinished(std::function<void(unfinished_job&&)> const& each) const {
  state_->reads.load_unfinished(each);
}
void job_store::load_ended_children(std::function<void(ended_child const&)> const& each) const {
  state_->reads.load_ended_children(each);
}
std::vector<node_order> job_store::node_orders() const {
  return state_->reads.node_orders();
}
std::vector<recurrence> job_store::recurrences() const {
  return state_->reads.recurrences();
}
std::vector<known_job> job_store::statuses(std::vector<job_id> const& jobs) const {
  return state_->reads.statuses(jobs);
}
std::optional<job_record> job_store::find(job_id job, bool include_payload) const {
  return state_->reads.find(job, include_payload);
}
std::vector<job_record> job_store::list(list_jobs const& filter) const {
  return state_->reads.list(filter);
}
std::vector<job_id> job_store::children(job_id parent) const {
  return state_->reads.children(parent);
}
std::optional<submit_result> job_store::find_key(std::string const& tenant,
                                                 std::string const& key) const {
  return state_->reads.find_key(tenant, key);
}
std::string job_store::key_digest(std::string const& tenant, std::string const& key) const {
  return state_->reads.key_digest(tenant, key);
}
std::optional<submission> job_store::as_submission(job_id job) const {
  return state_->reads.as_submission(job);
}
std::vector<std::pair<job_status, std::int64_t>> job_store::counts() const {
  return state_->reads.counts();
}
removal job_store::remove_ended(timestamp before, std::int64_t most) {
  return state_->writing().remove_ended(before, most);
}
std::string job_store::integrity() const {
  return state_->reads.integrity();
}

}  // namespace nsai::store

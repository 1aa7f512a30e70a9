#include "store/schema.hpp"

#include <array>

namespace nsai::store {
namespace {

/// What is the same for all children of an array lies once, under their parent, in `payloads`; a
/// job's own row holds what changes. Children have the numbers that follow their parent's without a
/// gap, so no index leads to them. A status below 3 is an unfinished one (job_status).
constexpr char const* first_schema = R"sql(
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE probes(
  id INTEGER PRIMARY KEY,
  filler BLOB
);

CREATE TABLE payloads(
  job INTEGER PRIMARY KEY,
  children INTEGER NOT NULL,
  tenant TEXT,
  namespace TEXT,
  owner TEXT,
  stage TEXT,
  name TEXT,
  tags TEXT,
  retry_of INTEGER,
  trace_id TEXT,
  experiment_id TEXT,
  key TEXT,
  key_digest TEXT,
  array TEXT,
  after TEXT,
  resources TEXT,
  constraints TEXT,
  metadata TEXT,
  options TEXT,
  context TEXT
);
CREATE UNIQUE INDEX payloads_key ON payloads(tenant, key) WHERE key IS NOT NULL;
CREATE INDEX payloads_tenant ON payloads(tenant);
CREATE INDEX payloads_experiment ON payloads(experiment_id) WHERE experiment_id IS NOT NULL;

CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  payload_of INTEGER NOT NULL,
  parent INTEGER,
  position INTEGER NOT NULL,
  array_index INTEGER,
  kind INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  status INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  closed INTEGER NOT NULL DEFAULT 0,
  own_failures INTEGER NOT NULL DEFAULT 0,
  infra_failures INTEGER NOT NULL DEFAULT 0,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  completed_at INTEGER NOT NULL,
  eligible_at INTEGER NOT NULL DEFAULT 0,
  incarnation INTEGER NOT NULL DEFAULT 0,
  node TEXT,
  node_uuid TEXT,
  devices TEXT,
  worker TEXT,
  backend TEXT,
  error TEXT,
  result TEXT,
  context_out TEXT
);
CREATE INDEX jobs_unfinished ON jobs(id, status) WHERE status < 3;
CREATE INDEX jobs_ended ON jobs(completed_at) WHERE parent IS NULL AND status >= 3;

CREATE TABLE attempts(
  job INTEGER NOT NULL,
  number INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  node TEXT,
  worker TEXT,
  devices TEXT,
  error TEXT,
  PRIMARY KEY(job, number)
) WITHOUT ROWID;
)sql";

/// Jobs that were submitted one after the other with equal requests share a payload, too: each has
/// its own options and trace id (NULL: those of the payload), and `alike` says how many numbers
/// after the payload's own may share it.
constexpr char const* alike_jobs = R"sql(
ALTER TABLE jobs ADD COLUMN options TEXT;
ALTER TABLE jobs ADD COLUMN trace_id TEXT;
ALTER TABLE payloads ADD COLUMN alike INTEGER NOT NULL DEFAULT 0;
)sql";

/// An index of the unfinished jobs changed with every status: five times a job. Their numbers lie
/// close together, so it is enough to know which pages of 64 numbers have one; retention goes by
/// the numbers, whose order is that of creation.
constexpr char const* unfinished_pages = R"sql(
CREATE TABLE unfinished(page INTEGER PRIMARY KEY);
INSERT INTO unfinished SELECT DISTINCT id / 64 FROM jobs WHERE status < 3;
DROP INDEX jobs_unfinished;
DROP INDEX jobs_ended;
)sql";

/// For the fair share between tenants, and between the owners of each, after a restart.
constexpr char const* usage_of_owners = R"sql(
CREATE TABLE usage(
  tenant TEXT,
  owner TEXT,
  at INTEGER NOT NULL,
  cpu INTEGER NOT NULL,
  memory INTEGER NOT NULL,
  gpu INTEGER NOT NULL
);
)sql";

/// What is ordered for nodes (node_order), and whether the running attempt of a job was stopped by
/// that.
constexpr char const* node_orders = R"sql(
CREATE TABLE node_orders(
  uuid TEXT PRIMARY KEY,
  name TEXT,
  since INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  reason TEXT,
  windows TEXT,
  dismissed INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE jobs ADD COLUMN handed_back INTEGER NOT NULL DEFAULT 0;
)sql";

/// How often a job's attempts were stopped for other jobs. From here on `handed_back` is 2 where
/// the running attempt is.
constexpr char const* preempted_jobs = R"sql(
ALTER TABLE jobs ADD COLUMN preemptions INTEGER NOT NULL DEFAULT 0;
)sql";

/// What recurs, as JSON (recurrence), and the words of unique jobs.
constexpr char const* recurring_jobs = R"sql(
CREATE TABLE recurrences(
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY(tenant, name)
) WITHOUT ROWID;
ALTER TABLE payloads ADD COLUMN unique_word TEXT;
)sql";

/// What jobs and tenants have cost, in millionths of a USD; `cost_rate` is that of the running
/// attempt, an hour.
constexpr char const* costs = R"sql(
ALTER TABLE jobs ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN cost_rate INTEGER NOT NULL DEFAULT 0;
CREATE TABLE spending(
  tenant TEXT PRIMARY KEY,
  spent INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

/// What attempts have used of memory; NULL where it was not measured.
constexpr char const* peaks = R"sql(
ALTER TABLE jobs ADD COLUMN peak_memory INTEGER;
ALTER TABLE jobs ADD COLUMN peak_gpu_memory INTEGER;
ALTER TABLE attempts ADD COLUMN peak_memory INTEGER;
ALTER TABLE attempts ADD COLUMN peak_gpu_memory INTEGER;
)sql";

/// Step k leads from version k to version k + 1. A released step never changes.
constexpr std::array steps = {first_schema,    alike_jobs,  unfinished_pages,
                              usage_of_owners, node_orders, preempted_jobs,
                              recurring_jobs,  costs,       peaks};

int version_of(sqlite::database& on) {
  return std::stoi("0" + on.value("PRAGMA user_version", "reading the schema version"));
}

void refuse_newer(int version) {
  if (version > newest_schema())
    throw store_error("store: the database has schema version " + std::to_string(version) +
                      ", written by a newer nsai; this one knows up to " +
                      std::to_string(newest_schema()) +
                      ": start the newer nsai, or restore a backup");
}

}  // namespace

int newest_schema() {
  return static_cast<int>(steps.size());
}

void check_schema(sqlite::database& on) {
  int const version = version_of(on);
  refuse_newer(version);
  if (version < newest_schema())
    throw store_error("store: the database has schema version " + std::to_string(version) +
                      ", this nsai reads " + std::to_string(newest_schema()) +
                      ": start the scheduler once, it brings the database up to date");
}

void migrate(sqlite::database& on) {
  refuse_newer(version_of(on));
  on.execute("BEGIN IMMEDIATE", "starting a migration");
  try {
    // Read again under the lock: another process may have migrated meanwhile.
    int const version = version_of(on);
    refuse_newer(version);
    if (version == 0 && on.value("SELECT count(*) FROM sqlite_master", "reading the schema") != "0")
      throw store_error("store: the database holds tables of something else than nsai");
    for (int step = version; step < newest_schema(); ++step) {
      on.execute(steps[static_cast<std::size_t>(step)], "migrating");
      auto const set = "PRAGMA user_version = " + std::to_string(step + 1);
      on.execute(set.c_str(), "migrating");
    }
    on.execute("COMMIT", "migrating");
  } catch (...) {
    on.roll_back();
    throw;
  }
}

}  // namespace nsai::store

#include "tests/e2e/store_check.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>

#include <sqlite3.h>

namespace nsai::tests {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

class rows {
 public:
  explicit rows(fs::path const& file) {
    sqlite3* opened = nullptr;
    if (sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK)
      throw std::runtime_error("cannot open " + file.string());
    db_.reset(opened);
    sqlite3_busy_timeout(opened, 5000);
  }

  void each(char const* sql, std::function<void(sqlite3_stmt*)> const& row) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr) != SQLITE_OK)
      throw std::runtime_error(std::string{sql} + ": " + sqlite3_errmsg(db_.get()));
    std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> const query{made, sqlite3_finalize};
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(made)) == SQLITE_ROW)
      row(made);
    if (code != SQLITE_DONE)
      throw std::runtime_error(std::string{sql} + ": " + sqlite3_errmsg(db_.get()));
  }

 private:
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db_{nullptr, sqlite3_close};
};

std::string text(sqlite3_stmt* row, int column) {
  auto const* bytes = reinterpret_cast<char const*>(sqlite3_column_text(row, column));
  return bytes == nullptr ? "" : bytes;
}

json parsed(sqlite3_stmt* row, int column) {
  auto const given = text(row, column);
  return given.empty() ? json::object() : json::parse(given);
}

stored_job job_of(sqlite3_stmt* row) {
  stored_job j;
  j.id = static_cast<std::uint64_t>(sqlite3_column_int64(row, 0));
  j.parent = static_cast<std::uint64_t>(sqlite3_column_int64(row, 1));
  j.status = static_cast<job_status>(sqlite3_column_int(row, 2));
  j.attempt = static_cast<std::uint32_t>(sqlite3_column_int(row, 3));
  auto const error = parsed(row, 4);
  j.error_category = error.value("category", "");
  j.error_code = error.value("code", "");
  j.retryable = error.value("retryable", false);
  auto const terms = parsed(row, 5);
  j.max_retries = terms.value("max_retries", 0);
  j.max_infra_retries = terms.value("max_infra_retries", 10);
  bool const owns_payload = sqlite3_column_int(row, 6) != 0;
  j.children =
      owns_payload ? static_cast<std::uint64_t>(sqlite3_column_int64(row, 7)) : std::uint64_t{0};
  j.composite = j.children > 0;
  return j;
}

std::string about(stored_job const& j) {
  std::string text = "job " + std::to_string(j.id) + " (status " +
                     std::to_string(static_cast<int>(j.status)) + ", attempt " +
                     std::to_string(j.attempt) + ", closed:";
  for (auto const& a : j.closed)
    text += " " + std::to_string(a.number) + "=" + std::to_string(static_cast<int>(a.outcome));
  return text + ", error " + j.error_category + "/" + j.error_code + ")";
}

void check_attempts(stored_job const& j, std::vector<std::string>& faults) {
  std::uint32_t expected = 0;
  for (auto const& a : j.closed) {
    if (a.number != ++expected)
      faults.push_back("P2: " + about(j) + " has closed attempts with a gap or a repeat");
    if (a.outcome == attempt_result::succeeded)
      faults.push_back("P2: " + about(j) + " went on after an attempt that had succeeded");
  }
  bool const ended_with_last = j.attempt == expected + 1;
  if (!ended_with_last && j.attempt != expected)
    faults.push_back("P2: " + about(j) + " lacks the record of an attempt");
  if (j.status == job_status::succeeded && !ended_with_last)
    faults.push_back("P2: " + about(j) + " succeeded without an attempt that did");
}

void check_retries(stored_job const& j, std::vector<std::string>& faults) {
  auto const own = j.own_failures();
  if (own > j.max_retries + 1)
    faults.push_back("P4: " + about(j) + " failed " + std::to_string(own) + " times, of " +
                     std::to_string(j.max_retries + 1) + " allowed");
  bool const failed = j.status == job_status::failed || j.status == job_status::timeout;
  if (failed && j.error_category == "stage" && j.retryable && own != j.max_retries + 1)
    faults.push_back("P4: " + about(j) + " was given up after " + std::to_string(own) +
                     " own failures, " + std::to_string(j.max_retries + 1) + " are allowed");
  if (!failed || j.error_category != "infra")
    return;
  auto const lost = static_cast<int>(j.attempt) - own;
  bool const poison = j.error_code == "poison" && lost >= 3;
  bool const too_many = j.error_code == "too_many_infra_failures" && lost > j.max_infra_retries;
  if (!poison && !too_many)
    faults.push_back("P4: " + about(j) + " was given up for losses that it did not have");
}

}  // namespace

int stored_job::closed_as(attempt_result outcome) const {
  return static_cast<int>(std::count_if(closed.begin(), closed.end(),
                                        [&](auto const& a) { return a.outcome == outcome; }));
}

int stored_job::own_failures() const {
  bool const last = (status == job_status::failed || status == job_status::timeout) &&
                    error_category == "stage" && attempt > closed.size();
  return closed_as(attempt_result::failed) + closed_as(attempt_result::timed_out) + (last ? 1 : 0);
}

stored_jobs read_store(fs::path const& directory) {
  rows db{directory / "jobs.db"};
  stored_jobs found;
  db.each("PRAGMA integrity_check", [&](sqlite3_stmt* row) { found.integrity += text(row, 0); });
  db.each(
      "SELECT j.id, j.parent, j.status, j.attempt, j.error, p.constraints, j.payload_of = j.id, "
      "p.children FROM jobs j JOIN payloads p ON p.job = j.payload_of ORDER BY j.id",
      [&](sqlite3_stmt* row) {
        auto j = job_of(row);
        found.all.emplace(j.id, std::move(j));
      });
  db.each("SELECT job, number, outcome FROM attempts ORDER BY job, number", [&](sqlite3_stmt* row) {
    found.all[static_cast<std::uint64_t>(sqlite3_column_int64(row, 0))].closed.push_back(
        {static_cast<std::uint32_t>(sqlite3_column_int(row, 1)),
         static_cast<attempt_result>(sqlite3_column_int(row, 2))});
  });
  db.each("SELECT tenant, key, job FROM payloads WHERE key IS NOT NULL", [&](sqlite3_stmt* row) {
    found.by_key[text(row, 0) + "/" + text(row, 1)] =
        static_cast<std::uint64_t>(sqlite3_column_int64(row, 2));
  });
  db.each("SELECT substr(name, 6), value FROM meta WHERE name LIKE 'jobs\\__' ESCAPE '\\'",
          [&](sqlite3_stmt* row) {
            found.counters[std::stoi(text(row, 0))] = sqlite3_column_int64(row, 1);
          });
  return found;
}

std::vector<std::string> broken_promises(stored_jobs const& store) {
  std::vector<std::string> faults;
  if (store.integrity != "ok")
    faults.push_back("the database is damaged: " + store.integrity);
  std::map<int, std::int64_t> counted;
  std::map<std::uint64_t, std::uint64_t> children;
  for (auto const& [id, j] : store.all) {
    ++counted[static_cast<int>(j.status)];
    if (j.parent != 0)
      ++children[j.parent];
    if (!is_terminal(j.status))
      faults.push_back("P1: " + about(j) + " has not ended");
    if (j.composite)
      continue;
    check_attempts(j, faults);
    check_retries(j, faults);
  }
  for (auto const& [id, j] : store.all)
    if (j.composite && children[id] != j.children)
      faults.push_back("P1: " + about(j) + " has " + std::to_string(children[id]) + " of " +
                       std::to_string(j.children) + " children");
  for (auto const& [status, count] : store.counters)
    if (count != counted[status])
      faults.push_back("the store counts " + std::to_string(count) + " jobs of status " +
                       std::to_string(status) + "; there are " + std::to_string(counted[status]));
  return faults;
}

std::vector<json> read_events(fs::path const& file) {
  std::vector<json> list;
  for (int n = 9; n >= 0; --n) {
    std::ifstream in{n == 0 ? file : fs::path{file.string() + "." + std::to_string(n)}};
    for (std::string line; std::getline(in, line);)
      list.push_back(json::parse(line));
  }
  return list;
}

std::vector<std::string> broken_promises(std::vector<json> const& events,
                                         stored_jobs const& store) {
  static std::set<std::string> const ends{"work.job.completed", "work.job.failed",
                                          "work.job.canceled"};
  std::vector<std::string> faults;
  std::uint64_t last = 0;
  std::set<std::pair<std::uint64_t, std::uint32_t>> started;
  std::map<std::uint64_t, std::string> ended;
  for (auto const& e : events) {
    auto const sequence = e.at("sequence").get<std::uint64_t>();
    if (sequence <= last)
      faults.push_back("event " + std::to_string(sequence) + " comes after event " +
                       std::to_string(last));
    last = sequence;
    auto const job = e.value("job_id", std::uint64_t{0});
    auto const name = e.at("name").get<std::string>();
    if (job == 0)
      continue;
    auto const known = store.all.find(job);
    if (known == store.all.end()) {
      faults.push_back("an event tells of job " + std::to_string(job) + ", which does not exist");
      continue;
    }
    if (name == "work.job.started" && !started.insert({job, e.value("attempt", 0U)}).second)
      faults.push_back("P2: attempt " + std::to_string(e.value("attempt", 0U)) + " of job " +
                       std::to_string(job) + " was told as started twice");
    if (!ends.contains(name))
      continue;
    if (!ended.emplace(job, name).second)
      faults.push_back("P1: job " + std::to_string(job) + " was told as ended twice");
    bool const agrees =
        (name == "work.job.completed") == (known->second.status == job_status::succeeded) &&
        (name == "work.job.canceled") == (known->second.status == job_status::canceled);
    if (!agrees)
      faults.push_back("P1: the event " + name + " of " + about(known->second) + " does not fit");
  }
  return faults;
}

}  // namespace nsai::tests

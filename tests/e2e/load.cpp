#include "tests/e2e/load.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace nsai::tests {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr job_status succeeded = job_status::succeeded;
constexpr job_status failed = job_status::failed;

/// RECORDS WHAT SECONDS CORES: notes its start, takes a lock for what it was granted, and waits.
constexpr char const* job_program = R"sh(
records=$1; what=$2; seconds=$3; cores=$4
node=${NSAI_RESULT%/run/*}; node=${node##*/}
echo "$NSAI_JOB_ID $NSAI_ATTEMPT" >> "$records/starts"
take() {
  exec 9> "$records/$1"
  flock -n 9
}
if [ "$what" = gpu ]; then
  index=$(echo "$NSAI_DEVICES" | sed 's/.*"index": *\([0-9]*\).*/\1/')
  take "$node.gpu.$index" && taken=1
else
  i=0
  while [ -z "$taken" ] && [ $i -lt "$cores" ]; do
    take "$node.cpu.$i" && taken=1
    i=$((i + 1))
  done
fi
if [ -z "$taken" ]; then
  echo "P3: attempt $NSAI_ATTEMPT of job $NSAI_JOB_ID found no free $what on $node ($NSAI_DEVICES)" \
    >> "$records/violations"
  exit 99
fi
[ "$what" = daemon ] && { setsid sleep 1000 & }
sleep "$seconds"
)sh";

constexpr char const* experiment = R"({
  "id": "steps", "name": "steps", "type": "proposer",
  "pipeline": [
    {"name": "first", "stage": "echo", "options": {"text": "begin"}},
    {"name": "second", "stage": "sleep", "options": {"seconds": 0.1}},
    {"name": "third", "stage": "echo", "options": {"text": "over"}}
  ]
})";

std::vector<std::string> lines_of(fs::path const& file) {
  std::vector<std::string> list;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);)
    list.push_back(line);
  return list;
}

}  // namespace

/// One of them, on a thread of its own.
class load::user {
 public:
  user(load& of, int number)
      : of_(of),
        random_(of.settings_.seed * 1000 + static_cast<std::uint64_t>(number)),
        tenant_("t" + std::to_string(number)) {}

  void live() {
    do {
      do_one();
    } while (!of_.over_within(std::chrono::milliseconds{below(150)}));
    while (!to_cancel_.empty())
      cancel_one();
  }

 private:
  int below(int bound) {
    return static_cast<int>(random_() % static_cast<std::uint64_t>(std::max(bound, 1)));
  }
  std::string part_of_second() { return "0." + std::to_string(1 + below(5)); }

  /// At most so often: a stage that does nothing but fail is slowed down for its tenant.
  bool still(std::string const& kind, int most) { return ++times_[kind] <= most; }

  void do_one() {
    switch (below(12)) {
      case 0:
        return submit({"array",
                       {"--stage", "echo", "--array", "0-" + std::to_string(below(200))},
                       {succeeded}});
      case 1:
        return submit(
            {"sleep", {"--stage", "sleep", "--set", "seconds=" + part_of_second()}, {succeeded}});
      case 2:
      case 3:
        return submit({"program", of_.program("cpu", part_of_second()), {succeeded}});
      case 4:
        return submit({"gpu", gpu_words(), {succeeded}});
      case 5:
        return submit({"daemon", of_.program("daemon", "0.1"), {succeeded}});
      case 6:
      case 7:
        return submit_long();
      case 8:
        return mistake();
      case 9:
        return run_experiment();
      case 10:
        return submit_failing();
      default:
        if (!to_cancel_.empty())
          cancel_one();
    }
  }

  std::vector<std::string> gpu_words() {
    std::vector<std::string> words{"--gpu", "A100", "--cpu", "0"};
    auto const program = of_.program("gpu", part_of_second());
    words.insert(words.end(), program.begin(), program.end());
    return words;
  }

  void submit_long() {
    std::vector<std::string> words{"--grace", "300ms"};
    auto const program = of_.program("cpu", "1000");
    words.insert(words.end(), program.begin(), program.end());
    submit({"long", words, {job_status::canceled}, true});
  }

  void submit_failing() {
    if (below(2) == 0 && still("flaky", 6))
      return submit({"flaky",
                     {"--stage", "flaky", "--set", "failures=1", "--retry-backoff", "50ms"},
                     {succeeded}});
    if (below(2) == 0 && still("fail", 3))
      return submit(
          {"fail", {"--stage", "fail", "--max-retries", "2", "--retry-backoff", "30ms"}, {failed}});
    if (still("crash", 4))
      submit({"crash",
              {"--stage", "crash", "--max-retries", "1", "--retry-backoff", "30ms"},
              {failed}});
  }

  /// Refused before anything has changed (P7).
  void mistake() {
    auto const key = next_key();
    auto const result =
        command({"submit", "--key", key, "--stage", "echo", "--set", "txet=" + tenant_});
    if (result.exit_code == 0)
      of_.fault("P7: a submission with an unknown option was taken");
    of_.note({tenant_, key, {"mistake", {}, {}}, {}});
  }

  void run_experiment() {
    auto const result = command({"run", "--detach", of_.cluster_.directory() / "steps.json"});
    if (result.exit_code == 0)
      of_.note({tenant_, "", {"experiment", {}, {succeeded}}, std::stoull(result.out)});
  }

  void submit(wish const& what) {
    made entry{tenant_, next_key(), what, {}};
    std::vector<std::string> words{"submit", "--key", entry.key};
    words.insert(words.end(), what.words.begin(), what.words.end());
    auto const until = std::chrono::steady_clock::now() + 60s;
    while (!entry.job && std::chrono::steady_clock::now() < until) {
      auto const result = command(words);
      if (result.exit_code == 0)
        entry.job = std::stoull(result.out);
      else if (result.exit_code == 2 || result.exit_code == 5)
        return of_.fault("a good submission (" + what.kind + ") was refused: " + result.err);
    }
    if (!entry.job)
      of_.fault("a submission (" + what.kind + ") was not acknowledged in 60 s");
    if (entry.job && what.cancel)
      to_cancel_.push_back(*entry.job);
    of_.note(std::move(entry));
  }

  void cancel_one() {
    auto const at = static_cast<std::ptrdiff_t>(below(static_cast<int>(to_cancel_.size())));
    auto const job = to_cancel_[static_cast<std::size_t>(at)];
    auto const until = std::chrono::steady_clock::now() + 60s;
    bool over = false;
    while (!over && std::chrono::steady_clock::now() < until) {
      auto const result = command({"cancel", std::to_string(job)});
      // It may have ended already, perhaps by a cancel whose answer was lost.
      over = result.exit_code == 0 || result.err.find("already ended") != std::string::npos;
    }
    if (!over)
      of_.fault("the cancel of job " + std::to_string(job) + " was not acknowledged in 60 s");
    to_cancel_.erase(to_cancel_.begin() + at);
  }

  finished command(std::vector<std::string> words) const {
    words.insert(words.begin(), {"--tenant", tenant_});
    return of_.cluster_.run(words, 20s);
  }
  std::string next_key() { return "k" + std::to_string(++keys_); }

  load& of_;
  std::mt19937_64 random_;
  std::string tenant_;
  int keys_ = 0;
  std::map<std::string, int> times_;
  std::vector<std::uint64_t> to_cancel_;
};

load::load(cluster const& on, settings given) : cluster_(on), settings_(given) {
  fs::create_directory(on.directory() / "records");
  std::ofstream{on.directory() / "job.sh"} << job_program;
  std::ofstream{on.directory() / "steps.json"} << experiment;
}

load::~load() {
  stop();
}

void load::start() {
  for (int i = 0; i < settings_.tenants; ++i)
    threads_.emplace_back([this, i] { user{*this, i}.live(); });
}

bool load::over_within(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  return ends_.wait_for(lock, wait, [this] { return over_; });
}

void load::stop() {
  {
    std::lock_guard const lock{mutex_};
    over_ = true;
  }
  ends_.notify_all();
  for (auto& each : threads_)
    each.join();
  threads_.clear();
}

std::vector<std::string> load::program(std::string const& what, std::string const& seconds) const {
  auto const& base = cluster_.directory();
  return {"--",
          "sh",
          base / "job.sh",
          base / "records",
          what,
          seconds,
          std::to_string(settings_.cpus_of_a_node)};
}

void load::note(made entry) {
  std::lock_guard const lock{mutex_};
  made_.push_back(std::move(entry));
}

void load::fault(std::string sentence) {
  std::lock_guard const lock{mutex_};
  faults_.push_back(std::move(sentence));
}

std::int64_t load::acknowledged() const {
  std::lock_guard const lock{mutex_};
  return std::count_if(made_.begin(), made_.end(), [](made const& m) { return m.job.has_value(); });
}

std::vector<std::string> load::broken_promises(stored_jobs const& store) const {
  auto faults = faults_;
  std::set<std::uint64_t> numbers;
  for (auto const& m : made_) {
    auto const keyed = store.by_key.find(m.tenant + "/" + m.key);
    if (m.what.kind == "mistake" && keyed != store.by_key.end())
      faults.push_back("P7: a refused submission has become a job");
    if (!m.job)
      continue;
    auto const name = m.what.kind + " job " + std::to_string(*m.job);
    if (!numbers.insert(*m.job).second)
      faults.push_back("P1: " + name + " has the number of another one");
    auto const found = store.all.find(*m.job);
    if (found == store.all.end()) {
      faults.push_back("P1: " + name + " was acknowledged and is not there");
      continue;
    }
    if (!m.key.empty() && (keyed == store.by_key.end() || keyed->second != *m.job))
      faults.push_back("P1: the key of " + name + " leads to another job");
    auto const& j = found->second;
    bool const lost = j.status == failed && j.error_category != "stage";
    if (!lost && std::count(m.what.may_end.begin(), m.what.may_end.end(), j.status) == 0)
      faults.push_back(name + " ended with status " + std::to_string(static_cast<int>(j.status)) +
                       ", error " + j.error_category + "/" + j.error_code);
  }
  std::set<std::string> starts;
  for (auto const& line : lines_of(cluster_.directory() / "records" / "starts"))
    if (!starts.insert(line).second)
      faults.push_back("P2: the attempt (job and number) " + line + " was started twice");
  for (auto const& line : lines_of(cluster_.directory() / "records" / "violations"))
    faults.push_back(line);
  return faults;
}

}  // namespace nsai::tests

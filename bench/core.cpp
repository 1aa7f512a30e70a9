// The scheduling core alone: events a second, cost per decision, memory per queued job. No CAF, no
// store, no clock but the CPU time of this process.
//   bench_core [--seed N] [--events N] [--queued N] [KIND...]      (kinds: see `kinds` below)
// Every kind first plays a small cluster with `check_invariants` after every few events, so that
// what is measured is a core that works. `digest` is a hash over all grants in order: equal seeds
// give equal digests, also across changes that only make the core faster.
#include "scheduling/core.hpp"

#include <algorithm>
#include <ctime>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <unordered_map>

#include <malloc.h>

#include "processes/large_pages.hpp"
#include "scheduling/forecast.hpp"

namespace {

using namespace nsai;
using namespace nsai::scheduling;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::size_t heap_bytes() {
  auto const info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct setting {
  std::size_t nodes = 1000;
  std::size_t queued = 1'000'000;
  bool shares = false;   // shares of GPUs too; a share's shape belongs to its tenant
  bool brief = false;    // jobs of a few milliseconds on one core, which are granted ahead
  bool gangs = false;    // every tenth job runs on two to eight nodes at once
  bool light = false;    // no queue: half of the cluster is busy, and every job fits on arrival
  bool on_heap = false;  // its tables of jobs do not lie on large pages, as the scheduler's do
};

node_info node_of(std::size_t number) {
  struct kind {
    char const* model;
    std::int64_t memory_mb;
  };
  static constexpr kind kinds[] = {{"NVIDIA A100-SXM4-80GB", 81'920},
                                   {"NVIDIA H100 80GB HBM3", 81'559},
                                   {"NVIDIA A100-SXM4-80GB", 81'920},
                                   {"NVIDIA L4", 23'034}};
  auto const& kind = kinds[number % 4];
  auto const digits = std::to_string(10'000'000 + number);
  node_info n;
  n.uuid = "5b1c6e0e-93f4-4c0b-a5d2-0000" + digits;
  n.name = "node-" + digits;
  n.incarnation = 1;
  n.cpus.value = 64'000;
  n.memory_mb = 524'288;
  for (std::uint32_t i = 0; i < 8; ++i)
    n.gpus.push_back({i, "GPU-" + digits + "-" + std::to_string(i), kind.model, kind.memory_mb});
  stage_description train;
  train.name = "train";
  stage_description echo;
  echo.name = "echo";
  echo.brief = true;
  n.stages = {train, echo};
  return n;
}

resources needs(std::int64_t cores, std::int64_t memory_mb) {
  resources r;
  r.cpu.value = cores * 1000;
  r.memory_mb = memory_mb;
  return r;
}

/// The 50 request shapes: 10 of CPU jobs, 40 of GPU jobs.
std::vector<resources> shapes_of(setting const& s) {
  std::vector<resources> list;
  for (std::int64_t const cpu : {1, 2, 4, 8, 16})
    for (std::int64_t const memory_mb : {2048, 16'384})
      list.push_back(needs(cpu, memory_mb));
  for (std::int32_t const count : {1, 2, 4, 8})
    for (char const* const model : {"", "A100", "H100", "L4", "A100|H100"})
      for (std::int64_t const cpu_each : {2, 6}) {
        auto r = needs(cpu_each * count, 32'768 * count);
        r.gpu = model;
        r.gpu_count = count;
        if (s.shares && count == 1)
          r.gpu_share.value = cpu_each == 2 ? 250 : 500;
        list.push_back(r);
      }
  return list;
}

class load {
 public:
  load(setting s, std::uint64_t seed) : setting_(s), random_(seed) {
    auto const shapes = shapes_of(s);
    for (std::size_t i = 0; i < 2048; ++i) {
      submission job;
      job.tenant_id = "tenant-" + std::to_string(random_() % 100);
      job.stage = s.brief ? "echo" : "train";
      if (!s.brief)
        job.resources = shapes[random_() % shapes.size()];
      auto const level = random_() % 10;
      job.priority = level == 0   ? priority::interactive
                     : level == 9 ? priority::offline
                                  : priority::batch;
      job.constraints.max_retries = static_cast<std::int32_t>(random_() % 4);
      job.constraints.timeout_ms = 3'600'000;
      if (s.gangs && i % 10 == 0)
        job.nodes = static_cast<std::int32_t>(2 + random_() % 7);
      submissions_.push_back(std::move(job));
    }
  }

  void join_nodes() {
    for (std::size_t i = 0; i < setting_.nodes; ++i) {
      uuids_.push_back(node_of(i).uuid);
      register_node r{node_of(i), {}, {}};
      if (setting_.gangs)
        r.node.ports.resize(10'000, 20'000);  // as beats would bring new ones
      apply(node_registered{&r, i + 1});
    }
  }

  void submit() { apply(job_submitted{&submissions_[next_++ % submissions_.size()], {}, 0, {}}); }

  void end_one() {
    auto& victim = running_[random_() % running_.size()];
    outcome_.ref = victim.ref;
    outcome_.duration_ms = setting_.brief ? 2 : 60'000;
    attempt_ended e{uuids_[victim.node], &outcome_};
    victim = running_.back();
    running_.pop_back();
    apply(e);
  }

  void fill() {
    while (setting_.light ? running_.size() < setting_.nodes * 4 : queued() < setting_.queued)
      submit();
  }

  /// At least this many events, with the depth of the queue kept.
  void play(std::size_t events) {
    for (auto const until = events_ + events; events_ < until;) {
      end_one();
      if (setting_.light)
        submit();
      else
        while (queued() < setting_.queued)
          submit();
    }
  }

  std::size_t queued() const { return submitted_ - granted_; }
  std::size_t events() const { return events_; }
  std::size_t granted() const { return granted_; }
  std::uint64_t digest() const { return digest_; }
  scheduling::core const& core() const { return core_; }
  timestamp now() const { return now_; }
  job_id last_submitted() const { return last_submitted_; }

 private:
  struct attempt {
    attempt_ref ref;
    std::size_t node;
  };

  void apply(scheduling::event const& e) {
    effects_.clear();
    core_.apply(e, now_, effects_);
    for (auto const& each : effects_) {
      if (auto const* const g = std::get_if<attempt_granted>(&each)) {
        ++granted_;
        auto const node = number_of(*g->node_name);
        running_.push_back({g->ref, node});
        mix(g->ref.job.value);
        mix(node);
        for (auto const& d : g->devices)
          mix(d.index);
      } else if (auto const* const made = std::get_if<job_created>(&each)) {
        submitted_ += made->children == 0 ? 1 : 0;
        last_submitted_ = made->id;
      }
    }
    // As many events a second as are to be reached; every node beats once a second.
    constexpr std::size_t events_a_ms = 500;
    ++events_;
    if (events_ % events_a_ms == 0)
      now_ = now_ + 1;
    auto const beats = events_ * uuids_.size() / (events_a_ms * 1000);
    if (beats > beats_ && !uuids_.empty()) {
      auto const number = beats_++ % uuids_.size();
      apply(node_beat{uuids_[number], number + 1, {}});
    }
  }

  static core_settings settings_for(setting const& s) {
    core_settings settings;
    if (!s.on_heap)
      settings.large_tables = processes::large_pages();
    return settings;
  }
  static std::size_t number_of(std::string const& node_name) {
    std::size_t number = 0;
    for (auto const digit : std::string_view(node_name).substr(6))  // "node-1" and seven digits
      number = number * 10 + static_cast<std::size_t>(digit - '0');
    return number;
  }
  void mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 0x100000001b3ULL; }

  setting setting_;
  std::mt19937_64 random_;
  scheduling::core core_{settings_for(setting_)};
  effects effects_;
  timestamp now_{1'700'000'000'000};
  std::vector<submission> submissions_;
  std::vector<std::string> uuids_;
  std::vector<attempt> running_;
  attempt_outcome outcome_;
  std::size_t next_ = 0;
  std::size_t events_ = 0;
  std::size_t beats_ = 0;
  std::size_t submitted_ = 0;
  job_id last_submitted_;
  std::size_t granted_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325ULL;
};

/// The physical limit: the memory work that no scheduler of single jobs can avoid. A submission
/// appends a record of a job's size to a queue and notes its number in a hash map; an end takes the
/// oldest record and its number out. Half of the events are submissions, as in `load::play`.
class bare {
 public:
  explicit bare(std::size_t queued) {
    numbers_.reserve(queued + 1);
    while (queue_.size() < queued)
      submit();
  }
  void play(std::size_t events) {
    for (std::size_t i = 0; i < events; i += 2) {
      submit();
      sum_ += queue_.front().words[1];
      numbers_.erase(queue_.front().words[0]);
      queue_.pop_front();
    }
  }
  std::uint64_t sum() const { return sum_; }

 private:
  struct record {
    std::array<std::uint64_t, 14> words{};  // 112 bytes
  };
  void submit() {
    auto& r = queue_.emplace_back();
    r.words[0] = ++last_;
    r.words[1] = last_ * 3;
    numbers_.emplace(last_, &r);
  }
  std::deque<record> queue_;
  std::unordered_map<std::uint64_t, record*> numbers_;
  std::uint64_t last_ = 0;
  std::uint64_t sum_ = 0;
};

struct options {
  std::uint64_t seed = 1;
  std::size_t events = 1'000'000;
  std::size_t queued = 1'000'000;
};

json digest_of(load const& l) {
  return std::to_string(l.digest());
}

/// A small cluster, checked as it goes.
void prove(setting s, options const& o) {
  s.nodes = 12;
  s.queued = 500;
  load l{s, o.seed};
  l.join_nodes();
  l.fill();
  for (int i = 0; i < 200; ++i) {
    l.play(20);
    l.core().check_invariants();
  }
}

/// Plays both in turns, so that what else the machine does hits both; CPU seconds each.
struct measured {
  double seconds = 0;
  std::size_t events = 0;
  std::size_t granted = 0;
  double ns_per_decision() const { return seconds * 1e9 / static_cast<double>(granted); }
};

std::vector<measured> in_turns(std::vector<load*> const& loads, std::size_t events) {
  constexpr std::size_t rounds = 20;
  std::vector<measured> taken(loads.size());
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < loads.size(); ++i) {
      auto& l = *loads[i];
      auto const events_before = l.events();
      auto const granted_before = l.granted();
      auto const begin = cpu_seconds();
      l.play(events / rounds);
      taken[i].seconds += cpu_seconds() - begin;
      taken[i].events += l.events() - events_before;
      taken[i].granted += l.granted() - granted_before;
    }
  return taken;
}

void events(char const* what, setting s, options const& o) {
  s.queued = o.queued;
  prove(s, o);
  load l{s, o.seed};
  l.join_nodes();
  auto const filling = cpu_seconds();
  l.fill();
  auto const filled = cpu_seconds();
  auto const fill_events = l.events();
  auto const taken = in_turns({&l}, o.events).front();
  bare floor{l.queued() + 1};
  auto const begin = cpu_seconds();
  floor.play(o.events);
  auto const floor_s = cpu_seconds() - begin;
  auto const rate = static_cast<double>(taken.events) / taken.seconds;
  auto const limit = static_cast<double>(o.events) / floor_s;
  std::cout << json{{"what", what},
                    {"nodes", s.nodes},
                    {"queued", l.queued()},
                    {"events_per_s", rate},
                    {"ns_per_decision", taken.ns_per_decision()},
                    {"submissions_per_s", static_cast<double>(fill_events) / (filled - filling)},
                    {"limit_events_per_s", limit},
                    {"share_of_limit", rate / limit},
                    {"limit_check", floor.sum() % 1000},
                    {"digest", digest_of(l)}}
            << std::endl;
}

/// Cost per decision of two settings, and their ratio.
void compare(char const* what, setting large, setting small, options const& o) {
  prove(large, o);
  load a{large, o.seed};
  load b{small, o.seed};
  for (auto* const l : {&a, &b}) {
    l->join_nodes();
    l->fill();
  }
  auto const taken = in_turns({&a, &b}, o.events);
  std::cout << json{{"what", what},
                    {"nodes", {large.nodes, small.nodes}},
                    {"queued", {a.queued(), b.queued()}},
                    {"ns_per_decision", {taken[0].ns_per_decision(), taken[1].ns_per_decision()}},
                    {"ratio", taken[0].ns_per_decision() / taken[1].ns_per_decision()},
                    {"digest", {digest_of(a), digest_of(b)}}}
            << std::endl;
}

/// Heap of the core for each job that waits, without any node. The limit is what a queued job is at
/// least: its number, tenant, shape, times and place in a queue, in 48 bytes.
void memory(options const& o) {
  setting s;
  s.queued = o.queued;
  s.on_heap = true;
  load l{s, o.seed};
  auto const before = heap_bytes();
  l.fill();
  auto const bytes = static_cast<double>(heap_bytes() - before) / static_cast<double>(s.queued);
  std::cout << json{{"what", "memory per queued job in the core"},
                    {"queued", l.queued()},
                    {"bytes", bytes},
                    {"limit_bytes", 48}}
            << std::endl;
}

/// What `nsai explain` costs the scheduler (the copy) and its reader (the rest), with as many live
/// jobs as forecasts are made for.
void forecast(options const& o) {
  setting s;
  s.queued = 42'000;
  prove(s, o);
  load l{s, o.seed};
  l.join_nodes();
  l.fill();
  constexpr int rounds = 5;
  double copying = 0;
  double all = 0;
  int known = 0;
  for (int i = 0; i < rounds; ++i) {
    auto const begin = cpu_seconds();
    auto ahead = l.core().hypothetical();
    copying += cpu_seconds() - begin;
    known += forecast_start(std::move(ahead), l.last_submitted(), l.now()) ? 1 : 0;
    all += cpu_seconds() - begin;
  }
  std::cout << json{{"what", "a forecast"},
                    {"live", l.core().live_jobs()},
                    {"nodes", s.nodes},
                    {"found", known},
                    {"copy_ms", copying * 1e3 / rounds},
                    {"rest_ms", (all - copying) * 1e3 / rounds}}
            << std::endl;
}

std::map<std::string, std::function<void(options const&)>> const kinds{
    {"events", [](options const& o) { events("events of the core", {}, o); }},
    {"depth",
     [](options const& o) {
       compare("1M queued against 10k", {.queued = o.queued}, {.queued = 10'000}, o);
     }},
    {"nodes",
     [](options const& o) {
       compare("10,000 nodes against 100, jobs queue", {.nodes = 10'000, .queued = 100'000},
               {.nodes = 100, .queued = 100'000}, o);
     }},
    {"nodes-light",
     [](options const& o) {
       compare("10,000 nodes against 100, jobs fit on arrival", {.nodes = 10'000, .light = true},
               {.nodes = 100, .light = true}, o);
     }},
    {"memory", memory},
    {"forecast", forecast},
    {"gangs",
     [](options const& o) {
       compare("gangs among the jobs, 10,000 nodes against 1,000",
               {.nodes = 10'000, .queued = 50'000, .gangs = true},
               {.nodes = 1000, .queued = 50'000, .gangs = true}, o);
     }},
    {"shares",
     [](options const& o) { events("events of the core, with shares", {.shares = true}, o); }},
    {"brief",
     [](options const& o) { events("events of the core, brief jobs", {.brief = true}, o); }},
};

int usage() {
  std::cerr << "bench_core [--seed N] [--events N] [--queued N] [KIND...]\nkinds:";
  for (auto const& [name, run] : kinds)
    std::cerr << ' ' << name;
  std::cerr << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    std::string const word = argv[i];
    if (kinds.contains(word)) {
      wanted.push_back(word);
      continue;
    }
    bool const takes_number = word == "--seed" || word == "--events" || word == "--queued";
    if (!takes_number || ++i == argc)
      return usage();
    auto const number = std::stoull(argv[i]);
    (word == "--seed" ? o.seed : word == "--events" ? o.events : o.queued) = number;
  }
  if (wanted.empty())
    for (auto const& [name, run] : kinds)
      wanted.push_back(name);
  for (auto const& name : wanted)
    kinds.at(name)(o);
}

#include "simulation/driver.hpp"

#include <algorithm>
#include <deque>
#include <queue>
#include <set>
#include <unordered_map>

#include "scheduling/core.hpp"
#include "scheduling/forecast.hpp"
#include "scheduling/supervision.hpp"
#include "simulation/fragmentation.hpp"

namespace nsai::simulation {
namespace {

using namespace scheduling;

// Nobody beats here: nodes may be silent for as long as any workload lasts.
constexpr std::int64_t lease_ms = 1000LL * 365 * 24 * 60 * 60 * 1000;
constexpr std::int64_t longest_ms = lease_ms / 2;
// The live core hears of time every second, and decides then whom it keeps room for or stops others
// for. Here it hears a second after the last change while jobs wait, and then ever more seldom.
constexpr std::int64_t first_tick_ms = 1000;
constexpr std::int64_t longest_tick_ms = 64'000;
constexpr std::size_t most_remarks = 5;

core_settings settings_for(cluster_description const& cluster, play_settings const& given) {
  core_settings s;
  s.lease_ms = lease_ms;
  s.lost_after_ms = lease_ms;
  s.wake_every_ms = 0;
  s.judge_health = false;  // no machine here is broken: what fails would fail anywhere
  s.tenants = cluster.tenants;
  s.placement = given.policy;
  s.seed = given.seed;
  return s;
}

class player {
 public:
  player(cluster_description const& cluster, workload const& jobs, play_settings const& settings)
      : jobs_given_(jobs),
        settings_(settings),
        nodes_(nodes_of(cluster)),
        core_(settings_for(cluster, settings)),
        waste_(nodes_, jobs) {
    name_tenants(cluster);
    history_.nodes = nodes_.size();
    for (auto const& line : jobs.jobs)
      jobs_in_all_ += line.count;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto const& n = nodes_[i].info;
      index_of_.emplace(n.uuid, i);
      history_.capacity.cpu += n.cpus.value;
      history_.capacity.memory_mb += n.memory_mb;
      history_.capacity.gpu += 1000 * static_cast<std::int64_t>(n.gpus.size());
    }
  }

  history play() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      register_node r;
      r.node = nodes_[i].info;
      apply(node_registered{&r, i + 1});
    }
    history_.first_submit_ms = jobs_given_.jobs.empty() ? 0 : jobs_given_.jobs.front().submit_ms;
    while (step()) {
    }
    account_for_the_rest();
    return std::move(history_);
  }

 private:
  struct simulated_job {
    std::uint32_t line = 0;  // among the jobs of the workload
    job_status status = job_status::pending;
    bool started = false;
    attempt_no attempt = 0;  // that runs; 0: none
    std::size_t node = 0;
    timestamp since;  // submission, or start of the attempt
    timestamp submitted;
    std::vector<device_grant> devices{};
  };
  struct attempt_end {
    timestamp at;
    std::uint64_t number = 0;  // equal times in order of their announcement
    attempt_ref ref;
    attempt_result result = attempt_result::succeeded;
    bool operator<(attempt_end const& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  void name_tenants(cluster_description const& cluster) {
    std::set<std::string> names;
    for (auto const& r : jobs_given_.requests)
      names.insert(r.tenant_id);
    history_.tenants.assign(names.begin(), names.end());
    history_.jobs_of_tenants.resize(names.size());
    for (auto const& name : history_.tenants) {
      auto const found = cluster.tenants.find(name);
      auto const any = cluster.tenants.find("*");
      auto const& settings = found != cluster.tenants.end() ? found->second
                             : any != cluster.tenants.end() ? any->second
                                                            : tenant_settings{};
      history_.weights.push_back(static_cast<double>(settings.weight.value) / 1000);
    }
    for (auto const& r : jobs_given_.requests)
      tenant_of_request_.push_back(static_cast<std::uint32_t>(
          std::lower_bound(history_.tenants.begin(), history_.tenants.end(), r.tenant_id) -
          history_.tenants.begin()));
  }

  std::int64_t since_start() const { return now_ - virtual_start; }
  submission const& request_of(simulated_job const& j) const {
    return jobs_given_.requests[jobs_given_.jobs[j.line].request];
  }
  std::uint32_t tenant_of(simulated_job const& j) const {
    return tenant_of_request_[jobs_given_.jobs[j.line].request];
  }

  /// The next thing that happens; false when nothing more can. Of what happens at one time,
  /// attempts end first, then jobs arrive, then the core looks at its timers.
  bool step() {
    bool const more_jobs = next_line_ < jobs_given_.jobs.size();
    if (live_ == 0 && !more_jobs)
      return false;
    timestamp const end = ends_.empty() ? never_ : ends_.top().at;
    timestamp const arrival =
        more_jobs ? virtual_start + jobs_given_.jobs[next_line_].submit_ms : never_;
    timestamp wake = wake_ ? wake_ : never_;
    if (queued_ > 0 && (!ends_.empty() || next_tick_ms_ < longest_tick_ms))
      wake = std::min(wake, now_ + next_tick_ms_);
    auto const next = std::min({end, arrival, wake});
    if (next >= never_)
      return false;
    now_ = std::max(now_, next);
    if (end == next)
      end_attempt();
    else if (arrival == next)
      submit_next();
    else
      pass_time();
    return true;
  }

  void pass_time() {
    if (wake_ && wake_ <= now_)
      wake_ = {};
    next_tick_ms_ = std::min(next_tick_ms_ * 2, longest_tick_ms);  // unless something changes
    apply(clock_advanced{});
  }

  void submit_next() {
    auto const& line = jobs_given_.jobs[next_line_];
    auto const& request = jobs_given_.requests[line.request];
    job_submitted e;
    e.request = &request;
    apply(e);
    history_.jobs_of_tenants[tenant_of_request_[line.request]] += 1;
    history_.jobs_of_priorities[static_cast<std::size_t>(request.priority)] += 1;
    if (auto const& fault = core_.last_answer().error) {
      ++history_.jobs["refused"];
      remark("refused: " + fault->message);
    } else {
      foresee(core_.last_answer().id);
    }
    ++submitted_;
    if (++of_line_ == line.count) {
      of_line_ = 0;
      ++next_line_;
    }
  }

  /// When a job that has just come and waits will start, where it is one of those that are asked.
  void foresee(job_id id) {
    auto const share = [&](std::int64_t jobs) { return jobs * settings_.forecasts / jobs_in_all_; };
    if (share(submitted_ + 1) == share(submitted_) || jobs_[id.value].started)
      return;
    ++history_.forecasts_asked;
    if (auto const at = forecast_start(core_.hypothetical(), id, now_))
      foreseen_[id] = *at;
  }

  void end_attempt() {
    auto const over = ends_.top();
    ends_.pop();
    auto& j = jobs_[over.ref.job.value];
    if (j.attempt != over.ref.attempt)
      return;  // it was stopped before
    attempt_outcome outcome;
    outcome.ref = over.ref;
    outcome.result = over.result;
    outcome.duration_ms = now_ - j.since;
    auto const held = held_by(j);
    if (over.result == attempt_result::succeeded) {
      history_.useful_cpu_ms += static_cast<double>(held.cpu) * static_cast<double>(now_ - j.since);
      history_.useful_gpu_ms += static_cast<double>(held.gpu) * static_cast<double>(now_ - j.since);
      supervisor(j).succeeded(simulated_stage);
    }
    waste_.give_back(j.node, {held.cpu, held.memory_mb, j.devices});
    auto const node = j.node;
    j.attempt = 0;
    j.devices = {};
    note(tenant_of(j), 0, {-held.cpu, -held.memory_mb, -held.gpu});
    apply(attempt_ended{nodes_[node].info.uuid, &outcome});
  }

  void apply(scheduling::event const& e) {
    apply_one(e);
    while (!answers_.empty()) {
      auto const answer = answers_.front();
      answers_.pop_front();
      apply_one(answer);
    }
  }

  void apply_one(scheduling::event const& e) {
    effects_.clear();
    core_.apply(e, now_, effects_);
    ++history_.events;
    for (auto const& effect : effects_)
      std::visit([this](auto const& each) { perform(each); }, effect);
  }

  void perform(job_created const& e) {
    if (jobs_.size() <= e.id.value)
      jobs_.resize(e.id.value + 1);
    auto& j = jobs_[e.id.value];
    j.line = static_cast<std::uint32_t>(next_line_);
    j.submitted = now_;
    ++live_;
    set_status(j, e.status);
  }
  void perform(job_changed const& e) { set_status(jobs_[e.id.value], e.status); }
  void perform(job_ended const& e) {
    set_status(jobs_[e.id.value], e.status);
    ++history_.jobs[to_string(e.status)];
    history_.last_end_ms = since_start();
    --live_;
  }

  void perform(attempt_granted const& e) {
    auto& j = jobs_[e.ref.job.value];
    auto const& c = request_of(j).constraints;
    set_status(j, job_status::running);
    if (!j.started)
      history_.waits.push_back(
          {tenant_of(j), request_of(j).priority, now_ - std::max(j.submitted, c.not_before)});
    if (auto const said = foreseen_.find(e.ref.job); said != foreseen_.end()) {
      history_.forecasts.push_back({said->second - virtual_start, since_start()});
      foreseen_.erase(said);
    }
    j.started = true;
    j.attempt = e.ref.attempt;
    j.since = now_;
    j.node = index_of_.at(*e.node_uuid);
    j.devices = e.devices;
    ++history_.attempts;
    auto const held = held_by(j);
    waste_.take(j.node, {held.cpu, held.memory_mb, j.devices});
    note(tenant_of(j), 0, held);
    auto const takes = jobs_given_.jobs[j.line].duration_ms;
    auto const limit = c.timeout_ms.value_or(0);
    bool const times_out = limit > 0 && takes > limit;
    ends_.push({now_ + (times_out ? limit : takes), ++announced_, e.ref,
                times_out ? attempt_result::timed_out : attempt_result::succeeded});
  }
  void perform(attempt_closed const& e) {
    set_status(jobs_[e.ref.job.value], job_status::pending);
    history_.preemptions += e.error && e.error->code == "preempted" ? 1 : 0;
  }
  void perform(attempt_stopped const& e) {
    ends_.push({now_, ++announced_, e.ref, attempt_result::canceled});
  }

  void perform(consult_supervisor const& e) {
    answers_.push_back(supervisor(jobs_[e.ref.job.value]).decide(e));
  }
  void perform(wake_at const& e) { wake_ = e.at < virtual_start + longest_ms ? e.at : timestamp{}; }
  /// The others are for a store, for telemetry, or about what no workload has.
  template <class E>
  void perform(E const&) {}

  supervision& supervisor(simulated_job const& j) {
    auto const tenant = tenant_of(j);
    return supervisors_.try_emplace(tenant, settings_.seed * 0x9e3779b97f4a7c15ULL + tenant)
        .first->second;
  }

  held_amounts held_by(simulated_job const& j) const {
    auto const& needs = request_of(j).resources;
    held_amounts held{needs.cpu.value, needs.memory_mb, 0};
    for (auto const& d : j.devices)
      held.gpu += d.share_milli;
    return held;
  }

  void set_status(simulated_job& j, job_status to) {
    auto const more = (to == job_status::queued ? 1 : 0) - (j.status == job_status::queued ? 1 : 0);
    j.status = to;
    queued_ += more;
    if (more != 0)
      note(tenant_of(j), more, {});
  }

  /// What changes for one tenant at one time is one change: a job that starts as it arrives was
  /// never queued.
  void note(std::uint32_t tenant, std::int32_t queued, held_amounts const& held) {
    next_tick_ms_ = first_tick_ms;
    auto& list = history_.changes;
    if (list.empty() || list.back().at_ms != since_start() || list.back().tenant != tenant)
      list.push_back({since_start(), tenant, 0, {}, 0});
    auto& to = list.back();
    to.queued += queued;
    to.held.cpu += held.cpu;
    to.held.memory_mb += held.memory_mb;
    to.held.gpu += held.gpu;
    to.unusable_gpus = waste_.unusable_gpus();
  }

  void remark(std::string const& text) {
    auto& list = history_.remarks;
    if (list.size() < most_remarks && std::find(list.begin(), list.end(), text) == list.end())
      list.push_back(text);
  }

  /// Jobs that are left when nothing more can happen.
  void account_for_the_rest() {
    for (std::size_t id = 1; id < jobs_.size() && live_ > 0; ++id)
      if (core_.knows({id})) {
        auto const state = core_.look_up({id});
        ++history_.jobs[to_string(state.status)];
        remark("never started: " + state.wait_reason);
      }
  }

  workload const& jobs_given_;
  play_settings const settings_;
  std::vector<described_node> const nodes_;
  std::unordered_map<std::string, std::size_t> index_of_;
  std::vector<std::uint32_t> tenant_of_request_;
  core core_;
  fragmentation waste_;
  effects effects_;
  history history_;

  timestamp now_ = virtual_start;
  timestamp wake_;  // 0: none
  timestamp const never_ = virtual_start + longest_ms;
  std::size_t next_line_ = 0;
  std::int64_t of_line_ = 0;  // how many of that line have been submitted
  std::int64_t jobs_in_all_ = 0;
  std::int64_t submitted_ = 0;
  std::map<job_id, timestamp> foreseen_;  // of jobs that have not started
  std::int64_t live_ = 0;
  std::int64_t queued_ = 0;
  std::int64_t next_tick_ms_ = first_tick_ms;
  std::uint64_t announced_ = 0;
  std::vector<simulated_job> jobs_;  // by number
  std::priority_queue<attempt_end> ends_;
  std::deque<supervisor_decided> answers_;
  std::map<std::uint32_t, supervision> supervisors_;
};

}  // namespace

history play(cluster_description const& cluster, workload const& jobs, play_settings settings) {
  return player{cluster, jobs, settings}.play();
}

}  // namespace nsai::simulation

#include "simulation/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "simulation/timeline.hpp"

namespace nsai::simulation {
namespace {

constexpr std::size_t timeline_steps = 100;

micro micro_of(double x) {
  return {std::llround(x * 1e6)};
}
double part_of(double x, double whole) {
  return whole > 0 ? x / whole : 0;
}

wait_percentiles percentiles(std::vector<std::int64_t> waits) {
  wait_percentiles p;
  if (waits.empty())
    return p;
  std::sort(waits.begin(), waits.end());
  auto const rank = [&](std::size_t percent) {
    return milli{waits[(percent * waits.size() + 99) / 100 - 1]};
  };
  p.p50 = rank(50);
  p.p90 = rank(90);
  p.p99 = rank(99);
  return p;
}

/// What tenants held, followed through the changes.
class shares {
 public:
  explicit shares(history const& h) : h_(h), tenants_(h.tenants.size()) {
    for (auto const& c : h.changes)
      take(c);
    advance(h.last_end_ms);
    for (auto& t : tenants_)
      settle(t);
  }

  /// Parts of all dominant-resource time while more than one tenant had work queued; where that
  /// never was, of all dominant-resource time.
  std::vector<double> parts() const {
    double all = 0;
    for (auto const& t : tenants_)
      all += contended_ms_ > 0 ? t.contended : t.whole;
    std::vector<double> list;
    for (auto const& t : tenants_)
      list.push_back(part_of(contended_ms_ > 0 ? t.contended : t.whole, all));
    return list;
  }

  double fairness() const {
    auto const all = parts();
    double sum = 0;
    double squares = 0;
    double n = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!tenants_[i].has_contended)
        continue;
      auto const x = all[i] / h_.weights[i];
      sum += x;
      squares += x * x;
      ++n;
    }
    return squares > 0 ? sum * sum / (n * squares) : 1;
  }

  double cpu_ms() const { return cpu_ms_; }
  double gpu_ms() const { return gpu_ms_; }
  double unusable_gpu_ms() const { return unusable_gpu_ms_; }

 private:
  struct tenant {
    held_amounts held;
    std::int64_t queued = 0;
    bool has_contended = false;
    // Dominant part × milliseconds, as far as it was added up, and when that was.
    double whole = 0;
    double contended = 0;
    double at_whole = 0;
    double at_contended = 0;
  };

  double dominant(held_amounts const& held) const {
    auto const part = [](std::int64_t x, std::int64_t of) {
      return part_of(static_cast<double>(x), static_cast<double>(of));
    };
    return std::max({part(held.cpu, h_.capacity.cpu), part(held.memory_mb, h_.capacity.memory_mb),
                     part(held.gpu, h_.capacity.gpu)});
  }

  /// A tenant's sums are brought up to now only when what it holds changes.
  void settle(tenant& t) {
    auto const holds = dominant(t.held);
    t.whole += holds * (passed_ms_ - t.at_whole);
    t.contended += holds * (contended_ms_ - t.at_contended);
    t.at_whole = passed_ms_;
    t.at_contended = contended_ms_;
  }

  void advance(std::int64_t to_ms) {
    auto const ms = static_cast<double>(to_ms - at_ms_);
    if (ms <= 0)
      return;
    at_ms_ = to_ms;
    passed_ms_ += ms;
    cpu_ms_ += static_cast<double>(all_.cpu) * ms;
    gpu_ms_ += static_cast<double>(all_.gpu) * ms;
    unusable_gpu_ms_ += unusable_ * ms;
    if (waiting_.size() < 2)
      return;
    contended_ms_ += ms;
    for (auto const i : newly_waiting_)
      tenants_[i].has_contended = tenants_[i].has_contended || tenants_[i].queued > 0;
    newly_waiting_.clear();
  }

  void take(change const& c) {
    advance(c.at_ms);
    auto& t = tenants_[c.tenant];
    settle(t);
    t.held.cpu += c.held.cpu;
    t.held.memory_mb += c.held.memory_mb;
    t.held.gpu += c.held.gpu;
    all_.cpu += c.held.cpu;
    all_.gpu += c.held.gpu;
    unusable_ = c.unusable_gpus;
    bool const waited = t.queued > 0;
    t.queued += c.queued;
    if (waited == (t.queued > 0))
      return;
    auto const at = std::find(waiting_.begin(), waiting_.end(), c.tenant);
    if (at == waiting_.end()) {
      waiting_.push_back(c.tenant);
      newly_waiting_.push_back(c.tenant);
    } else {
      waiting_.erase(at);
    }
  }

  history const& h_;
  std::vector<tenant> tenants_;
  std::vector<std::uint32_t> waiting_;        // tenants with work queued
  std::vector<std::uint32_t> newly_waiting_;  // of these, those not looked at while time passed
  held_amounts all_;
  double unusable_ = 0;
  std::int64_t at_ms_ = 0;
  double passed_ms_ = 0;
  double contended_ms_ = 0;
  double cpu_ms_ = 0;
  double gpu_ms_ = 0;
  double unusable_gpu_ms_ = 0;
};

timeline_report timeline_report_of(history const& h) {
  auto const t = timeline_of(h, timeline_steps);
  auto const cores = static_cast<double>(h.capacity.cpu) / 1000;
  auto const gpus = static_cast<double>(h.capacity.gpu) / 1000;
  timeline_report to;
  to.step_s.value = std::llround(t.step_s * 1000);
  for (std::size_t step = 0; step < t.unusable_gpus.size(); ++step) {
    double gpu = 0;
    double cpu = 0;
    double queued = 0;
    for (std::size_t i = 0; i < h.tenants.size(); ++i) {
      gpu += t.gpus[i][step];
      cpu += t.cores[i][step];
      queued += t.queued[i][step];
    }
    to.gpu.push_back(micro_of(part_of(gpu, gpus)));
    to.cpu.push_back(micro_of(part_of(cpu, cores)));
    to.fragmentation.push_back(micro_of(part_of(t.unusable_gpus[step], gpus)));
    to.queued.push_back({std::llround(queued * 1000)});
  }
  return to;
}

void report_waits(history const& h, report& to) {
  std::vector<std::int64_t> all;
  std::vector<std::vector<std::int64_t>> by_tenant(h.tenants.size());
  std::vector<std::vector<std::int64_t>> by_priority(h.jobs_of_priorities.size());
  for (auto const& w : h.waits) {
    all.push_back(w.ms);
    by_tenant[w.tenant].push_back(w.ms);
    by_priority[static_cast<std::size_t>(w.priority)].push_back(w.ms);
  }
  to.wait_s = percentiles(std::move(all));
  for (std::size_t i = 0; i < h.tenants.size(); ++i) {
    auto& t = to.tenants[h.tenants[i]];
    t.jobs = h.jobs_of_tenants[i];
    t.weight.value = std::llround(h.weights[i] * 1000);
    t.wait_s = percentiles(std::move(by_tenant[i]));
  }
  for (std::size_t i = 0; i < by_priority.size(); ++i)
    if (h.jobs_of_priorities[i] > 0)
      to.priorities[to_string(static_cast<priority>(i))] = {h.jobs_of_priorities[i],
                                                            percentiles(std::move(by_priority[i]))};
}

forecast_report forecasts_of(history const& h) {
  forecast_report f{h.forecasts_asked, static_cast<std::int64_t>(h.forecasts.size()), {}, {}};
  std::vector<std::int64_t> errors;
  std::int64_t late = 0;
  for (auto const& each : h.forecasts) {
    late += each.started_ms - each.expected_ms;
    errors.push_back(std::abs(each.started_ms - each.expected_ms));
  }
  f.error_s = percentiles(std::move(errors));
  if (f.made > 0)
    f.mean_late_s = milli{late / f.made};
  return f;
}

}  // namespace

report report_of(history const& h) {
  report r;
  shares const held{h};
  auto const makespan_ms = std::max<std::int64_t>(0, h.last_end_ms - h.first_submit_ms);
  auto const cpu_ms = static_cast<double>(h.capacity.cpu) * static_cast<double>(makespan_ms);
  auto const gpu_ms = static_cast<double>(h.capacity.gpu) * static_cast<double>(makespan_ms);
  r.makespan_s.value = makespan_ms;
  r.jobs = h.jobs;
  r.jobs.try_emplace(to_string(job_status::succeeded));
  report_waits(h, r);
  auto const parts = held.parts();
  for (std::size_t i = 0; i < parts.size(); ++i)
    r.tenants[h.tenants[i]].share = micro_of(parts[i]);
  r.allocation = {micro_of(part_of(held.gpu_ms(), gpu_ms)),
                  micro_of(part_of(held.cpu_ms(), cpu_ms))};
  r.utilisation = {micro_of(part_of(h.useful_gpu_ms, gpu_ms)),
                   micro_of(part_of(h.useful_cpu_ms, cpu_ms))};
  r.fairness_index = micro_of(held.fairness());
  r.fragmentation = micro_of(part_of(held.unusable_gpu_ms() * 1000, gpu_ms));
  r.forecasts = forecasts_of(h);
  r.preemptions = h.preemptions;
  r.attempts = h.attempts;
  r.events = h.events;
  r.cluster = {static_cast<std::int64_t>(h.nodes), h.capacity.gpu / 1000, {h.capacity.cpu}};
  r.timeline = timeline_report_of(h);
  r.remarks = h.remarks;
  return r;
}

}  // namespace nsai::simulation

#include "node/trace.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace nsai::node {
namespace {

constexpr int jobs_process = 1;

std::string title_of(job_record const& job) {
  auto title =
      "job " + std::to_string(job.id.value) + " " + (job.name.empty() ? job.stage : job.name);
  if (job.array_index)
    title += "[" + std::to_string(*job.array_index) + "]";
  if (job.rank)
    title += "[" + std::to_string(*job.rank) + "]";
  return title;
}

/// One attempt on one lane of its node; of several devices, one for each.
struct bar {
  job_record const* job = nullptr;
  attempt_record const* attempt = nullptr;
  timestamp from;
  timestamp to;
};

class timeline {
 public:
  timeline(std::vector<job_record> const& jobs, timestamp now) : now_(now) {
    for (auto const& job : jobs)
      begin_ = begin_ ? std::min(begin_, job.created_at) : job.created_at;
    name("process_name", jobs_process, 0, "jobs");
    for (auto const& job : jobs)
      add(job);
    draw_lanes();
  }

  json take() { return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events_)}}; }

 private:
  std::int64_t at(timestamp t) const { return std::max<std::int64_t>(0, t - begin_) * 1000; }

  void name(char const* what, int process, int thread, std::string const& text) {
    events_.push_back({{"name", what},
                       {"ph", "M"},
                       {"pid", process},
                       {"tid", thread},
                       {"args", {{"name", text}}}});
  }

  void span(job_record const& job, std::string const& title, timestamp from, timestamp to,
            json const& args) {
    json const common{{"cat", "job"},
                      {"pid", jobs_process},
                      {"tid", 0},
                      {"id", std::to_string(job.id.value)},
                      {"name", title}};
    auto first = common;
    first.update({{"ph", "b"}, {"ts", at(from)}, {"args", args}});
    auto last = common;
    last.update({{"ph", "e"}, {"ts", at(std::max(from, to))}});
    events_.push_back(std::move(first));
    events_.push_back(std::move(last));
  }

  void add(job_record const& job) {
    auto const end = job.completed_at ? job.completed_at : now_;
    json args{{"status", to_string(job.status)},
              {"tenant", job.tenant_id},
              {"priority", to_string(job.priority)},
              {"trace_id", job.trace_id}};
    if (job.error)
      args["error"] = job.error->message;
    span(job, title_of(job), job.created_at, end, args);
    auto waits_since = job.created_at;
    for (auto const& attempt : job.attempts) {
      bool const runs_on = attempt.outcome == attempt_result::none;
      auto const over = runs_on ? end : attempt.started_at + attempt.duration_ms;
      if (attempt.started_at > waits_since)
        span(job, "waiting", waits_since, attempt.started_at, json::object());
      waits_since = std::max(waits_since, over);
      bar const b{&job, &attempt, attempt.started_at, over};
      if (attempt.devices.empty())
        lanes_[{attempt.node, "cpu"}].push_back(b);
      for (auto const& device : attempt.devices)
        lanes_[{attempt.node, "gpu " + std::to_string(device.index) + " " + device.model}]
            .push_back(b);
    }
    bool const waits = !is_terminal(job.status) && job.status != job_status::running;
    if (waits && end > waits_since)
      span(job, "waiting", waits_since, end, {{"reason", job.wait_reason}});
  }

  /// Bars of one thread may not overlap: each goes to the first lane that is free again.
  void draw_lanes() {
    std::map<std::string, int> processes;
    std::map<std::string, int> threads;
    for (auto& [where, bars] : lanes_) {
      auto const& [node, resource] = where;
      auto const [process, fresh] =
          processes.try_emplace(node, jobs_process + 1 + static_cast<int>(processes.size()));
      if (fresh)
        name("process_name", process->second, 0, "node " + node);
      std::stable_sort(bars.begin(), bars.end(),
                       [](bar const& a, bar const& b) { return a.from < b.from; });
      std::vector<std::pair<timestamp, int>> free_at;  // of each lane, with its thread
      for (auto const& b : bars) {
        auto lane = std::find_if(free_at.begin(), free_at.end(),
                                 [&](auto const& l) { return l.first <= b.from; });
        if (lane == free_at.end()) {
          auto const thread = ++threads[node];
          lane = free_at.insert(lane, {timestamp{}, thread});
          name("thread_name", process->second, thread, resource);
        }
        lane->first = std::max(b.to, b.from);
        draw(b, process->second, lane->second);
      }
    }
  }

  void draw(bar const& b, int process, int thread) {
    auto const& attempt = *b.attempt;
    json args{{"job", b.job->id.value},
              {"attempt", attempt.number},
              {"outcome", to_string(attempt.outcome)},
              {"worker", attempt.worker}};
    if (attempt.error)
      args["error"] = attempt.error->message;
    events_.push_back({{"name", title_of(*b.job)},
                       {"cat", "attempt"},
                       {"ph", "X"},
                       {"ts", at(b.from)},
                       {"dur", std::max<std::int64_t>(0, b.to - b.from) * 1000},
                       {"pid", process},
                       {"tid", thread},
                       {"args", std::move(args)}});
  }

  timestamp now_;
  timestamp begin_;
  json events_ = json::array();
  std::map<std::pair<std::string, std::string>, std::vector<bar>> lanes_;  // by node and resource
};

}  // namespace

json trace_of(std::vector<job_record> const& jobs, timestamp now) {
  return timeline{jobs, now}.take();
}

}  // namespace nsai::node

#include "simulation/timeline.hpp"

#include <algorithm>

namespace nsai::simulation {
namespace {

/// A value that changes now and then, as means over steps.
class stepped {
 public:
  stepped(std::int64_t from_ms, double step_ms, std::size_t steps)
      : step_ms_(step_ms), at_(static_cast<double>(from_ms)), from_(at_), means_(steps) {}

  void set(std::int64_t at_ms, double value) {
    pass_to(static_cast<double>(at_ms));
    value_ = value;
  }
  void add(std::int64_t at_ms, double more) { set(at_ms, value_ + more); }
  std::vector<double> finish(std::int64_t at_ms) {
    pass_to(static_cast<double>(at_ms));
    return std::move(means_);
  }

 private:
  void pass_to(double to) {
    while (at_ < to && step_ < means_.size()) {
      auto const end = from_ + step_ms_ * static_cast<double>(step_ + 1);
      auto const until = std::min(to, end);
      means_[step_] += value_ * std::max(0.0, until - at_) / step_ms_;
      at_ = std::max(at_, until);
      if (to < end)
        return;
      ++step_;
    }
  }

  double step_ms_;
  double at_;
  double from_;
  double value_ = 0;
  std::size_t step_ = 0;
  std::vector<double> means_;
};

}  // namespace

timeline timeline_of(history const& h, std::size_t steps) {
  auto const from = h.first_submit_ms;
  auto const to = std::max(h.last_end_ms, from);
  timeline t;
  if (to == from)
    return t;
  auto const step_ms = static_cast<double>(to - from) / static_cast<double>(steps);
  t.step_s = step_ms / 1000;
  std::vector<stepped> const empty(h.tenants.size(), stepped{from, step_ms, steps});
  auto gpus = empty;
  auto cores = empty;
  auto queued = empty;
  stepped unusable{from, step_ms, steps};
  for (auto const& c : h.changes) {
    gpus[c.tenant].add(c.at_ms, static_cast<double>(c.held.gpu) / 1000);
    cores[c.tenant].add(c.at_ms, static_cast<double>(c.held.cpu) / 1000);
    queued[c.tenant].add(c.at_ms, c.queued);
    unusable.set(c.at_ms, c.unusable_gpus);
  }
  for (std::size_t i = 0; i < h.tenants.size(); ++i) {
    t.gpus.push_back(gpus[i].finish(to));
    t.cores.push_back(cores[i].finish(to));
    t.queued.push_back(queued[i].finish(to));
  }
  t.unusable_gpus = unusable.finish(to);
  return t;
}

}  // namespace nsai::simulation

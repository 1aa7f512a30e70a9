#include "scheduling/forecast.hpp"

#include <algorithm>
#include <queue>
#include <variant>

#include "scheduling/timers.hpp"

namespace nsai::scheduling {
namespace {

// The core hears of time a second after the last change, and then ever more seldom, as long as it
// may decide differently for it (reservations).
constexpr std::int64_t first_tick_ms = 1000;
constexpr std::int64_t longest_tick_ms = 64'000;

class forecaster {
 public:
  forecaster(core ahead, job_id job, timestamp now)
      : core_(std::move(ahead)), job_(job), now_(now) {
    for (auto& end : core_.expected_ends())
      expect(std::move(end));
  }

  std::optional<timestamp> run(std::size_t most_events) {
    // The first event tells when the core wants to be woken.
    apply(clock_advanced{});
    for (std::size_t events = 0; !started_ && !ended_ && events < most_events && step(); ++events) {
    }
    return started_ ? std::optional{now_} : std::nullopt;
  }

 private:
  struct ending : expected_end {
    std::uint64_t number = 0;  // equal times in order of their announcement
    attempt_result result = attempt_result::succeeded;
    bool operator<(ending const& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  void expect(expected_end end, attempt_result result = attempt_result::succeeded) {
    if (end.at)
      ends_.push({{std::move(end)}, ++announced_, result});
  }

  /// False: nothing more would happen.
  bool step() {
    timestamp next = wake_;
    if (!ends_.empty())
      take_earlier(next, ends_.top().at);
    if (tick_ms_ <= longest_tick_ms)
      take_earlier(next, now_ + tick_ms_);
    if (!next)
      return false;
    now_ = std::max(now_, next);
    if (ends_.empty() || ends_.top().at > now_) {
      if (wake_ && wake_ <= now_)
        wake_ = {};
      tick_ms_ *= 2;
      apply(clock_advanced{});
      return true;
    }
    auto const over = ends_.top();
    ends_.pop();
    attempt_outcome outcome;
    outcome.ref = over.ref;
    outcome.result = over.result;
    outcome.duration_ms = now_ - over.since;
    tick_ms_ = first_tick_ms;
    apply(attempt_ended{over.node_uuid, &outcome});
    return true;
  }

  void apply(event const& e) {
    effects_.clear();
    core_.apply(e, now_, effects_);
    for (auto const& effect : effects_)
      std::visit([this](auto const& each) { perform(each); }, effect);
  }

  void perform(attempt_granted const& e) {
    started_ = started_ || e.ref.job == job_;
    tick_ms_ = first_tick_ms;
    expect({e.ref, *e.node_uuid, now_, core_.expected_end_of(e.ref)});
  }
  void perform(job_changed const& e) {
    started_ = started_ || (e.id == job_ && e.status == job_status::running);
  }
  void perform(job_ended const& e) { ended_ = ended_ || e.id == job_; }
  void perform(attempt_stopped const& e) {
    expect({e.ref, e.node_uuid, now_, now_}, attempt_result::canceled);
  }
  void perform(wake_at const& e) { wake_ = e.at; }
  template <class E>
  void perform(E const&) {}

  core core_;
  job_id const job_;
  timestamp now_;
  timestamp wake_;  // 0: none
  std::int64_t tick_ms_ = first_tick_ms;
  std::priority_queue<ending> ends_;
  std::uint64_t announced_ = 0;
  effects effects_;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace

std::optional<timestamp> forecast_start(core ahead, job_id job, timestamp now,
                                        std::size_t most_events) {
  return forecaster{std::move(ahead), job, now}.run(most_events);
}

}  // namespace nsai::scheduling

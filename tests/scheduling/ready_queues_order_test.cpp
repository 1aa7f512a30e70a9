// The queues against a plain list of what waits, walked in full for every question.
#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "scheduling/ready_queues.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;

namespace {

struct waiting_job {
  job_id job;
  queue_slot slot = none;
  priority level = priority::batch;
  tenant_index tenant = none;
  shape_index shape = none;
  timestamp since;
};

/// What the queues promise, in as few words as possible. Each tenant has one owner.
class plain_queues {
 public:
  explicit plain_queues(std::uint64_t seed)
      : random_(seed),
        shape_count_(seed % 2 == 0 ? 10 : 150),
        tenant_count_(seed % 3 == 0 ? 90 : 7),
        shares_(3'600'000) {
    shares_.advance(now_);
    shares_.set_capacity({1000, 1000, 10});
    // The others are known to the shares when their first job waits.
    for (tenant_index t = 0; t < tenant_count_; t += 2)
      shares_.set_weight(t, 1 + static_cast<double>(t % 3));
    if (seed % 5 == 0) {
      queues_.admit_by(is_admitted);
      is_limited_ = true;
    }
  }

  void step() {
    now_.ms += static_cast<std::int64_t>(below(50));
    shares_.advance(now_);
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        push();
        break;
      case 3:
        remove();
        break;
      case 4:
        stop();
        break;
      case 5:
        if (below(10) == 0)
          change_weight();
        break;
      default:
        serve();
    }
    if (below(20) == 0)
      queues_.check();
  }

 private:
  using turn = std::tuple<double, std::uint64_t, tenant_index>;  // standing, served, who

  std::size_t below(std::size_t n) { return random_() % n; }

  bool waits(priority level, tenant_index tenant) const {
    return std::any_of(all_.begin(), all_.end(), [&](auto const& each) {
      return each.level == level && each.tenant == tenant;
    });
  }

  void push() {
    waiting_job j;
    j.job = {++last_};
    j.level = static_cast<priority>(below(priority_levels));
    j.tenant = static_cast<tenant_index>(below(tenant_count_));
    j.shape = static_cast<shape_index>(below(shape_count_));
    j.since = now_;
    bool const joins = !waits(j.level, j.tenant);
    if (joins)
      turns_[{j.level, j.tenant}] = {shares_.standing(j.tenant), ++turn_, j.tenant};
    bool const at_front = below(5) == 0;
    j.slot = queues_.push(j.job, {j.level, j.tenant, j.tenant, j.shape}, now_, at_front);
    all_.insert(at_front ? all_.begin() : all_.end(), j);
  }

  void forget(std::vector<waiting_job>::iterator at) {
    auto const [level, tenant] = std::pair(at->level, at->tenant);
    all_.erase(at);
    if (!waits(level, tenant))
      turns_.erase({level, tenant});
  }

  void remove() {
    if (all_.empty())
      return;
    auto const at = all_.begin() + static_cast<std::ptrdiff_t>(below(all_.size()));
    queues_.remove(at->slot);
    forget(at);
  }

  void stands_anew(tenant_index tenant) {
    for (auto& [of, at] : turns_)
      if (of.second == tenant)
        std::get<0>(at) = shares_.standing(tenant);
  }

  void stop() {
    if (running_.empty())
      return;
    auto const at = running_.begin() + static_cast<std::ptrdiff_t>(below(running_.size()));
    auto const [tenant, held] = *at;
    running_.erase(at);
    shares_.stop(tenant, tenant, held);
    queues_.refresh(tenant, tenant);
    stands_anew(tenant);
  }

  void change_weight() {
    shares_.set_weight(static_cast<tenant_index>(below(tenant_count_)),
                       0.5 + static_cast<double>(below(4)));
    queues_.refresh();
    for (tenant_index t = 0; t < tenant_count_; ++t)
      stands_anew(t);
  }

  /// The definition, without what is kept.
  bool is_above(tenant_index tenant, std::set<tenant_index> const& active) const {
    constexpr double rounding = 1e-9;
    bool const others = active.size() > active.count(tenant);
    return others && shares_.held(tenant) >= shares_.entitled(tenant) - rounding;
  }
  std::set<tenant_index> active() const {
    std::set<tenant_index> found;
    for (auto const& each : all_)
      found.insert(each.tenant);
    for (auto const& [tenant, held] : running_)
      found.insert(tenant);
    return found;
  }

  static bool is_admitted(tenant_index tenant, shape_index shape) {
    return (tenant + shape) % 3 != 0;
  }

  waiting_job const* front(priority level, shape_set const& wanted, whose of,
                           waiting_job const* rival) const {
    std::vector<turn> order;
    for (auto const& [at, turn] : turns_)
      if (at.first == level)
        order.push_back(turn);
    std::sort(order.begin(), order.end());
    auto const active_ones = active();
    auto const most = rival == nullptr ? std::numeric_limits<double>::infinity()
                                       : std::get<0>(turns_.at({rival->level, rival->tenant}));
    for (auto const& [standing, served, tenant] : order) {
      if (standing > most)
        return nullptr;
      if (of != whose::all && is_above(tenant, active_ones) != (of == whose::above_share))
        continue;
      for (auto const& each : all_)
        if (each.level == level && each.tenant == tenant && wanted.contains(each.shape) &&
            (!is_limited_ || is_admitted(tenant, each.shape)))
          return &each;
    }
    return nullptr;
  }

  void serve() {
    auto const level = static_cast<priority>(below(priority_levels));
    shape_set wanted;
    for (auto n = 1 + below(6); n > 0; --n)
      wanted.add(static_cast<shape_index>(below(shape_count_)));
    auto const of = static_cast<whose>(below(3));
    auto const* const rival = below(3) == 0 && !all_.empty() ? &all_[below(all_.size())] : nullptr;
    auto const* const expected = front(level, wanted, of, rival);
    auto const [slot, lane, job, since] = queues_.front(
        level, wanted, of, rival == nullptr ? queue_turn{} : queues_.turn_of(rival->slot));
    REQUIRE((slot == none) == (expected == nullptr));
    for (auto const& each : all_)
      REQUIRE(queues_.earliest(each.level) <= each.since);
    if (slot == none)
      return;
    REQUIRE(job == expected->job);
    REQUIRE((queues_[slot].job == job && queues_[slot].lane == lane));
    REQUIRE(since == queues_[slot].since);
    auto const served = *expected;
    amounts const held{static_cast<double>(below(40)), static_cast<double>(below(40)),
                       static_cast<double>(below(2))};
    if (below(3) == 0)
      stop();  // another standing is due before the turn is over
    shares_.start(served.tenant, served.tenant, held);
    running_.push_back({served.tenant, held});
    queues_.serve(slot);
    stands_anew(served.tenant);
    std::get<1>(turns_.at({served.level, served.tenant})) = ++turn_;
    forget(all_.begin() + (expected - all_.data()));
  }

  std::mt19937_64 random_;
  std::size_t shape_count_;
  bool is_limited_ = false;
  tenant_index tenant_count_;  // few are compared one by one, among many the round is walked
  timestamp now_{1'700'000'000'000};
  fair_share shares_;
  ready_queues queues_{&shares_};
  std::vector<waiting_job> all_;  // in order of arrival
  std::map<std::pair<priority, tenant_index>, turn> turns_;
  std::vector<std::pair<tenant_index, amounts>> running_;
  std::uint64_t last_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace

TEST_CASE("ready queues: the front is that of a plain list, whatever was asked before") {
  for (std::uint64_t seed = 1; seed <= tests::seeds(60); ++seed) {
    CAPTURE(seed);
    plain_queues both(seed);
    for (int i = 0; i < 1500; ++i)
      both.step();
  }
}

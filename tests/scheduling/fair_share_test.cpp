#include "scheduling/fair_share.hpp"

#include <cmath>
#include <functional>
#include <queue>
#include <random>

#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t week_ms = 7 * 24 * hour_ms;

/// A cluster in virtual time with customers who always have some jobs in the queue.
class market : public fixture {
 public:
  struct customer {
    submission like;
    std::function<std::int64_t()> duration_ms;
    int always_queued = 4;
    int left = 1'000'000'000;
  };

  explicit market(core_settings settings = {}) : fixture(std::move(settings)) {}

  static core_settings weights(std::map<std::string, std::int64_t> const& milli_weights) {
    core_settings s;
    for (auto const& [name, weight] : milli_weights)
      s.tenants[name] = {milli{weight}, priority::realtime, {}};
    s.tenants["*"].max_priority = priority::realtime;
    return s;
  }
  static submission of(std::string tenant, std::int64_t cores = 1) {
    auto s = job();
    s.tenant_id = std::move(tenant);
    s.resources.cpu.value = cores * 1000;
    return s;
  }

  void serve(std::vector<customer>& customers, std::int64_t for_ms) {
    auto const until = now_ + for_ms;
    while (now_ < until) {
      top_up(customers);
      note_grants(customers);
      auto const next = ends_.empty() ? until : std::min(until, ends_.top().first);
      pass(next - now_);
      while (!ends_.empty() && ends_.top().first <= now_) {
        auto const id = ends_.top().second;
        ends_.pop();
        auto const who = runs_.at(id);
        runs_.erase(id);
        end(id, attempt_result::succeeded, 1);
        --alive_[who];
        note_grants(customers);
      }
    }
  }

  /// What each customer has held of the resource, in amount × ms, since the last call.
  std::map<std::string, double> taken() { return std::exchange(taken_, {}); }
  /// How long each of a customer's jobs waited for its grant.
  std::vector<std::int64_t> const& waited_ms(std::size_t who) { return waited_[who]; }

 private:
  void pass(std::int64_t ms) {
    for (auto const& [id, who] : runs_) {
      auto const facts = core_.facts(id);
      taken_[facts.tenant_id] +=
          static_cast<double>(ms) * static_cast<double>(facts.resources.cpu.value) / 1000;
      if (facts.resources.gpu_count > 0)
        taken_[facts.tenant_id + " gpus"] += static_cast<double>(ms) * facts.resources.gpu_count;
    }
    // Beats are not what this is about; the clock is.
    auto const to = now_ + ms;
    while (now_ < to) {
      jump(std::min<std::int64_t>(to - now_, 4000));
      beat_all();
    }
  }
  void beat_all() {
    for (auto const& node : core_.nodes())
      beat(node.uuid);
  }
  void top_up(std::vector<customer>& customers) {
    alive_.resize(customers.size());
    for (std::size_t i = 0; i < customers.size(); ++i)
      while (queued_of(i) < customers[i].always_queued && customers[i].left > 0) {
        --customers[i].left;
        auto const id = submitted(customers[i].like);
        owner_[id] = i;
        submitted_at_[id] = now_;
        ++alive_[i];
        note_grants(customers);
      }
  }
  int queued_of(std::size_t who) const {
    int running = 0;
    for (auto const& [id, by] : runs_)
      running += by == who ? 1 : 0;
    return alive_[who] - running;
  }
  void note_grants(std::vector<customer>& customers) {
    for (; seen_ < order_.size(); ++seen_) {
      auto const id = order_[seen_];
      auto const who = owner_.at(id);
      runs_[id] = who;
      waited_[who].push_back(now_ - submitted_at_.at(id));
      ends_.emplace(now_ + customers[who].duration_ms(), id);
    }
  }

  using due = std::pair<timestamp, job_id>;
  std::priority_queue<due, std::vector<due>, std::greater<>> ends_;
  std::map<job_id, std::size_t> runs_;
  std::map<job_id, std::size_t> owner_;
  std::map<job_id, timestamp> submitted_at_;
  std::map<std::size_t, std::vector<std::int64_t>> waited_;
  std::vector<int> alive_;
  std::size_t seen_ = 0;
  std::map<std::string, double> taken_;
};

std::function<std::int64_t()> always(std::int64_t ms) {
  return [ms] { return ms; };
}

double share_of(std::map<std::string, double> const& taken, std::string const& who) {
  double all = 0;
  for (auto const& [name, amount] : taken)
    all += amount;
  return taken.at(who) / all;
}

}  // namespace

TEST_CASE("fair share: use grows by what is held and halves in a half life") {
  fair_share shares{1000'000};  // a half life of 1,000 s
  shares.advance({1'000});
  shares.set_capacity({10, 0, 0});
  shares.start(0, 0, {4, 0, 0});
  shares.advance({1'000 + 1000'000});
  // 4 cores for a half life T, what is oldest having halved: 4 x integral of 2^(-s/T) over T = 4 x
  // T / (2 ln 2).
  CHECK(shares.used(0).cpu == doctest::Approx(4 * 1000 / (2 * std::log(2.0))));
  CHECK(shares.held(0) == doctest::Approx(0.4));
  shares.stop(0, 0, {4, 0, 0});
  shares.advance({1'000 + 2000'000});
  CHECK(shares.used(0).cpu == doctest::Approx(2 * 1000 / (2 * std::log(2.0))));
  CHECK(shares.held(0) == doctest::Approx(0));
}

TEST_CASE("fair share: the dominant resource counts, by the weight") {
  fair_share shares{week_ms};
  shares.advance({1});
  shares.set_capacity({100, 1000, 10});
  shares.set_weight(1, 2);
  shares.start(0, 0, {10, 50, 2});  // 0.1, 0.05, 0.2
  shares.start(1, 0, {30, 50, 1});  // 0.3, 0.05, 0.1
  CHECK(shares.held(0) == doctest::Approx(0.2));
  CHECK(shares.held(1) == doctest::Approx(0.3));
  // 0.2 / 1 against 0.3 / 2
  CHECK(shares.standing(1) < shares.standing(0));
  CHECK(shares.standing(1) / shares.standing(0) == doctest::Approx(0.75));
  CHECK(shares.entitled(0) == doctest::Approx(1.0 / 3));
  CHECK_FALSE(shares.is_above(0));
  shares.set_capacity({100, 1000, 6});  // now the first has a third
  CHECK(shares.is_above(0));
  shares.set_capacity({100, 1000, 0});  // none: only cpu and memory count
  CHECK(shares.held(0) == doctest::Approx(0.1));
}

TEST_CASE("fair share: a stranger has the turn before who has used, until the use has decayed") {
  fair_share shares{week_ms};
  shares.advance({1});
  shares.set_capacity({10, 0, 0});
  shares.restore({0, 7, {3600.0 * 10, 0, 0}});  // an hour of everything
  CHECK(shares.standing(1) < shares.standing(0));
  CHECK(shares.standing(0, 8) < shares.standing(0, 7));
  // Ten cores for 60 s and some more: the horizon alone weighs 1 min x 10 cores, so use of an hour
  // outweighs it.
  shares.start(1, 0, {10, 0, 0});
  CHECK(shares.standing(1) < shares.standing(0));
  shares.advance({1 + 2 * hour_ms});
  CHECK(shares.standing(1) > shares.standing(0));
  auto const all = shares.all_usage();
  REQUIRE(all.size() == 2);
  CHECK(all[0].owner == 7);
  // After 20 years the numbers are as good as at the start.
  shares.stop(1, 0, {10, 0, 0});
  for (int i = 0; i < 1100; ++i)
    shares.advance({1 + i * week_ms});
  CHECK(shares.used(0).cpu < 1e-6);
  shares.start(0, 7, {5, 0, 0});
  CHECK(shares.standing(0) > shares.standing(1));
  CHECK(shares.held(0) == doctest::Approx(0.5));
}

TEST_CASE("fair share: tenants of weights 1 and 3 with endless equal jobs hold 1:3 within 2 %") {
  for (auto const duration_ms : {std::int64_t{30'000}, std::int64_t{2 * hour_ms}}) {
    CAPTURE(duration_ms);
    market m{market::weights({{"one", 1000}, {"three", 3000}})};
    m.join(fixture::node("n", 40));
    std::vector<market::customer> customers{{market::of("one"), always(duration_ms), 40},
                                            {market::of("three"), always(duration_ms), 40}};
    m.serve(customers, 8 * duration_ms);  // who submits first has it all at first
    m.taken();
    for (int window = 0; window < 5; ++window) {
      m.serve(customers, 4 * duration_ms);
      CHECK(std::abs(share_of(m.taken(), "three") - 0.75) < 0.02);
    }
  }
}

TEST_CASE("fair share: weights hold for jobs of any length, over some hundred of them") {
  for (unsigned seed = 1; seed <= seeds(5); ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    auto const varied = [&](std::int64_t mean_ms) {
      return [&random, mean_ms] {
        return std::exponential_distribution<double>{1.0 / static_cast<double>(mean_ms)}(random) +
               1;
      };
    };
    market m{market::weights({{"a", 1000}, {"b", 2000}, {"c", 5000}})};
    m.join(fixture::node("n", 32));
    m.join(fixture::node("o", 32));
    std::vector<market::customer> customers{{market::of("a"), varied(60'000), 8},
                                            {market::of("b"), varied(300'000), 8},
                                            {market::of("c"), varied(20'000), 8}};
    m.serve(customers, hour_ms / 2);
    m.taken();
    m.serve(customers, 2 * hour_ms);
    auto const taken = m.taken();
    CHECK(std::abs(share_of(taken, "a") - 0.125) < 0.02);
    CHECK(std::abs(share_of(taken, "b") - 0.25) < 0.02);
    CHECK(std::abs(share_of(taken, "c") - 0.625) < 0.02);
  }
}

TEST_CASE(
    "fair share: many jobs of one tenant delay another's single job by one run time at most") {
  market m{market::weights({})};
  m.join(fixture::node("n", 4));
  std::vector<market::customer> customers{{market::of("many"), always(60'000), 300},
                                          {market::of("single"), always(60'000), 0}};
  m.serve(customers, 600'000);
  customers[1].always_queued = 1;
  customers[1].left = 1;
  m.serve(customers, 120'000);
  REQUIRE(m.waited_ms(1).size() == 1);
  CHECK(m.waited_ms(1).front() <= 60'000);
}

TEST_CASE("fair share: the owners of a tenant share equally, however many jobs each has") {
  market m;
  m.join(fixture::node("n", 12));
  std::vector<market::customer> customers;
  for (std::string const owner : {"ada", "bob", "cy"}) {
    auto like = market::of("t");
    like.owner = owner;
    customers.push_back({like, always(10'000), owner == "ada" ? 60 : 12});
  }
  auto other = market::of("u");
  customers.push_back({other, always(10'000), 12});
  m.serve(customers, hour_ms / 4);
  auto const taken = m.taken();
  CHECK(std::abs(share_of(taken, "u") - 0.5) < 0.02);
  std::map<std::string, double> by_owner;
  for (auto const& each : m.core_.usage())
    by_owner[each.tenant_id + "/" + each.owner] = each.used.cpu;
  CHECK(by_owner.at("t/bob") == doctest::Approx(by_owner.at("t/ada")).epsilon(0.05));
  CHECK(by_owner.at("t/cy") == doctest::Approx(by_owner.at("t/ada")).epsilon(0.05));
}

TEST_CASE("fair share: who asks for devices and who asks for cores hold equal dominant shares") {
  market m;
  m.join(fixture::node("n", 48, std::vector<std::string>(24, "A100")));
  auto devices = market::of("devices", 1);
  devices.resources.gpu_count = 1;  // 1/24 of the devices, 1/48 of the cores
  auto cores = market::of("cores", 4);
  cores.resources.gpu_count = 1;  // 1/12 of the cores, 1/24 of the devices
  std::vector<market::customer> customers{{devices, always(20'000), 8}, {cores, always(20'000), 8}};
  m.serve(customers, hour_ms / 4);
  auto const taken = m.taken();
  auto const device_share = taken.at("devices gpus") / 24;
  auto const core_share = taken.at("cores") / 48;
  // 1/24 x = 1/12 y with x + y <= 24 devices: 16 and 8, two thirds each.
  CHECK(device_share == doctest::Approx(core_share).epsilon(0.05));
}

TEST_CASE(
    "fair share: urgent jobs go first while their tenant is within its share, then compete as "
    "batch") {
  market m{market::weights({})};
  m.join(fixture::node("n", 8));
  auto urgent = market::of("hasty");
  urgent.priority = priority::realtime;
  std::vector<market::customer> customers{{urgent, always(30'000), 8},
                                          {market::of("calm"), always(30'000), 8}};
  m.serve(customers, hour_ms / 2);
  m.taken();
  m.serve(customers, hour_ms / 2);
  CHECK(std::abs(share_of(m.taken(), "hasty") - 0.5) < 0.05);
  // With the cluster to itself nobody is above their share.
  customers[1].left = 0;
  m.serve(customers, 600'000);
  m.taken();
  m.serve(customers, 600'000);
  CHECK(share_of(m.taken(), "hasty") == doctest::Approx(1));
}

TEST_CASE("fair share: what is held on a node of twice the mean price counts twice as much") {
  market m;
  auto cheap = fixture::node("cheap", 8);
  cheap.price_per_hour_usd.value = 1'000'000;
  cheap.labels["kind"] = "cheap";
  auto dear = fixture::node("dear", 8);
  dear.price_per_hour_usd.value = 3'000'000;  // of a mean of 2: factors 0.5 and 1.5
  dear.labels["kind"] = "dear";
  m.join(cheap);
  m.join(dear);
  auto saving = market::of("saving");
  saving.resources.node_labels["kind"] = "cheap";
  auto lavish = market::of("lavish");
  lavish.resources.node_labels["kind"] = "dear";
  std::vector<market::customer> customers{{saving, always(10'000), 8}, {lavish, always(10'000), 8}};
  m.serve(customers, 100'000);
  auto const views = m.core_.tenants();
  REQUIRE(views.size() == 2);
  CHECK(views[0].tenant_id == "lavish");
  CHECK(views[0].share.value == 750);
  CHECK(views[1].share.value == 250);
}

TEST_CASE("fair share: what was used before a restart counts after it") {
  market before;
  before.join(fixture::node("n", 4));
  std::vector<market::customer> customers{{market::of("old"), always(10'000), 4}};
  before.serve(customers, hour_ms);
  fixture after;
  for (auto const& each : before.core_.usage())
    after.apply(usage_restored{each.tenant_id, each.owner, each.used});
  auto const views = after.core_.tenants();
  REQUIRE(views.size() == 1);
  CHECK(std::abs(views[0].cpu_hours.value - 4000) < 80);
  CHECK(views[0].cpu_hours.value == before.core_.tenants()[0].cpu_hours.value);
}

TEST_CASE("a tenant's jobs are at most as urgent as its settings allow; the refusal names both") {
  core_settings settings;
  settings.tenants["lab"] = {milli{1000}, priority::realtime, {}};
  settings.tenants["guests"] = {milli{500}, priority::offline, {}};
  fixture f{settings};
  f.join(fixture::node("n", 4));
  auto const ask = [&](std::string const& tenant, priority level) {
    auto s = fixture::job();
    s.tenant_id = tenant;
    s.priority = level;
    return f.submit(s).error;
  };
  CHECK_FALSE(ask("lab", priority::realtime));
  CHECK_FALSE(ask("others", priority::interactive));
  CHECK_FALSE(ask("guests", priority::offline));
  auto const refused = ask("others", priority::realtime);
  REQUIRE(refused);
  CHECK(refused->category == "refused");
  CHECK(refused->field == "priority");
  CHECK(refused->message.find("interactive or less urgent") != std::string::npos);
  CHECK(ask("guests", priority::batch));
  auto const all = f.core_.tenants();
  REQUIRE(all.size() == 3);
  CHECK(all[0].tenant_id == "guests");
  CHECK(all[0].weight.value == 500);
  CHECK(all[1].max_priority == priority::realtime);
  CHECK(all[1].running == 1);
  CHECK(all[1].share.value == 250);
  CHECK(all[1].entitled.value == 400);  // 1 of 1 + 0.5 + 1
}

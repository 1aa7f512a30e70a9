// What a config allows tenants, with real processes.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

std::string config_in(cluster const& c, std::string const& text) {
  auto const file = c.directory() / "config.json";
  std::ofstream{file} << text;
  return file.string();
}

}  // namespace

TEST_CASE("a submission beyond the tenant's rate is refused, and says when it may come again") {
  cluster c;
  c.start_head({"--cpus", "2", "--config", config_in(c, R"({"tenants": {"default":
                {"submit_rate": {"jobs": 2, "per_ms": 3600000}}}})")});
  auto const first = c.submit({"--stage", "echo", "--key", "k"});
  c.submit({"--stage", "echo"});
  auto const refused = c.run({"--json", "submit", "--stage", "echo"});
  CHECK(refused.exit_code == 5);
  auto const error = refused.document().at("error");
  CHECK(error.at("category") == "refused");
  CHECK(error.at("code") == "rate_limited");
  CHECK(error.at("field") == "jobs");
  CHECK(error.at("retry_after_ms").get<int>() > 1'700'000);
  CHECK(error.at("retry_after_ms").get<int>() <= 1'800'000);
  auto const in_words = c.run({"submit", "--stage", "echo"});
  CHECK(in_words.exit_code == 5);
  CHECK(in_words.err.find("tenant default submits faster than 2 jobs in 3600 s") !=
        std::string::npos);
  CHECK(in_words.err.find("expected the same again in 17") != std::string::npos);
  CHECK(c.submit({"--stage", "echo", "--key", "k"}) == first);  // a repeat is no submission
  CHECK(c.run({"--tenant", "other", "submit", "--stage", "echo"}).exit_code == 0);
  CHECK(c.run({"tenants"}).out.find("default: submits at most 2 jobs in ") != std::string::npos);
}

TEST_CASE("cost: jobs and tenants show what they have cost, also after a restart; limits hold") {
  cluster c;
  auto const file = config_in(c, R"({"price_per_hour_usd": 7200,
                                     "tenants": {"lab": {"budget_usd": 3}}})");
  c.start_head({"--cpus", "2", "--config", file});
  auto const limited =
      c.submit({"--max-cost", "0.5", "--cpu", "1", "--grace", "1s", "--", "sleep", "1000"});
  REQUIRE(c.wait_status(limited, "failed"));
  auto const record = c.job(limited);
  CHECK(record.at("error").at("category") == "budget");
  CHECK(record.at("error").at("code") == "max_cost");
  CHECK(record.at("attempt") == 1);
  auto const cost = record.at("cost_usd").get<double>();  // a dollar a second: half of the node
  CHECK(cost >= 0.45);
  CHECK(cost < 2);
  CHECK(c.run({"job", std::to_string(limited)}).out.find(" USD of 0.5") != std::string::npos);
  CHECK(c.run({"--tenant", "lab", "submit", "--cpu", "2", "--wait", "--", "sleep", "1.7"})
            .exit_code == 0);
  auto const spent_by = [&](std::string const& name) {
    for (auto const& t : c.ask({"tenants"}))
      if (t.at("tenant_id") == name)
        return t.at("spent_usd").get<double>();
    return 0.0;
  };
  auto const before = spent_by("lab");
  CHECK(before > 3.3);
  CHECK(spent_by("default") == doctest::Approx(cost));
  auto const refused = c.run({"--json", "--tenant", "lab", "submit", "--stage", "echo"});
  CHECK(refused.exit_code == 5);
  CHECK(refused.document().at("error").at("code") == "budget");
  c.node("head").kill_hard();
  c.start_head({"--cpus", "2", "--config", file});
  CHECK(spent_by("lab") == doctest::Approx(before));
  CHECK(c.job(limited).at("cost_usd").get<double>() == doctest::Approx(cost));
  CHECK(c.run({"--tenant", "lab", "submit", "--stage", "echo"}).exit_code == 5);
  CHECK(c.run({"submit", "--max-cost", "-1", "--stage", "echo"}).exit_code == 2);
}

TEST_CASE("SIGHUP reads the tenants of the config again; a bad file changes nothing") {
  cluster c;
  auto const file = config_in(c, R"({"tenants": {"default": {"quota": {"running": 1}}}})");
  auto& head = c.start_head({"--cpus", "4", "--config", file});
  auto const log_has = [&](std::string const& words) {
    return eventually([&] { return c.log_of("head").find(words) != std::string::npos; });
  };
  auto const first = c.submit({"--", "sleep", "1000"});
  auto const second = c.submit({"--", "sleep", "1000"});
  REQUIRE(c.wait_status(first, "running"));
  CHECK(c.job(second).at("wait_reason").get<std::string>().find("quota of tenant default") == 0);
  config_in(c, R"({"tenants": {"default": {"quota": {"running": -1}}, "lab": {"weight": 2}}})");
  head.signal(SIGHUP);
  CHECK(
      log_has("is not used, all tenants keep their settings: tenants.default.quota.running: -1 "
              "is not allowed"));
  CHECK(c.ask({"tenants"}).at(0).at("quota").at("running") == 1);
  config_in(c, "{");
  head.signal(SIGHUP);
  CHECK(eventually([&] {
    auto const log = c.log_of("head");
    return log.find("is not used") != log.rfind("is not used");
  }));
  config_in(c, R"({"tenants": {"default": {"weight": 3, "quota": {"running": 2}, "budget_usd": 9,
                   "submit_rate": {"jobs": 1, "per_ms": 3600000}}}})");
  head.signal(SIGHUP);
  CHECK(log_has("tenant default: quota.running 1 -> 2"));
  CHECK(log_has("tenant default: weight 1 -> 3"));
  CHECK(log_has("tenant default: budget_usd none -> 9"));
  CHECK(c.wait_status(second, "running"));
  auto const shown = c.ask({"tenants"}).at(0);
  CHECK(shown.at("weight") == 3);
  CHECK(shown.at("quota").at("running") == 2);
  CHECK(shown.at("budget_usd") == 9);
  CHECK(shown.at("submit_rate").at("jobs") == 1);
  c.submit({"--stage", "echo"});
  CHECK(c.run({"submit", "--stage", "echo"}).exit_code == 5);
  CHECK(c.job(first).at("status") == "running");
  head.signal(SIGTERM);
  CHECK(head.wait_end() == 0);
}

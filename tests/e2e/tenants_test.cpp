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

// nsai::client against a real cluster: what its calls answer, also when things go wrong.
#include <atomic>
#include <future>

#include <doctest/doctest.h>

#include "actors/work_client.hpp"
#include "stages/experiment_builder.hpp"
#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

struct client_cluster : cluster {
  client_cluster() { start_head({"--cpus", "4"}); }
  nsai::actors::client_options options() const {
    return nsai::find_cluster(address(), (directory() / "head" / "secret").string());
  }
};

/// One stage that takes so long.
nsai::json takes(double seconds, std::string const& type = "proposer") {
  return nsai::stages::experiment_builder{}
      .type(type)
      .stage("rest", "sleep", {{"seconds", seconds}})
      .document();
}

template <class T>
nsai::error_info error_in(nsai::actors::result_or_error<T> const& result) {
  auto const* error = std::get_if<nsai::error_info>(&result);
  REQUIRE(error != nullptr);
  return *error;
}

}  // namespace

TEST_CASE_FIXTURE(client_cluster, "client: awaiting ends with the result, or with a timeout") {
  nsai::client client{options()};
  auto const job = nsai::value_or_throw(client.submit_document(takes(0.01)));
  auto const context = nsai::value_or_throw(client.await_job(job, 60s));
  CHECK(context.at("completed_stages").at(0) == "rest");
  auto const slow = nsai::value_or_throw(client.submit_document(takes(600)));
  auto const timeout = error_in(client.await_job(slow, 100ms));
  CHECK(timeout.category == "timeout");
  CHECK(timeout.code == "timed_out");
  CHECK_FALSE(client.cancel({slow}));
  auto const canceled = error_in(client.await_job(slow, 60s));
  CHECK(canceled.category != "timeout");
  CHECK(nsai::value_or_throw(client.get_job_status(slow)).status == nsai::job_status::canceled);
  CHECK(error_in(client.await_job({999'999}, 1s)).code == "unknown_job");
  CHECK(error_in(client.get_job_status({999'999})).code == "unknown_job");
}

TEST_CASE_FIXTURE(client_cluster,
                  "client: a job that fails gives its error, with its stage's words") {
  nsai::client client{options()};
  auto const document = nsai::stages::experiment_builder{}
                            .type("proposer")
                            .stage("break", "fail", {{"message", "no such luck"}})
                            .document();
  auto const job = nsai::value_or_throw(client.submit_document(document, {.max_retries = 0}));
  CHECK(error_in(client.await_job(job, 60s)).message.find("no such luck") != std::string::npos);
}

TEST_CASE_FIXTURE(client_cluster, "client: jobs are listed by status and by namespace") {
  nsai::client client{options()};
  auto const slow = nsai::value_or_throw(client.submit_document(takes(600)));
  auto const done = nsai::value_or_throw(client.submit_document(takes(0.01, "antagonist")));
  nsai::value_or_throw(client.await_job(done, 60s));
  CHECK(eventually([&] {
    auto const running =
        nsai::value_or_throw(client.list_jobs({.status = nsai::job_status::running}));
    return running.size() == 2;  // the run and its stage
  }));
  for (auto const& job : nsai::value_or_throw(client.list_jobs({.name_space = "antagonist"})))
    CHECK((job.id == done || job.parent_id == done));
  CHECK(nsai::value_or_throw(client.list_jobs({.tenant = "default"})).empty());
  auto const stats = nsai::value_or_throw(client.get_stats());
  CHECK(stats.nodes == 1);
  CHECK(stats.jobs.at("succeeded") == 2);
  CHECK_FALSE(client.cancel({slow}));
}

TEST_CASE_FIXTURE(client_cluster, "client: what is not sound is refused with every fault") {
  nsai::client client{options()};
  auto const fault = error_in(client.submit_document(nsai::stages::experiment_builder{}
                                                         .stage("a", "echoo")
                                                         .stage("b", "echo", {{"txet", 1}})
                                                         .document()));
  CHECK(fault.category == "usage");
  CHECK(fault.message.find("pipeline[0].stage") != std::string::npos);
  CHECK(fault.message.find("pipeline[1].options.txet") != std::string::npos);
  CHECK(error_in(client.submit_proposer_stage({.type = "antagonist"})).field == "type");
  CHECK(error_in(client.submit_experiment({.name = "x"})).field == "type");
}

TEST_CASE_FIXTURE(client_cluster,
                  "client: handlers attach by name, hear of their tenant or of everyone, and one "
                  "that throws is detached and reported") {
  nsai::client client{options()};
  std::atomic<int> own = 0;
  std::atomic<int> all = 0;
  std::vector<std::string> const completed{"crucible.stage.completed"};
  CHECK_FALSE(client.attach("own", completed, [&](nsai::event const& e) {
    own += e.stage_name == "rest" && e.measurements.contains("duration_ms") ? 1 : 0;
  }));
  CHECK_FALSE(client.attach(
      "all", completed, [&](nsai::event const&) { ++all; }, nsai::audience::everyone));
  CHECK(client.attach("own", completed, [](nsai::event const&) {})->code == "conflict");
  CHECK_FALSE(
      client.attach("bad", completed, [](nsai::event const&) { throw std::runtime_error("no"); }));
  ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"});
  CHECK(eventually([&] { return all == 1; }));
  CHECK(own == 0);
  auto const job = nsai::value_or_throw(client.submit_document(takes(0.01)));
  nsai::value_or_throw(client.await_job(job, 60s));
  CHECK(eventually([&] { return own == 1 && all == 3; }));
  CHECK(eventually([&] {
    auto const told = ask({"--tenant", "cns_crucible", "events", "--name", "work.telemetry.*"});
    return told.size() == 1 && told.at(0).at("detail") == "bad: it threw: no";
  }));
  CHECK_FALSE(client.detach("own"));
  CHECK(client.detach("own")->category == "not_found");
  CHECK(client.detach("bad")->category == "not_found");
  CHECK_FALSE(client.detach("all", nsai::audience::everyone));
}

TEST_CASE_FIXTURE(client_cluster,
                  "client: a handler that blocks is detached and reported; others go on") {
  nsai::client client{options()};
  // Shared, since the abandoned thread may outlive this test.
  auto const gate = std::make_shared<std::promise<void>>();
  auto const opened = std::make_shared<std::shared_future<void>>(gate->get_future().share());
  std::atomic<int> calls = 0;
  std::vector<std::string> const completed{"crucible.stage.completed"};
  CHECK_FALSE(client.attach(
      "stuck", completed, [opened](nsai::event const&) { opened->wait(); },
      nsai::audience::own_tenant, 100ms));
  CHECK_FALSE(client.attach("good", completed, [&](nsai::event const&) { ++calls; }));
  auto const job = nsai::value_or_throw(client.submit_document(takes(0.01)));
  nsai::value_or_throw(client.await_job(job, 60s));
  CHECK(eventually([&] {
    auto const told = ask({"--tenant", "cns_crucible", "events", "--name", "work.telemetry.*"});
    return told.size() == 1 && told.at(0).at("detail").get<std::string>().find(
                                   "stuck: one call took longer than 100 ms") == 0;
  }));
  CHECK(eventually([&] { return calls == 2; }));  // of the stage and of the run
  CHECK(client.detach("stuck")->category == "not_found");
  CHECK_FALSE(client.detach("good"));
  gate->set_value();
}

TEST_CASE("client: where no scheduler is, or none that takes this secret, calls say so") {
  client_cluster c;
  auto wrong = c.options();
  wrong.secret = "0000";
  nsai::client stranger{wrong};
  CHECK(stranger.connect()->code == "wrong_secret");
  CHECK(stranger.attach("h", {"*"}, [](nsai::event const&) {})->code == "wrong_secret");
  CHECK_THROWS_AS(nsai::find_cluster("nonsense"), nsai::shape_error);
  CHECK_THROWS_AS(nsai::find_cluster("127.0.0.1:1", "/nonexistent"), nsai::shape_error);
}

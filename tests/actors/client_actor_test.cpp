#include "actors/client_actor.hpp"

#include <optional>

#include <doctest/doctest.h>

#include "tests/actors/virtual_cluster.hpp"

using namespace nsai;
using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

/// A client whose way to the scheduler is a wire of the test's: it can swallow replies and break.
struct client_cluster : virtual_cluster {
  caf::actor client;
  caf::actor wire;
  bool swallow = false;
  std::optional<error_info> refusal;
  std::vector<caf::actor> seekers;

  client_cluster() {
    client = keep(sys.spawn(
        actors::client_actor,
        actors::client_settings{[this](caf::actor me) { look(me); }, "default", 30s, 60s}));
    run();
  }

  ~client_cluster() { end(client); }

  void look(caf::actor const& seeker) {
    if (refusal)
      caf::anon_send(seeker, actors::scheduler_missing{*refusal});
    else if (scheduler)
      lay_wire(seeker);
    else
      seekers.push_back(seeker);
  }
  void lay_wire(caf::actor const& seeker) {
    wire = keep(sys.spawn([this, target = scheduler](caf::event_based_actor* self) {
      self->set_default_handler(
          [this, self, target](caf::scheduled_actor*,
                               caf::message_view& x) -> caf::result<caf::message> {
            auto content = x.move_content_to_message();
            if (!swallow) {
              self->delegate(target, content);
              return caf::delegated<caf::message>{};
            }
            caf::anon_send(target, content);
            return self->make_response_promise();
          });
      self->monitor(target);
      self->set_down_handler([self](caf::down_msg const&) { self->quit(); });
      return caf::behavior{[](float) {}};
    }));
    caf::anon_send(seeker, actors::scheduler_found{wire});
  }
  void restart_scheduler() {
    start_scheduler();
    for (auto const& each : std::exchange(seekers, {}))
      look(each);
    run();
  }

  /// A call that may stay open; `reply` or `fault` is set when it ends.
  template <class Reply>
  struct open_call {
    std::optional<Reply> reply;
    std::optional<error_info> fault;
  };
  template <class Reply, class Message>
  std::shared_ptr<open_call<Reply>> call(Message message) {
    auto result = std::make_shared<open_call<Reply>>();
    auto const caller =
        keep(sys.spawn([this, result, message](caf::event_based_actor* self) -> caf::behavior {
          self->request(client, caf::infinite, message)
              .then([result](Reply& reply) { result->reply = std::move(reply); },
                    [this, result](caf::error const& e) {
                      result->fault = actors::client_error(sys, e);
                    });
          return {[](float) {}};
        }));
    run();
    return result;
  }

  static submission echo() {
    submission s;
    s.stage = "echo";
    s.options.text = R"({"text":"x"})";
    return s;
  }
  std::size_t job_count() {
    list_jobs all;
    return ask<job_list>(all).jobs.size();
  }
};

}  // namespace

TEST_CASE_FIXTURE(client_cluster,
                  "a client waits for its scheduler, and submits once it is there") {
  kill_scheduler();
  auto const submitted = call<submit_reply>(submit_jobs{{echo()}, false});
  advance(20s);
  CHECK_FALSE(submitted->reply);
  restart_scheduler();
  REQUIRE(submitted->reply);
  CHECK(submitted->reply->results.at(0).id == job_id{1});
}

TEST_CASE_FIXTURE(client_cluster, "a lost reply to a submission or a retry makes no second job") {
  submission doomed;
  doomed.stage = "fail";
  doomed.options.text = R"({"message":"no"})";
  doomed.constraints.max_retries = 0;
  start_executor("a");
  auto const first = submit(doomed).id;
  REQUIRE(job(first).status == job_status::failed);

  swallow = true;
  auto const submitted = call<submit_reply>(submit_jobs{{echo()}, false});
  auto const retried = call<submit_reply>(retry_jobs{"", {first}, ""});
  REQUIRE(job_count() == 3);
  REQUIRE_FALSE(submitted->reply);
  swallow = false;
  end(wire);
  run();
  REQUIRE(submitted->reply);
  REQUIRE(retried->reply);
  CHECK(job_count() == 3);
  CHECK(job(submitted->reply->results.at(0).id).stage == "echo");
  CHECK(job(retried->reply->results.at(0).id).retry_of == first);
}

TEST_CASE_FIXTURE(client_cluster,
                  "an exchange without an answer is made again over a new connection") {
  swallow = true;
  auto const asked = call<stats>(get_stats{});
  swallow = false;
  advance(9900ms);
  CHECK_FALSE(asked->reply);
  advance(200ms);
  CHECK(asked->reply);
}

TEST_CASE_FIXTURE(client_cluster, "a wait outlives the scheduler and its restart") {
  puppet node{*this, "a"};
  auto const job = submit(echo()).id;
  REQUIRE(node.started.size() == 1);
  auto const ended = call<jobs_ended>(actors::await_jobs{{job}});
  kill_scheduler();
  advance(50s);
  CHECK_FALSE(ended->fault);
  restart_scheduler();
  node.join({{job, 1}});
  node.report({job, 1}, attempt_result::succeeded);
  REQUIRE(ended->reply);
  REQUIRE(ended->reply->jobs.size() == 1);
  CHECK(ended->reply->jobs[0].status == job_status::succeeded);
}

TEST_CASE_FIXTURE(client_cluster, "what the scheduler's absence outlasts fails, and says why") {
  puppet node{*this, "a"};
  auto const job = submit(echo()).id;
  auto const ended = call<jobs_ended>(actors::await_jobs{{job}});
  kill_scheduler();
  auto const asked = call<stats>(get_stats{});
  advance(29900ms);
  CHECK_FALSE(asked->fault);
  advance(200ms);
  REQUIRE(asked->fault);
  CHECK(asked->fault->category == "unavailable");
  CHECK_FALSE(ended->fault);
  advance(29700ms);
  CHECK_FALSE(ended->fault);
  advance(300ms);
  REQUIRE(ended->fault);
  CHECK(ended->fault->category == "unavailable");
}

TEST_CASE_FIXTURE(client_cluster, "a refusal at the gate fails what waits at once") {
  refusal = error_of("refused", "wrong_secret", "the secret is not the one of this scheduler");
  kill_scheduler();
  auto const asked = call<stats>(get_stats{});
  CHECK_FALSE(asked->fault);  // asked after the first refusal
  caf::anon_send(client, actors::scheduler_missing{*refusal});
  run();
  REQUIRE(asked->fault);
  CHECK(asked->fault->code == "wrong_secret");
}

TEST_CASE_FIXTURE(client_cluster, "a wait ends at its limit, and for a job that nobody knows") {
  auto const job = submit(echo()).id;
  auto const ended = call<jobs_ended>(actors::await_jobs{{job}, 5s});
  advance(4900ms);
  CHECK_FALSE(ended->fault);
  advance(200ms);
  REQUIRE(ended->fault);
  CHECK(ended->fault->code == "timed_out");
  CHECK(call<jobs_ended>(actors::await_jobs{{job, {77}}})->fault->category == "not_found");
  // The wait that failed leaves nothing behind that a later end would find.
  start_executor("a");
  CHECK(call<jobs_ended>(actors::await_jobs{{job, job}})->reply->jobs.size() == 2);
}

TEST_CASE_FIXTURE(client_cluster, "who subscribes with its submission hears every end once") {
  start_executor("a");
  std::vector<job_end> ends;
  std::vector<submit_result> results;
  keep(sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->request(client, caf::infinite, submit_jobs{{echo(), echo(), submission{}}, true})
        .then([&](submit_reply const& reply) { results = reply.results; });
    return {[&](jobs_ended const& m) { ends.insert(ends.end(), m.jobs.begin(), m.jobs.end()); }};
  }));
  run();
  REQUIRE(results.size() == 3);
  CHECK(results[2].error);
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].id == results[0].id);
  CHECK(ends[1].id == results[1].id);
  end(wire);
  advance(1s);
  CHECK(ends.size() == 2);
}

TEST_CASE_FIXTURE(client_cluster,
                  "what comes faster than the tenant may submit is held back and sent again") {
  kill_scheduler();
  tenants["default"].submit_rate = tenant_rate{1, 1000, 2};
  restart_scheduler();
  auto const four = call<submit_reply>(submit_jobs{{echo(), echo(), echo(), echo()}, false});
  CHECK_FALSE(four->reply);
  CHECK(job_count() == 2);
  advance(999ms);
  CHECK(job_count() == 2);
  advance(1ms);
  CHECK(job_count() == 3);
  advance(1s);
  REQUIRE(four->reply);
  CHECK(job_count() == 4);
  std::set<job_id> numbers;
  for (auto const& each : four->reply->results) {
    CHECK_FALSE(each.error);
    numbers.insert(each.id);
  }
  CHECK(numbers.size() == 4);
}

TEST_CASE_FIXTURE(client_cluster, "a batch that comes too fast is held back as a whole") {
  kill_scheduler();
  tenants["default"].submit_rate = tenant_rate{1, 1000, 2};
  restart_scheduler();
  CHECK(call<submit_reply>(submit_jobs{{echo()}, false})->reply);
  auto const batch = call<submit_reply>(submit_jobs{{echo(), echo()}, false, true});
  CHECK(job_count() == 1);
  advance(1s);
  REQUIRE(batch->reply);
  CHECK_FALSE(batch->reply->results.at(1).error);
  CHECK(job_count() == 3);
}

TEST_CASE_FIXTURE(
    client_cluster,
    "a refusal for the rate is told where no pause would do, or none may be so long") {
  kill_scheduler();
  tenants["default"].submit_rate = tenant_rate{1, 60'000, 2};
  restart_scheduler();
  auto const never = call<submit_reply>(submit_jobs{{echo(), echo(), echo()}, false, true});
  REQUIRE(never->reply);
  CHECK(never->reply->results.at(2).error->code == "rate_limited");
  CHECK_FALSE(never->reply->results.at(2).error->retry_after_ms);
  auto const some = call<submit_reply>(submit_jobs{{echo(), echo(), echo()}, false});
  REQUIRE(some->reply);  // a minute is more than pause_limit
  CHECK_FALSE(some->reply->results.at(1).error);
  CHECK(some->reply->results.at(2).error->retry_after_ms == 60'000);
  advance(50s);
  auto const held = call<submit_reply>(submit_jobs{{echo()}, false});
  CHECK_FALSE(held->reply);
  caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  run();
  CHECK(held->fault);
}

TEST_CASE_FIXTURE(client_cluster,
                  "a reader of events misses none and sees none twice over a broken connection") {
  start_executor("a");
  std::vector<std::uint64_t> seen;
  auto const reader = keep(sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto const take = [&seen, self, this](events const& m) {
      for (auto const& e : m.list)
        seen.push_back(e.sequence);
      if (!m.list.empty())
        self->send(client, events_read{m.list.back().sequence});
    };
    self->request(client, caf::infinite, watch_events{"default", "work.job.*", true, 0, {}},
                  caf::actor_cast<caf::actor>(self))
        .then(take);
    return {take};
  }));
  run();
  submit(echo());
  auto const before = seen.size();
  CHECK(before == 4);
  swallow = true;
  end(wire);
  swallow = false;
  submit(echo());
  run();
  CHECK(seen.size() == 8);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST_CASE_FIXTURE(client_cluster,
                  "a reader of new events only misses none over a broken connection") {
  start_executor("a");
  std::vector<std::uint64_t> seen;
  keep(sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto const take = [&seen, self, this](events const& m) {
      for (auto const& e : m.list)
        seen.push_back(e.sequence);
      if (!m.list.empty())
        self->send(client, events_read{m.list.back().sequence});
    };
    self->request(client, caf::infinite,
                  watch_events{"default", "work.job.*", true, only_new_events, {}},
                  caf::actor_cast<caf::actor>(self))
        .then(take);
    return {take};
  }));
  run();
  submit(echo());
  REQUIRE(seen.size() == 4);
  // The wire breaks, and more happens before there is another.
  auto const there = std::exchange(scheduler, {});
  end(wire);
  scheduler = there;
  submit(echo());
  for (auto const& each : std::exchange(seekers, {}))
    look(each);
  run();
  CHECK(seen.size() == 8);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE_FIXTURE(client_cluster, "a client that is ended fails its open calls") {
  kill_scheduler();
  auto const asked = call<stats>(get_stats{});
  caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  run();
  REQUIRE(asked->fault);
  CHECK(asked->fault->category == "canceled");
}

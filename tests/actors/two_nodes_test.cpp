// Two processes' worth of actors that talk over CAF's wire format, without a socket.
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/network/test_multiplexer.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>

#include "messages/api.hpp"
#include "messages/attempt.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/observe.hpp"
#include "messages/registry.hpp"

using namespace nsai;
using namespace std::chrono_literals;

namespace {

struct side {
  struct config : caf::actor_system_config {
    config() {
      load<caf::io::middleman>();
      register_messages(*this);
      set("scheduler.policy", caf::atom("testing"));
      set("middleman.network-backend", caf::atom("testing"));
      set("middleman.manual-multiplexing", true);
      set("middleman.attach-utility-actors", true);
      set("middleman.workers", std::size_t{0});
    }
  } cfg;
  caf::actor_system sys{cfg};
  caf::io::middleman& mm = sys.middleman();
  caf::io::network::test_multiplexer& wire =
      dynamic_cast<caf::io::network::test_multiplexer&>(mm.backend());
  caf::scheduler::test_coordinator& sched =
      dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());

  /// False when there was nothing to do.
  bool pump() {
    bool const ran = sched.run() > 0;
    wire.flush_runnables();
    bool const read = wire.read_data();
    bool const accepted = wire.try_accept_connection();
    return ran || read || accepted;
  }
};

struct two_nodes {
  side here, there;

  two_nodes() { run(); }
  ~two_nodes() { run(); }
  void run() {
    for (int idle = 0; idle < 3; ++idle)
      while (int{here.pump()} + int{there.pump()} > 0) {
      }
  }
  /// Publishes an actor `there` and gives its handle `here`.
  caf::actor connect(caf::actor const& service) {
    there.wire.prepare_connection(caf::io::accept_handle::from_int(1),
                                  caf::io::connection_handle::from_int(2), here.wire, "there", 8080,
                                  caf::io::connection_handle::from_int(3));
    there.sched.inline_next_enqueue();
    REQUIRE(there.mm.publish(service, 8080));
    run();
    here.sched.inline_next_enqueue();
    here.sched.after_next_enqueue([this] { run(); });
    auto handle = here.mm.remote_actor("there", 8080);
    REQUIRE(handle);
    return *handle;
  }
};

}  // namespace

TEST_CASE("a submission and a grant arrive over the wire as they were sent") {
  two_nodes net;
  submission sent;
  sent.stage = "echo";
  sent.options.text = R"({"text":"\u00e9"})";
  sent.resources.cpu = milli{1500};
  sent.array = array_spec{0, 9, 3, 2, {}};
  start_attempts grant;
  grant.session = 7;
  grant.attempts.resize(1);
  grant.attempts[0].ref = {{42}, 3};
  grant.attempts[0].array_index = -5;

  submit_jobs arrived;
  auto service = net.there.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {
        [&arrived](submit_jobs const& m) {
          arrived = m;
          submit_reply reply;
          reply.results.resize(1);
          reply.results[0].id = {99};
          return reply;
        },
        [&grant](get_stats const&) { return grant; },
        [self](caf::ok_atom) { self->quit(); },
    };
  });
  net.run();
  auto const remote = net.connect(service);
  submit_reply answered;
  start_attempts granted;
  auto client = net.here.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto const fail = [self](caf::error const& e) { FAIL_CHECK(self->system().render(e)); };
    self->request(remote, 5s, submit_jobs{{sent}, true})
        .then([&](submit_reply const& m) { answered = m; }, fail);
    self->request(remote, 5s, get_stats{})
        .then([&](start_attempts const& m) { granted = m; }, fail);
    return {[](float) {}};
  });
  net.run();
  REQUIRE(arrived.jobs.size() == 1);
  CHECK(arrived.jobs[0] == sent);
  CHECK(arrived.subscribe);
  REQUIRE(answered.results.size() == 1);
  CHECK(answered.results[0].id == job_id{99});
  CHECK(granted.session == 7);
  REQUIRE(granted.attempts.size() == 1);
  CHECK(granted.attempts[0].ref == attempt_ref{{42}, 3});
  CHECK(granted.attempts[0].array_index == -5);
  caf::anon_send(service, caf::ok_atom::value);
  caf::anon_send_exit(client, caf::exit_reason::kill);
  net.run();
}

#include "actors/gate.hpp"

#include <doctest/doctest.h>

#include "actors/secret.hpp"
#include "messages/api.hpp"
#include "tests/actors/support.hpp"

using namespace nsai;

namespace {

struct gate_fixture : tests::virtual_system {
  caf::actor scheduler =
      sys.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int i) { return i; }}; });
  caf::actor gate = sys.spawn(actors::gate, std::string{"s3cret"}, scheduler);
  caf::scoped_actor self{sys};

  ~gate_fixture() {
    end(gate);
    end(scheduler);
  }
  std::string nonce() {
    std::string given;
    auto h = self->request(gate, caf::infinite, knock{protocol_version});
    run();
    h.receive([&](challenge& c) { given = c.nonce; }, [](caf::error&) {});
    return given;
  }
  std::pair<bool, bool> try_hello(std::string const& nonce, std::string const& proof) {
    std::pair<bool, bool> result;  // refused, has a handle
    auto h = self->request(gate, caf::infinite, hello{nonce, proof});
    run();
    h.receive(
        [&](answer& a, caf::actor& s) {
          result = {a.error.has_value(), static_cast<bool>(s)};
        },
        [](caf::error&) { FAIL("the gate failed"); });
    return result;
  }
};

}  // namespace

TEST_CASE_FIXTURE(gate_fixture, "gate: proof of the secret earns the scheduler's handle") {
  auto const n = nonce();
  CHECK(n.size() == 64);
  CHECK(try_hello(n, actors::prove("s3cret", n)) == std::pair{false, true});
}

TEST_CASE_FIXTURE(gate_fixture, "gate: a nonce serves once, also after a wrong try") {
  auto const n = nonce();
  CHECK(try_hello(n, actors::prove("wrong", n)) == std::pair{true, false});
  CHECK(try_hello(n, actors::prove("s3cret", n)) == std::pair{true, false});
  CHECK(try_hello("made up", actors::prove("s3cret", "made up")) == std::pair{true, false});
}

TEST_CASE("proof: HMAC-SHA256 as in RFC 4231, test case 2") {
  CHECK(actors::prove("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

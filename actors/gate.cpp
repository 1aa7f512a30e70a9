#include "actors/gate.hpp"

#include <deque>
#include <memory>

#include <caf/all.hpp>

#include "actors/secret.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

/// Nonces given out and not yet used. Bounded: who knocks and never comes back costs nothing.
class open_challenges {
 public:
  std::string issue() {
    constexpr std::size_t most = 4096;
    if (nonces_.size() == most)
      nonces_.pop_front();
    return nonces_.emplace_back(random_hex(32));
  }
  bool take(std::string const& nonce) {
    auto const found = std::find(nonces_.begin(), nonces_.end(), nonce);
    if (found == nonces_.end())
      return false;
    nonces_.erase(found);
    return true;
  }

 private:
  std::deque<std::string> nonces_;
};

answer refused(std::string code, std::string message) {
  return {error_of("refused", std::move(code), std::move(message))};
}

}  // namespace

caf::behavior gate(caf::event_based_actor*, std::string secret, caf::actor scheduler) {
  auto challenges = std::make_shared<open_challenges>();
  return {
      [=](knock const&) {
        return challenge{protocol_version, challenges->issue()};
      },
      [=](hello const& h) -> caf::result<answer, caf::actor> {
        bool const issued = challenges->take(h.nonce);
        if (!issued || !same_proof(h.proof, prove(secret, h.nonce)))
          return {refused("wrong_secret",
                          "the secret is not the one of this scheduler; give its --secret-file or "
                          "NSAI_SECRET_FILE"),
                  caf::actor{}};
        return {answer{}, scheduler};
      },
  };
}

}  // namespace nsai::actors

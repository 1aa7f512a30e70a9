#include "actors/store_worker.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace nsai::actors {
namespace {

commit_done carry_out(store::job_store& db, commit_order const& order) {
  commit_done done;
  done.number = order.number;
  done.payloads = std::make_shared<std::vector<store::payload>>();
  done.continuations = std::make_shared<std::vector<std::function<void()>>>();
  try {
    if (!order.changes->empty())
      *done.payloads = db.commit(*order.changes);
    for (auto const& read : *order.reads)
      done.continuations->push_back(read(db));
  } catch (store::store_error const& e) {
    done.error = e.what();
  }
  return done;
}

}  // namespace

caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<store::job_store> owned,
                           caf::actor scheduler) {
  // What was ordered before the scheduler could hear of a failure builds upon what failed.
  auto const refusing = std::make_shared<std::string>();
  return {
      [=](commit_order const& order) {
        commit_done done;
        if (refusing->empty()) {
          done = carry_out(*owned, order);
          *refusing = done.error;
        } else {
          done.number = order.number;
          done.error = *refusing;
        }
        self->send(scheduler, std::move(done));
      },
      [=](probe_order) {
        refusing->clear();
        commit_done done;
        try {
          owned->probe();
        } catch (store::store_error const& e) {
          done.error = e.what();
        }
        self->send(scheduler, std::move(done));
      },
      [=](retention_order order) {
        // A few at a time, so that a commit never waits long behind a large removal.
        constexpr std::int64_t most = 2000;
        try {
          if (owned->remove_ended(order.completed_before, most).more)
            self->send(self, order);
        } catch (store::store_error const& e) {
          spdlog::warn("retention: {}", e.what());
        }
      },
  };
}

caf::behavior store_reader(caf::event_based_actor* self, std::shared_ptr<store::job_store> owned,
                           caf::actor scheduler, std::function<void()> hold) {
  return {
      [=](read_order const& order) {
        auto continuation = std::make_shared<std::function<void()>>();
        if (hold)
          hold();
        try {
          *continuation = (*order.read)(*owned);
        } catch (store::store_error const& e) {
          spdlog::error("store: {}", e.what());
        }
        self->send(scheduler, read_done{std::move(continuation)});
      },
  };
}

}  // namespace nsai::actors

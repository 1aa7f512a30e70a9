#include "actors/event_reader.hpp"

#include <algorithm>
#include <memory>

#include <caf/all.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/scheduler_link.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

using std::chrono::milliseconds;
using watch_atom = caf::atom_constant<caf::atom("watch")>;
using guard_atom = caf::atom_constant<caf::atom("guard")>;
using report_kind = handler_thread::report::kind;

struct thread_report {
  handler_thread::report what;
};

class reader_state {
 public:
  reader_state(caf::event_based_actor* self, reader_settings settings)
      : self_(self), settings_(std::move(settings)), read_(settings_.after) {
    if (!settings_.own_thread)
      return;
    thread_ = std::make_shared<handler_thread>(
        settings_.handler, [me = me(), post = settings_.post](handler_thread::report r) {
          auto const tell = [me, r] { caf::anon_send(me, thread_report{r}); };
          if (post)
            post(tell);
          else
            tell();
        });
  }
  std::shared_ptr<handler_thread> const& thread() const { return thread_; }

  void found(scheduler_found const& m) {
    scheduler_ = m.scheduler;
    self_->monitor(scheduler_);
    ++connection_;
    asking_ = false;
    watch();
  }

  void lost(caf::down_msg const& down) {
    if (scheduler_ && down.source == scheduler_.address())
      scheduler_ = {};
  }

  /// What the thread still has in hand is done first, so that nothing comes twice.
  void watch() {
    if (!scheduler_ || asking_ || over_)
      return;
    if (in_hand_ > 0) {
      watch_later_ = true;
      return;
    }
    watch_later_ = false;
    asking_ = true;
    self_
        ->request(scheduler_, std::chrono::seconds{30},
                  watch_events{settings_.tenant_id, settings_.pattern, true, read_, settings_.name},
                  me())
        .then(
            [this, connection = connection_](events& m) {
              if (connection == connection_)
                answered(m);
            },
            [this, connection = connection_](caf::error const&) {
              if (connection != connection_)
                return;
              asking_ = false;
              spdlog::warn("telemetry: handler {}: the scheduler did not answer", settings_.name);
              watch();
            });
  }

  void take(events& m) {
    if (m.error) {
      if (!ending_)
        end(*m.error);
      return;
    }
    if (m.dropped > 0)
      spdlog::warn("telemetry: handler {} is too slow: up to {} events were dropped",
                   settings_.name, m.dropped);
    if (over_)
      return;
    if (m.list.empty()) {
      read_ = m.position;
      return;
    }
    if (thread_) {
      ++in_hand_;
      thread_->give(std::move(m));
      guard();
      return;
    }
    try {
      for (auto const& e : m.list)
        settings_.handler(e);
    } catch (std::exception const& fault) {
      return fail(std::string{"it threw: "} + fault.what());
    } catch (...) {
      return fail("it threw something that is no std::exception");
    }
    confirm(m.list.back().sequence);
  }

  void told(handler_thread::report const& r) {
    if (over_)
      return;
    if (r.what == report_kind::failed)
      return fail(r.why);
    if (r.what == report_kind::over)
      return end(std::nullopt);
    --in_hand_;
    confirm(r.sequence);
    if (watch_later_)
      watch();
  }

  /// A call that is still the same one after the limit blocks.
  void look_at_call() {
    guarding_ = false;
    if (over_)
      return;
    auto const limit = settings_.limit;
    auto const calls = thread_ ? thread_->calls() : 0;
    if (calls % 2 == 0 || calls != last_calls_) {
      last_calls_ = calls;
      seen_at_ = self_->clock().now();
    } else if (self_->clock().now() - seen_at_ >= limit) {
      return fail(
          fmt::format("one call took longer than {} ms; its thread is abandoned", limit.count()));
    }
    guard();
  }

  void stop() {
    if (over_)
      return;
    ending_ = true;
    detach({}, [] {});
    if (!thread_)
      return end(std::nullopt);
    thread_->stop();
    guard();
  }

 private:
  caf::actor me() const { return caf::actor_cast<caf::actor>(self_); }

  void answered(events& m) {
    asking_ = false;
    bool const taken_name = m.error && m.error->code == "conflict";
    if (taken_name && settings_.try_again) {
      if (!std::exchange(warned_, true))
        spdlog::warn("telemetry: {}; it is tried again every second", m.error->message);
      self_->delayed_send(self_, std::chrono::seconds{1}, watch_atom::value);
      return;
    }
    settings_.try_again =
        true;  // after a reconnect the name may be the old connection's for a while
    self_->send(settings_.owner, reader_attached{settings_.name, m.error});
    take(m);
  }

  void confirm(std::uint64_t sequence) {
    read_ = sequence;
    if (scheduler_ && !asking_)
      self_->send(scheduler_, events_read{sequence});
  }

  void guard() {
    bool const needed = thread_ && settings_.limit.count() > 0 && (in_hand_ > 0 || ending_);
    if (needed && !std::exchange(guarding_, true))
      self_->delayed_send(self_,
                          std::clamp(settings_.limit / 4, milliseconds{10}, milliseconds{1000}),
                          guard_atom::value);
  }

  void detach(std::string reason, std::function<void()> then) {
    if (!scheduler_)
      return then();
    self_
        ->request(scheduler_, std::chrono::seconds{5},
                  detach_reader{settings_.tenant_id, settings_.name, std::move(reason)})
        .then([then](answer const&) { then(); }, [then](caf::error const&) { then(); });
  }

  void fail(std::string const& why) {
    if (over_)
      return;
    spdlog::error("telemetry: handler {} is detached: {}", settings_.name, why);
    end(error_of("unavailable", "handler_failed", "handler " + settings_.name + ": " + why),
        ending_ ? "" : why);
  }

  /// With a reason, the scheduler has to know it before it sees that this actor has ended.
  void end(std::optional<error_info> error, std::string const& reason = {}) {
    if (std::exchange(over_, true))
      return;
    if (thread_)
      thread_->abandon();
    self_->send(settings_.owner, reader_over{settings_.name, std::move(error)});
    if (reason.empty())
      self_->quit();
    else
      detach(reason, [this] { self_->quit(); });
  }

  caf::event_based_actor* self_;
  reader_settings settings_;
  std::shared_ptr<handler_thread> thread_;  // none: the handler runs on this actor
  caf::actor scheduler_;
  std::uint64_t connection_ = 0;
  std::uint64_t read_;        // the last event that the handler has had
  std::size_t in_hand_ = 0;   // batches that the thread has
  bool asking_ = false;       // watch_events is under way
  bool watch_later_ = false;  // when nothing is in hand any more
  bool warned_ = false;
  bool ending_ = false;
  bool over_ = false;
  bool guarding_ = false;  // a guard_atom is on its way
  std::uint64_t last_calls_ = 0;
  caf::actor_clock::time_point seen_at_;
};

}  // namespace
}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::thread_report)

namespace nsai::actors {

caf::behavior event_reader(caf::event_based_actor* self, reader_settings settings) {
  auto const s = std::make_shared<reader_state>(self, std::move(settings));
  self->set_down_handler([s](caf::down_msg& down) { s->lost(down); });
  // However this actor ends: until then its thread holds a handle of it.
  if (s->thread())
    self->attach_functor([thread = s->thread()](caf::error const&) { thread->abandon(); });
  return {
      [s](scheduler_found const& m) { s->found(m); },   [s](events& m) { s->take(m); },
      [s](thread_report const& m) { s->told(m.what); }, [s](watch_atom) { s->watch(); },
      [s](guard_atom) { s->look_at_call(); },           [s](end_reader) { s->stop(); },
  };
}

}  // namespace nsai::actors

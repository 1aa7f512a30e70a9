#include "actors/telemetry_bridge.hpp"

#include <algorithm>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include "actors/event_feed.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

class bridge_state {
 public:
  bridge_state(caf::event_based_actor* self, find_scheduler find, std::uint64_t after,
               std::vector<attach_handler> handlers)
      : self_(self), find_(std::move(find)), after_(after), handlers_(std::move(handlers)) {
    find_(caf::actor_cast<caf::actor>(self_));
  }

  answer attach(attach_handler& m) {
    if (m.patterns.empty() || !m.handler)
      return {error_of("usage", "invalid",
                       "handler " + m.name +
                           ": nothing was given; expected a function and one pattern or more")};
    if (find_handler(m.name) != handlers_.end())
      return {error_of("refused", "conflict",
                       "handler " + m.name + ": the name is taken; expected a name of its own")};
    handlers_.push_back(std::move(m));
    return {};
  }

  answer detach(detach_handler const& m) {
    auto const found = find_handler(m.name);
    if (found == handlers_.end())
      return {error_of("not_found", "unknown_handler",
                       "handler " + m.name + ": there is none of that name")};
    handlers_.erase(found);
    return {};
  }

  void found(scheduler_found const& m) {
    scheduler_ = m.scheduler;
    self_->monitor(scheduler_);
    self_
        ->request(scheduler_, std::chrono::seconds{30}, watch_events{{}, {}, true, after_},
                  caf::actor_cast<caf::actor>(self_))
        .then([this](events const& m) { take(m); },
              [](caf::error const&) {
                spdlog::warn("telemetry: the scheduler did not answer; its events are missed");
              });
  }

  void lost(caf::down_msg const& down) {
    if (scheduler_ && down.source == scheduler_.address()) {
      scheduler_ = {};
      find_(caf::actor_cast<caf::actor>(self_));
    }
  }

  void take(events const& m) {
    if (m.dropped > 0)
      spdlog::warn("telemetry: {} events were dropped, the handlers are too slow", m.dropped);
    for (auto const& e : m.list) {
      hand_out(e);
      if (auto const bridged = crucible_name(e.name); !bridged.empty()) {
        auto renamed = e;
        renamed.name = bridged;
        hand_out(renamed);
      }
    }
    if (m.list.empty())
      return;
    after_ = m.list.back().sequence;
    if (scheduler_)
      self_->send(scheduler_, events_read{after_});
  }

 private:
  std::vector<attach_handler>::iterator find_handler(std::string const& name) {
    return std::find_if(handlers_.begin(), handlers_.end(),
                        [&](auto const& each) { return each.name == name; });
  }

  void hand_out(event const& e) {
    std::erase_if(handlers_, [&](attach_handler const& each) {
      auto const wanted =
          std::any_of(each.patterns.begin(), each.patterns.end(),
                      [&](auto const& pattern) { return name_matches(pattern, e.name); });
      return wanted && !works(each, e);
    });
  }

  static bool works(attach_handler const& each, event const& e) {
    try {
      each.handler(e);
      return true;
    } catch (std::exception const& fault) {
      spdlog::error("telemetry: handler {} failed on {} and is detached: {}", each.name, e.name,
                    fault.what());
    } catch (...) {
      spdlog::error("telemetry: handler {} failed on {} and is detached", each.name, e.name);
    }
    return false;
  }

  caf::event_based_actor* self_;
  find_scheduler find_;
  caf::actor scheduler_;
  std::uint64_t after_;
  std::vector<attach_handler> handlers_;
};

}  // namespace

std::string crucible_name(std::string const& work_event) {
  if (work_event == "work.job.submitted")
    return "crucible.experiment.submitted";
  if (work_event == "work.job.started")
    return "crucible.stage.started";
  if (work_event == "work.job.completed")
    return "crucible.stage.completed";
  if (work_event == "work.job.failed")
    return "crucible.stage.failed";
  return {};
}

caf::behavior telemetry_bridge(caf::event_based_actor* self, find_scheduler find,
                               std::uint64_t after, std::vector<attach_handler> handlers) {
  auto s = std::make_shared<bridge_state>(self, std::move(find), after, std::move(handlers));
  self->set_down_handler([s](caf::down_msg& down) { s->lost(down); });
  return {
      [s](attach_handler& m) { return s->attach(m); },
      [s](detach_handler const& m) { return s->detach(m); },
      [s](scheduler_found const& m) { s->found(m); },
      [](scheduler_missing const&) {},
      [s](events const& m) { s->take(m); },
  };
}

}  // namespace nsai::actors

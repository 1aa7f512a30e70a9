#include "actors/telemetry_bridge.hpp"

#include <map>
#include <memory>

#include <caf/all.hpp>

#include "actors/event_reader.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai::actors {
namespace {

error_info handler_error(std::string const& name, std::string category, std::string code,
                         std::string const& what) {
  auto error = error_of(std::move(category), std::move(code), "handler " + name + ": " + what);
  error.field = "handler";
  return error;
}

std::string list_of(std::vector<std::string> const& patterns) {
  std::string list;
  for (auto const& pattern : patterns)
    list += (list.empty() ? "" : ",") + pattern;
  return list;
}

class bridge_state {
 public:
  bridge_state(caf::event_based_actor* self, bridge_settings settings)
      : self_(self), settings_(std::move(settings)) {
    for (auto& each : settings_.handlers)
      start(std::move(each), true);
    settings_.handlers.clear();
    settings_.find(me());
  }

  caf::result<answer> attach(attach_handler& m) {
    if (m.patterns.empty() || !m.handler)
      return answer{
          handler_error(m.name, "usage", "invalid",
                        "nothing was given; expected a function and one pattern or more")};
    if (m.name.empty() || readers_.contains(m.name))
      return answer{handler_error(m.name, "refused", "conflict",
                                  "the name is taken; expected a name of its own")};
    auto const name = m.name;
    start(std::move(m), false);
    if (!scheduler_)
      return answer{};
    auto promise = self_->make_response_promise();
    readers_.at(name).attaching = promise;
    return promise;
  }

  caf::result<answer> detach(detach_handler const& m) {
    auto const found = readers_.find(m.name);
    auto promise = self_->make_response_promise();
    if (found != readers_.end()) {
      found->second.detaching.push_back(promise);
      self_->send(found->second.actor, end_reader{});
      return promise;
    }
    if (!scheduler_) {
      promise.deliver(answer{handler_error(m.name, "not_found", "unknown_handler",
                                           "there is none of that name in this process")});
      return promise;
    }
    self_
        ->request(scheduler_, std::chrono::seconds{10},
                  detach_reader{settings_.tenant_id, m.name, {}})
        .then([promise](answer& a) mutable { promise.deliver(std::move(a)); },
              [promise, name = m.name](caf::error&) mutable {
                promise.deliver(answer{handler_error(name, "unavailable", "no_answer",
                                                     "the scheduler did not answer")});
              });
    return promise;
  }

  void attached(reader_attached const& m) {
    auto const found = readers_.find(m.name);
    if (found != readers_.end() && found->second.attaching) {
      found->second.attaching->deliver(answer{m.error});
      found->second.attaching.reset();
    }
  }

  void over(reader_over const& m) {
    auto const node = readers_.extract(m.name);
    if (node.empty())
      return;
    auto& reader = node.mapped();
    if (reader.attaching)
      reader.attaching->deliver(answer{m.error});
    for (auto& promise : reader.detaching)
      promise.deliver(answer{m.error});
  }

  void found(scheduler_found const& m) {
    scheduler_ = m.scheduler;
    self_->monitor(scheduler_);
    for (auto const& [name, reader] : readers_)
      self_->send(reader.actor, m);
  }

  void lost(caf::down_msg const& down) {
    if (scheduler_ && down.source == scheduler_.address()) {
      scheduler_ = {};
      settings_.find(me());
    }
  }

 private:
  struct reader {
    caf::actor actor;
    std::optional<caf::response_promise> attaching;
    std::vector<caf::response_promise> detaching;
  };

  caf::actor me() const { return caf::actor_cast<caf::actor>(self_); }

  void start(attach_handler&& m, bool from_start) {
    reader_settings r;
    r.name = m.name;
    r.tenant_id = settings_.tenant_id;
    r.pattern = list_of(m.patterns);
    r.handler = std::move(m.handler);
    r.limit = m.limit;
    r.after = from_start ? settings_.after : only_new_events;
    r.own_thread = settings_.own_threads;
    r.post = settings_.post;
    r.try_again = from_start || !scheduler_;
    r.owner = me();
    auto const actor = self_->spawn<caf::linked>(event_reader, std::move(r));
    readers_[m.name].actor = actor;
    if (scheduler_)
      self_->send(actor, scheduler_found{scheduler_});
  }

  caf::event_based_actor* self_;
  bridge_settings settings_;
  caf::actor scheduler_;
  std::map<std::string, reader> readers_;
};

}  // namespace

caf::behavior telemetry_bridge(caf::event_based_actor* self, bridge_settings settings) {
  auto const s = std::make_shared<bridge_state>(self, std::move(settings));
  self->set_down_handler([s](caf::down_msg& down) { s->lost(down); });
  return {
      [s](attach_handler& m) { return s->attach(m); },
      [s](detach_handler const& m) { return s->detach(m); },
      [s](scheduler_found const& m) { s->found(m); },
      [](scheduler_missing const&) {},
      [s](reader_attached const& m) { s->attached(m); },
      [s](reader_over const& m) { s->over(m); },
  };
}

}  // namespace nsai::actors

// The nodes' side of the conversation.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"

namespace nsai::actors {

void scheduler_state::learn_backends(std::vector<stage_description> const& stages) {
  stage_backends backends;
  for (auto const& stage : stages)
    backends.list.emplace_back(stage.name, stage.backend);
  self_->send(feed_, std::move(backends));
}

caf::result<registered> scheduler_state::join(register_node& request, caf::actor const& executor) {
  auto promise = self_->make_response_promise();
  if (!store_error_.empty()) {
    promise.deliver(caf::make_error(caf::sec::runtime_error, store_error_));
    return promise;
  }
  for (auto const& outcome : request.outcomes) {
    outcome_ = &outcome;
    apply(scheduling::attempt_ended{request.node.uuid, &outcome});
  }
  outcome_ = nullptr;
  auto const session = next_session_++;
  // Grants of the old session that have not left yet are void: the node does not hold them, so the
  // core takes them back.
  pipeline_.mail().nodes[request.node.uuid].starts.clear();
  auto const stops_before = pipeline_.mail().nodes[request.node.uuid].stops.size();
  scheduling::node_registered event;
  event.registration = &request;
  event.session = session;
  apply(event);
  if (auto const& refusal = core_.last_answer().error) {
    promise.deliver(caf::make_error(caf::sec::runtime_error, refusal->message));
    return promise;
  }
  for (auto const& stage : request.node.stages)
    known_stages_.insert_or_assign(stage.name, stage);
  learn_backends(request.node.stages);
  links_[request.node.uuid] = {executor, session};
  self_->monitor(executor);
  auto& mail = pipeline_.mail().nodes[request.node.uuid];
  registered reply;
  reply.session = session;
  reply.beat_ms = options_.beat_ms;
  reply.lease_ms = options_.core.lease_ms;
  reply.stop.assign(mail.stops.begin() + static_cast<std::ptrdiff_t>(stops_before),
                    mail.stops.end());
  pipeline_.mail().registrations.push_back({std::move(promise), std::move(reply)});
  settle();
  return promise;
}

beat_reply scheduler_state::heard(beat const& b) {
  auto const link = links_.find(b.uuid);
  bool const known = link != links_.end() && link->second.session == b.session &&
                     core_.session_known(b.uuid, b.session);
  if (known) {
    apply(scheduling::node_beat{b.uuid, b.session, b.progress, b.ports, b.gpus});
    settle();
  }
  return {b.session, known};
}

void scheduler_state::record(report_outcomes const& report) {
  if (!store_error_.empty())
    return;  // they stay spooled on the node
  auto const link = std::find_if(links_.begin(), links_.end(), [&](auto const& each) {
    return each.second.session == report.session;
  });
  if (link == links_.end())
    return;  // the node registers again and brings them along
  for (auto const& outcome : report.outcomes) {
    outcome_ = &outcome;
    apply(scheduling::attempt_ended{link->first, &outcome});
  }
  outcome_ = nullptr;
  settle();
}

answer scheduler_state::leave(leave_cluster const& request) {
  auto const link = links_.find(request.uuid);
  if (link != links_.end() && link->second.session == request.session) {
    apply(scheduling::node_left{request.uuid, request.session});
    settle();
  }
  return {};
}

void scheduler_state::lost_contact(caf::down_msg const& down) {
  for (auto link = links_.begin(); link != links_.end(); ++link) {
    if (link->second.executor.address() != down.source)
      continue;
    apply(scheduling::node_disconnected{link->first, link->second.session});
    links_.erase(link);
    settle();
    return;
  }
  for (auto& [tenant, supervisor] : supervisors_) {
    if (!supervisor || supervisor.address() != down.source)
      continue;
    spdlog::warn("the supervisor of tenant {} ended and is started again", tenant);
    supervisor = {};
    apply(scheduling::supervisor_restarted{tenant});
    settle();
    return;
  }
  monitored_.erase(down.source);
  for (auto& [job, list] : watchers_)
    std::erase_if(list, [&](caf::actor const& w) { return w.address() == down.source; });
  std::erase_if(watchers_, [](auto const& each) { return each.second.empty(); });
}

}  // namespace nsai::actors

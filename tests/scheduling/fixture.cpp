#include "tests/scheduling/fixture.hpp"

#include <algorithm>

#include "simulation/model_store.hpp"

namespace nsai::scheduling::tests {

void fixture::apply(event const& e) {
  effects_.clear();
  auto const copy_every = events_ < 512 ? 8 : 512;  // copies of much would take most of the time
  if (++events_ % copy_every == 0 && !advancing_)
    core_ = core{core_};  // a copy goes on as the original would
  core_.apply(e, now_, effects_);
  for (auto const& effect : effects_) {
    if (auto const* const g = std::get_if<attempt_granted>(&effect)) {
      grants_[g->ref.job] = {g->ref, *g->node_uuid, g->session, g->devices};
      order_.push_back(g->ref.job);
    } else if (auto const* const over = std::get_if<job_ended>(&effect)) {
      REQUIRE_MESSAGE(ended_.emplace(over->id, *over).second, "a job ended twice");
    } else if (auto const* const question = std::get_if<consult_supervisor>(&effect)) {
      consults_[question->ref.job] = *question;
    }
  }
  core_.check_invariants();
}

submission fixture::job(std::string stage) {
  submission s;
  s.stage = std::move(stage);
  return s;
}

job_restored fixture::restored_on_n(std::string tenant, attempt_no attempt) {
  job_restored e;
  e.record.id = {1};
  e.record.tenant_id = std::move(tenant);
  e.record.stage = "echo";
  e.record.status = job_status::running;
  e.record.attempt = attempt;
  e.node_uuid = "n";
  e.incarnation = 1;
  return e;
}

submission fixture::gpu_job(std::string model, std::int32_t count, std::int64_t memory_mb) {
  auto s = job();
  s.resources.gpu = std::move(model);
  s.resources.gpu_count = count;
  s.resources.gpu_memory_mb = memory_mb;
  return s;
}

submit_result fixture::submit(submission s, std::vector<ended_job> ended) {
  auto const fault = complete_and_check(s);
  REQUIRE_FALSE(fault);
  job_submitted e;
  e.request = &s;
  e.ended = std::move(ended);
  for (auto& each : e.ended)
    if (each.tenant_id.empty())
      each.tenant_id = s.tenant_id;  // whoever does not care means the same tenant's
  apply(e);
  return core_.last_answer();
}

node_info fixture::node(std::string name, std::int64_t cores, std::vector<std::string> gpu_models,
                        std::int64_t gpu_memory_mb) {
  node_info n;
  n.name = name;
  n.uuid = name;
  n.incarnation = 1;
  n.cpus.value = cores * 1000;
  n.memory_mb = 100'000;
  n.address = name + ".example:4600";
  n.ports = {20'001, 20'002};
  for (auto const& model : gpu_models) {
    auto const index = static_cast<std::uint32_t>(n.gpus.size());
    n.gpus.push_back({index, name + "-" + std::to_string(index), model, gpu_memory_mb, true});
  }
  for (auto const* const stage : {"echo", "fail", "sleep"}) {
    stage_description s;
    s.name = stage;
    n.stages.push_back(s);
  }
  stage_description brief;
  brief.name = "brief";
  brief.brief = true;
  n.stages.push_back(brief);
  return n;
}

void fixture::join(node_info n, std::vector<held_attempt> held) {
  register_node r;
  r.node = std::move(n);
  r.held = std::move(held);
  auto const session = next_session_++;
  apply(node_registered{&r, session});
  if (!core_.last_answer().error)
    sessions_[r.node.uuid] = session;
}

void fixture::beat(std::string const& uuid) {
  apply(node_beat{uuid, sessions_.at(uuid), {}});
}

held_attempt fixture::held(job_id job) const {
  auto const facts = core_.facts(job);
  auto const& g = grants_.at(job);
  return {g.ref, facts.resources.cpu, facts.resources.memory_mb, g.devices};
}

attempt_outcome fixture::outcome_of(attempt_ref ref, attempt_result result,
                                    std::int64_t duration_ms) {
  return simulation::outcome_of(ref, result, duration_ms);
}

void fixture::end(job_id job, attempt_result result, std::int64_t duration_ms) {
  auto const g = grants_.at(job);
  end_as(g.node, outcome_of(g.ref, result, duration_ms));
}

void fixture::decide(job_id job, bool retry, std::int64_t delay_ms) {
  apply(supervisor_decided{consults_.at(job).ref, retry, delay_ms});
}

void fixture::advance(std::int64_t ms) {
  effects all;
  advancing_ = true;  // effects point into the core, and these are kept for longer
  auto const keep = [&] { all.insert(all.end(), effects_.begin(), effects_.end()); };
  while (ms > 0) {
    auto const step = std::min<std::int64_t>(ms, 1000);
    now_ = now_ + step;
    ms -= step;
    for (auto const& [uuid, session] : sessions_) {
      if (silent_.contains(uuid) || !core_.session_known(uuid, session))
        continue;
      apply(node_beat{uuid, session, {}});
      keep();
    }
    tick();
    keep();
  }
  effects_ = std::move(all);
  advancing_ = false;
}

job_status fixture::status(job_id job) const {
  auto const over = ended_.find(job);
  return over != ended_.end() ? over->second.status : core_.status_of(job);
}

node_record fixture::record_of(std::string const& uuid) const {
  auto const all = core_.nodes();
  auto const at =
      std::find_if(all.begin(), all.end(), [&](auto const& n) { return n.uuid == uuid; });
  REQUIRE(at != all.end());
  return *at;
}

}  // namespace nsai::scheduling::tests

#pragma once

#include <vector>

#include "messages/batch.hpp"
#include "simulation/model_store.hpp"
#include "tests/scheduling/fixture.hpp"

namespace nsai::scheduling::tests {

/// A fixture with a store beside it.
struct restartable : fixture {
  using fixture::fixture;

  job_id submit_stored(submission s) {
    REQUIRE_FALSE(complete_and_check(s));
    apply(job_submitted{&s, {}, 0, {}});
    keep(&s, nullptr);
    REQUIRE_FALSE(core_.last_answer().error);
    return core_.last_answer().id;
  }
  /// In the order given; what was made is stored.
  std::vector<submit_result> submit_batch(std::vector<submission> jobs,
                                          std::vector<ended_job> over = {}) {
    for (auto& s : jobs)
      REQUIRE_FALSE(complete_and_check(s));
    auto const ordered = std::get<batch_order>(order_batch(jobs));
    std::vector<std::uint32_t> place(jobs.size());
    for (std::uint32_t i = 0; i < ordered.order.size(); ++i)
      place[ordered.order[i]] = i;
    std::vector<submission> in_order;
    for (auto const at : ordered.order)
      in_order.push_back(jobs[at]);
    for (auto& each : over)
      if (each.tenant_id.empty())
        each.tenant_id = "default";  // as the jobs'
    batch_submitted e;
    for (std::size_t i = 0; i < in_order.size(); ++i) {
      e.jobs.push_back({&in_order[i], over, 0, {}});
      for (auto const other : ordered.after[ordered.order[i]])
        e.jobs.back().after.push_back(place[other]);
      for (auto const other : ordered.after_any[ordered.order[i]])
        e.jobs.back().after_any.push_back(place[other]);
    }
    apply(e);
    auto const answers = core_.batch_answers();
    for (std::size_t i = 0; i < in_order.size(); ++i) {
      for (auto const other : e.jobs[i].after)
        in_order[i].constraints.depends_on.push_back(answers[other].id);
      for (auto const other : e.jobs[i].after_any)
        in_order[i].constraints.after_any.push_back(answers[other].id);
    }
    keep(in_order.data());
    std::vector<submit_result> results;
    for (auto const at : place)
      results.push_back(answers[at]);
    return results;
  }
  void keep(submission const* s = nullptr, attempt_outcome const* o = nullptr) {
    store.record(effects_, now_, s, o);
  }
  void fail_stored(job_id job) {
    auto const g = granted(job);
    auto const o = outcome_of(g.ref, attempt_result::failed);
    end_as(g.node, o);
    keep(nullptr, &o);
  }
  void end_stored(job_id job) {
    auto const g = granted(job);
    auto const o = outcome_of(g.ref, attempt_result::succeeded);
    end_as(g.node, o);
    keep(nullptr, &o);
  }
  void restart(core_settings settings = {}) {
    effects_.clear();
    consults_.clear();
    core_ = store.restore(settings, now_, effects_);
    core_.check_invariants();
    for (auto const& q : seen<consult_supervisor>())
      consults_[q.ref.job] = q;
    keep();
  }

  simulation::model_store store;
};

}  // namespace nsai::scheduling::tests

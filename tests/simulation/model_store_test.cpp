#include "simulation/model_store.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::simulation;

namespace {

std::string const place = "n1";

/// A store with job 1, queued, that may fail twice.
struct one_job {
  one_job() {
    request.stage = "echo";
    request.constraints.max_retries = 1;
    job_created created;
    created.id = {1};
    created.status = job_status::queued;
    record(created);
  }
  void record(effect e) { store.record({std::move(e)}, {1}, &request, &outcome); }
  void grant(attempt_no attempt) {
    attempt_granted g;
    g.ref = {{1}, attempt};
    g.node_uuid = g.node_name = &place;
    record(g);
  }
  void fail(attempt_no attempt) {
    outcome.result = attempt_result::failed;
    attempt_closed closed;
    closed.ref = {{1}, attempt};
    record(closed);
    record(outcome_settled{place, {{1}, attempt}, true});
    job_changed queued;
    queued.id = {1};
    queued.status = job_status::queued;
    queued.own_failures = static_cast<std::int32_t>(attempt);
    queued.attempt = attempt;
    record(queued);
  }
  promise broken_by(effect e) {
    try {
      record(std::move(e));
    } catch (broken_promise const& fault) {
      return fault.which();
    }
    FAIL("nothing was broken");
    return {};
  }

  model_store store;
  submission request;
  attempt_outcome outcome;
};

job_ended end_of(attempt_no attempt) {
  job_ended over;
  over.id = {1};
  over.attempt = attempt;
  return over;
}

}  // namespace

TEST_CASE("model store: a job that ends twice breaks P1") {
  one_job f;
  f.record(end_of(0));
  CHECK(f.broken_by(end_of(0)) == promise::p1_ends_once);
}

TEST_CASE("model store: an attempt number that was given before breaks P2") {
  one_job f;
  f.grant(1);
  f.fail(1);
  attempt_granted again;
  again.ref = {{1}, 1};
  again.node_uuid = again.node_name = &place;
  CHECK(f.broken_by(again) == promise::p2_fenced);
}

TEST_CASE("model store: an outcome that is accepted twice, or from elsewhere, breaks P2") {
  one_job f;
  f.grant(1);
  CHECK(f.broken_by(outcome_settled{"n2", {{1}, 1}, true}) == promise::p2_fenced);
  f.record(outcome_settled{place, {{1}, 1}, true});
  CHECK(f.broken_by(outcome_settled{place, {{1}, 1}, true}) == promise::p2_fenced);
}

TEST_CASE("model store: an attempt beyond the last that is allowed breaks P4") {
  one_job f;
  f.grant(1);
  f.fail(1);
  f.grant(2);
  f.fail(2);
  attempt_granted third;
  third.ref = {{1}, 3};
  third.node_uuid = third.node_name = &place;
  CHECK(f.broken_by(third) == promise::p4_retries);
}

#include "messages/registry.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/observe.hpp"

using namespace nsai;

namespace {

template <described T>
std::vector<char> bytes_of(T& value) {
  std::vector<char> bytes;
  caf::binary_serializer out{nullptr, bytes};
  REQUIRE_FALSE(out(value));
  return bytes;
}

/// CAF's binary form, JSON and CBOR all give the same value back.
template <described T>
void check_round_trip(T value) {
  CAPTURE(T::type_name);
  auto const bytes = bytes_of(value);
  T back;
  caf::binary_deserializer in{nullptr, bytes};
  REQUIRE_FALSE(in(back));
  json const document = value;
  CHECK(json(back) == document);
  CHECK(json(json::parse(document.dump()).get<T>()) == document);
  CHECK(json(json::from_cbor(json::to_cbor(document)).get<T>()) == document);
}

submission full_submission() {
  submission s;
  s.key = "k";
  s.stage = "echo";
  s.tags = {"a", "b"};
  s.options = json_text::of({{"text", "hi"}});
  s.array = array_spec{1, 9, 2, 3, {}};
  s.constraints.max_retries = 2;
  s.constraints.deadline = {1'700'000'000'123};
  s.constraints.depends_on = {{7}, {8}};
  s.resources.gpu_share = milli{250};
  s.resources.node_labels = {{"zone", "b"}};
  s.pipeline.push_back({"load",
                        "data_load",
                        json_text::of({{"limit", 3}}),
                        {},
                        {},
                        {0, 1},
                        priority::interactive,
                        {12}});
  return s;
}

attempt_outcome full_outcome() {
  attempt_outcome o;
  o.ref = {{42}, 3};
  o.result = attempt_result::failed;
  o.error = usage_error("options.text", "5", "a string");
  o.error->exit_status = 3;
  o.error->signal = "SIGSEGV";
  o.duration_ms = 17;
  return o;
}

}  // namespace

TEST_CASE("messages: everything a client sends comes back from CAF's bytes, JSON and CBOR") {
  check_round_trip(submit_jobs{{full_submission()}, true});
  check_round_trip(submit_reply{{{{1}, {2}, 3, {}}, {{}, {}, 0, usage_error("stage", "x", "y")}}});
  check_round_trip(
      jobs_ended{{{{5}, job_status::failed, 2, json_text::of({{"a", 1}}), full_outcome().error}}});
  check_round_trip(watch_jobs{"t", {{1}, {2}}});
  check_round_trip(get_jobs{"t", {{1}}});
  check_round_trip(
      list_jobs{"t", "n", {job_status::queued, job_status::running}, "e", 7, job_kind::composite});
  job_record record;
  record.id = {9};
  record.parent_id = job_id{8};
  record.array_index = -1;
  record.nodes = 4;
  record.rank = 3;
  record.cost_usd = micro{1'500'000};
  record.attempts.push_back(
      {1, "a", "w", {{0, "u", "A100", 10, 500, true}}, {5}, 7, attempt_result::lost, {}});
  check_round_trip(job_list{{record}, usage_error("job", "x", "y")});
  check_round_trip(cancel_jobs{"t", {{1}}});
  check_round_trip(retry_jobs{"t", {{1}}, "k"});
  check_round_trip(read_log{"t", {1}, 2, 3});
  check_round_trip(log_chunk{2, 0, "line\n", 5, true, {}});
  check_round_trip(watch_events{"t", "work.job.*", true, 7, "h"});
  check_round_trip(detach_reader{"t", "h", "why"});
  check_round_trip(drain_nodes{{"a", "b"}, 5, "why", maintenance_window{{1}, {2}}});
  check_round_trip(drain_nodes{{"a"}, {}, "", {}});
  check_round_trip(resume_nodes{{"a", "b"}});
  check_round_trip(events{{{1,
                            {5},
                            "work.job.started",
                            {{"count", 1}},
                            {3},
                            "t",
                            "n",
                            "e",
                            "p",
                            "s",
                            1,
                            "a",
                            "",
                            "0123456789abcdef0123456789abcdef"}},
                          2,
                          true,
                          9,
                          usage_error("handler", "x", "y")});
  check_round_trip(stats{{{"failed", 1}}, {{"batch", 2}}, 3, 4, milli{1500}, 5, 6, 7, "disk full"});
}

TEST_CASE("messages: everything between scheduler and executor comes back too") {
  start_attempt start;
  start.ref = {{1}, 2};
  start.devices = {{0, "u", "A100", 10, 500, true}};
  start.array_index = 4;
  start.gang = gang_place{1, 2, "10.0.0.1", 20'000};
  check_round_trip(start_attempts{7, {start}});
  check_round_trip(stop_attempts{7, {{{1}, 2}}});
  check_round_trip(report_outcomes{7, {full_outcome()}});
  check_round_trip(outcomes_recorded{{{{1}, 2}}});
  register_node registration;
  registration.node.uuid = "u";
  registration.node.gpus = {{0, "g", "H100", 81920, false}};
  registration.node.stages.push_back(
      {"echo",
       "says it again",
       {{"text", "string", json_text::of(""), false, "", {}, milli{0}, {}}},
       "in_process",
       true,
       false,
       {{"a", "it does not load"}}});
  registration.held = {{{{1}, 2}, milli{1000}, 5, {}}};
  registration.outcomes = {full_outcome()};
  check_round_trip(registration);
  check_round_trip(registered{7, 1000, 5000, {{{1}, 1}}});
  check_round_trip(beat{"u", 7, {{{{1}, 2}, {milli{500}, "half"}}}, {}});
  check_round_trip(beat_reply{7, true});
  check_round_trip(leave_cluster{"u", 7});
  check_round_trip(knock{protocol_version});
  check_round_trip(challenge{1, "n"});
  check_round_trip(hello{"n", "p"});
}

TEST_CASE("messages: a registered type crosses CAF's type-erased serialization") {
  caf::actor_system_config config;
  register_messages(config);
  caf::actor_system system{config};
  auto sent = caf::make_message(submit_jobs{{full_submission()}, true});
  std::vector<char> bytes;
  caf::binary_serializer out{system, bytes};
  REQUIRE_FALSE(out(sent));
  caf::message received;
  caf::binary_deserializer in{system, bytes};
  REQUIRE_FALSE(in(received));
  REQUIRE(received.match_elements<submit_jobs>());
  CHECK(received.get_as<submit_jobs>(0).jobs.front() == full_submission());
}

TEST_CASE("messages: truncated bytes are an error, never a value") {
  auto value = full_submission();
  auto bytes = bytes_of(value);
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    std::vector<char> const part(bytes.begin(),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(length));
    submission back;
    caf::binary_deserializer in{nullptr, part};
    CHECK(in(back));
  }
}

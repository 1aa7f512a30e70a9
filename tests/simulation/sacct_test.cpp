#include "simulation/sacct.hpp"

#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

std::string const header =
    "JobID|User|Account|Partition|Submit|Start|End|ElapsedRaw|State|ReqTRES|AllocTRES|Timelimit|"
    "Priority\n";

std::vector<json> lines_of(std::string const& text) {
  std::vector<json> list;
  for (std::size_t from = 0; from < text.size();) {
    auto const to = text.find('\n', from);
    list.push_back(json::parse(text.substr(from, to - from)));
    from = to + 1;
  }
  return list;
}

}  // namespace

TEST_CASE("sacct: jobs with their times, needs and limits; steps and what never ran are left out") {
  auto const got = import_sacct(
      header +
          "12|ann|nlp|gpu|2026-03-01T09:30:00|2026-03-01T09:31:00|2026-03-01T10:31:00|3600|"
          "COMPLETED|"
          "billing=8,cpu=8,gres/gpu=2,mem=64G,node=1|cpu=8,gres/gpu:a100=2,gres/"
          "gpu=2,mem=64G,node=1|"
          "02:00:00|4294\n"
          "12.batch||nlp||2026-03-01T09:30:00|2026-03-01T09:31:00|2026-03-01T10:31:00|3600|"
          "COMPLETED|"
          "|cpu=8,mem=64G,node=1||\n"
          "12.extern||nlp||2026-03-01T09:30:00|2026-03-01T09:31:00|2026-03-01T10:31:00|3600|"
          "COMPLETED||"
          "||\n"
          "13_4|bob|cv "
          "lab|cpu|2026-03-01T09:00:00|2026-03-01T09:00:10|2026-03-01T09:10:10|600|FAILED|"
          "cpu=1,mem=4000M,node=1||UNLIMITED|1\n"
          "13_[5-9]|bob|cv "
          "lab|cpu|2026-03-01T09:00:00|Unknown|Unknown|0|PENDING|cpu=1,node=1||1-00:00:00"
          "|1\n"
          "14|bob|cv lab|cpu|2026-03-01T09:00:00|None|2026-03-01T09:05:00|0|CANCELLED by 1000|"
          "cpu=1,node=1||10|1\n"
          "15|eve|cv "
          "lab|cpu|2026-03-01T09:00:05|2026-03-01T09:00:10|2026-03-01T09:10:15|605|TIMEOUT|"
          "cpu=9,mem=10G,node=4|cpu=12,node=4|10:00|1\n",
      "sacct.txt");
  CHECK(got.cluster.empty());
  CHECK(got.jobs == 6);
  CHECK(got.skipped == std::map<std::string, std::int64_t>{{"never_ran", 2}, {"steps", 2}});
  CHECK(got.changed == std::map<std::string, std::int64_t>{{"on_several_nodes", 1}});
  auto const lines = lines_of(got.workload);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == json::parse(R"({"submit_s": 0, "duration_s": 600, "tenant": "cv-lab",
    "owner": "bob", "resources": {"cpu": 1, "memory_mb": 4000}})"));
  CHECK(lines[1] == json::parse(R"({"submit_s": 5, "duration_s": 605, "tenant": "cv-lab",
    "owner": "eve", "resources": {"cpu": 3, "memory_mb": 2560}, "count": 4,
    "constraints": {"timeout_ms": 600000}})"));
  CHECK(lines[2] == json::parse(R"({"submit_s": 1800, "duration_s": 3600, "tenant": "nlp",
    "owner": "ann", "resources": {"cpu": 8, "memory_mb": 65536, "gpu_count": 2, "gpu": "a100"},
    "constraints": {"timeout_ms": 7200000}})"));
  auto const w = workload_of(got.workload);
  CHECK(w.count() == 6);
}

TEST_CASE("sacct: columns in any order, seconds as times, elapsed as text or from start and end") {
  auto const got = import_sacct("Elapsed|Submit|JobID|ReqTRES\n1-02:03:04|1000|1|cpu=1\n", "f");
  CHECK(lines_of(got.workload)[0].at("duration_s") == 24 * 3600 + 2 * 3600 + 3 * 60 + 4);
  CHECK(lines_of(got.workload)[0].at("tenant") == "default");
  auto const other =
      import_sacct("Start|End|Submit|JobID|AllocTRES\n1010|1030|1000|1|cpu=1\n", "f");
  CHECK(lines_of(other.workload)[0].at("duration_s") == 20);
}

TEST_CASE("sacct: a job name with the separator in it costs that row only") {
  auto const got = import_sacct(
      "JobID|JobName|Submit|ElapsedRaw|ReqTRES\n1|a|b|1000|5|cpu=1\n2|c|1000|5|cpu=1\n", "f");
  CHECK(got.jobs == 1);
  CHECK(got.skipped.at("unreadable") == 1);
}

TEST_CASE("sacct: what is wrong is named by file, line and column") {
  CHECK_THROWS_AS(import_sacct("", "f"), shape_error);
  CHECK_THROWS_WITH_AS(import_sacct("JobID|ElapsedRaw|ReqTRES\n", "f"),
                       doctest::Contains("f:1: there is no column Submit"), shape_error);
  CHECK_THROWS_WITH_AS(import_sacct("JobID|Submit|ReqTRES\n", "f"),
                       doctest::Contains("f:1: there is no column ElapsedRaw"), shape_error);
  CHECK_THROWS_WITH_AS(import_sacct("JobID|Submit|ElapsedRaw|ReqTRES\n1|soon|5|cpu=1\n", "f"),
                       doctest::Contains("f:2: Submit: \"soon\" is not allowed"), shape_error);
  CHECK_THROWS_WITH_AS(import_sacct("JobID|Submit|ElapsedRaw|ReqTRES\n1|1000|5|many\n", "f"),
                       doctest::Contains("f:2: ReqTRES: \"many\" is not allowed"), shape_error);
  for (auto const& model : {std::string("a1\xff\xfe"), std::string(" -"), std::string(300, 'a')})
    CHECK_THROWS_WITH_AS(
        import_sacct("JobID|Submit|ElapsedRaw|ReqTRES\n1|1000|5|cpu=1,gres/gpu:" + model + "=2\n",
                     "f"),
        doctest::Contains("f:2: ReqTRES: "), shape_error);
  CHECK_THROWS_WITH_AS(import_sacct("JobID|Submit|ElapsedRaw|ReqTRES\n", "f"),
                       doctest::Contains("f: there is no job in it that ran"), shape_error);
}

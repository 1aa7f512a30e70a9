// nsai simulate, as users and scripts call it; it needs no cluster.
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

std::string const examples = NSAI_SOURCE_DIR "/examples/simulation/";

std::string text_of(std::filesystem::path const& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string written(cluster const& c, char const* name, std::string const& text) {
  auto const file = c.directory() / name;
  std::ofstream{file} << text;
  return file.string();
}

}  // namespace

TEST_CASE("simulate run: the figures of the contract, equal for equal seeds, and a picture") {
  cluster c;
  auto const svg = (c.directory() / "t.svg").string();
  std::vector<std::string> const words{"simulate",   "run",
                                       "--cluster",  examples + "cluster.json",
                                       "--workload", examples + "workload.jsonl"};
  auto with_picture = words;
  with_picture.insert(with_picture.end(), {"--svg", svg});
  auto first = c.ask(with_picture);
  for (auto const* const key : {"makespan_s", "jobs", "wait_s", "tenants", "allocation",
                                "fairness_index", "preemptions", "events_per_s"})
    CHECK(first.contains(key));
  CHECK(first.at("wait_s").at("p90").is_number());
  CHECK(first.at("tenants").at("vision").at("wait_s").at("p50").is_number());
  CHECK(first.at("tenants").at("vision").at("share").get<double>() > 0);
  CHECK(first.at("allocation").at("gpu").get<double>() > 0.1);
  CHECK(first.at("jobs").at("succeeded").get<int>() > 100);
  CHECK(text_of(svg).starts_with("<svg"));
  auto second = c.ask(words);
  first.erase("events_per_s");
  second.erase("events_per_s");
  CHECK(first == second);
}

TEST_CASE("simulate run --add: one command compares with more nodes") {
  cluster c;
  std::vector<std::string> const words{"simulate",   "run",
                                       "--cluster",  examples + "cluster.json",
                                       "--workload", examples + "workload.jsonl",
                                       "--add",      "a100:4"};
  auto const document = c.ask(words);
  CHECK(document.at("added") == json{"a100:4"});
  CHECK(document.at("cluster").at("gpus").get<int>() ==
        document.at("without").at("cluster").at("gpus").get<int>() + 32);
  CHECK(document.at("wait_s").at("p90") < document.at("without").at("wait_s").at("p90"));
  auto const shown = c.run(words);
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.find("AS IT IS") != std::string::npos);
  CHECK(shown.out.find("WITH a100:4") != std::string::npos);
}

TEST_CASE("simulate: bad input is exit 2 and names the place") {
  cluster c;
  auto const cluster_file = written(c, "c.json", "{\"nodes\": [{\"name\": \"n\", \"cpus\": 2}]}");
  auto const workload = written(c, "w.jsonl", "{\"duration_s\": 5}\n");
  struct wrong {
    std::string cluster, workload;
    std::vector<std::string> more;
    char const* message;
  };
  for (auto const& each : std::vector<wrong>{
           {"no-such-file", workload, {}, "no-such-file"},
           {cluster_file, "no-such-file", {}, "no-such-file"},
           {written(c, "x.json", "{\"nodes\": [}"), workload, {}, "x.json:1:12"},
           {written(c, "y.json", "{\"nods\": []}"), workload, {}, "y.json: nods: "},
           {cluster_file, written(c, "x.jsonl", "\n{\"duration_s\": -1}"), {}, "x.jsonl:2: dur"},
           {cluster_file, workload, {"--policy", "best"}, "policy: \"best\" is not allowed"},
           {cluster_file, workload, {"--add", "m:4"}, "add: no nodes are called \"m\""},
           {cluster_file, workload, {"--svg", "/no/such/folder/x.svg"}, "cannot be written"},
           {cluster_file, workload, {"--seed", "x"}, "--seed"}}) {
    std::vector<std::string> words{"simulate",   "run",        "--cluster",
                                   each.cluster, "--workload", each.workload};
    words.insert(words.end(), each.more.begin(), each.more.end());
    auto const result = c.run(words);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find(each.message) != std::string::npos);
  }
  auto const as_json = c.run({"--json", "simulate", "run", "--cluster", cluster_file, "--workload",
                              workload, "--policy", "best"});
  CHECK(as_json.exit_code == 2);
  CHECK(as_json.document().at("error").at("field") == "policy");
  CHECK(c.run({"simulate"}).exit_code == 2);
  CHECK(c.run({"simulate", "runs"}).exit_code == 2);
}

TEST_CASE("simulate placement and import-openb: files in openb's format") {
  cluster c;
  auto const nodes = written(c, "n.csv",
                             "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,8,T4\n"
                             "n1,64000,262144,8,A10\n");
  std::string rows =
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
      "deletion_time,scheduled_time\n";
  for (int i = 0; i < 80; ++i)
    rows += "p" + std::to_string(i) + ",1000,1024,1," + (i % 2 == 0 ? "500" : "300") +
            ",,LS,Running," + std::to_string(i) + "," + std::to_string(i + 50) + "," +
            std::to_string(i) + "\n";
  auto const tasks = written(c, "t.csv", rows);
  auto const report = c.ask({"simulate", "placement", "--nodes", nodes, "--tasks", tasks, "--seeds",
                             "3-4", "--policy", "fgd"});
  CHECK(report.at("policy") == "fgd");
  REQUIRE(report.at("seeds").size() == 2);
  CHECK(report.at("seeds").at(1).at("seed") == 4);
  CHECK(report.at("seeds").at(0).at("failed").is_number());
  REQUIRE(report.at("mean").contains("100"));
  CHECK(report.at("mean").at("100").get<double>() > 70);
  CHECK(report.at("mean").contains("130"));
  CHECK(report.at("decisions_per_s").get<double>() > 0);
  CHECK(c.run({"simulate", "placement", "--nodes", nodes, "--tasks", tasks, "--seeds", "4-3"})
            .exit_code == 2);
  CHECK(c.run({"simulate", "placement", "--nodes", tasks, "--tasks", nodes}).exit_code == 2);

  auto const cluster_file = (c.directory() / "c.json").string();
  auto const workload = (c.directory() / "w.jsonl").string();
  auto const imported = c.ask({"simulate", "import-openb", "--nodes", nodes, "--tasks", tasks,
                               "--cluster", cluster_file, "--workload", workload});
  CHECK(imported.at("jobs") == 80);
  auto const played = c.ask({"simulate", "run", "--cluster", cluster_file, "--workload", workload});
  CHECK(played.at("jobs").at("succeeded") == 80);
}

TEST_CASE("simulate import-sacct: a workload that can be played") {
  cluster c;
  auto const file = written(
      c, "s.txt",
      "JobID|User|Account|Submit|Start|End|ElapsedRaw|State|ReqTRES|AllocTRES|Timelimit\n"
      "7|ann|nlp|2026-03-01T09:00:00|2026-03-01T09:00:01|2026-03-01T09:10:01|600|COMPLETED|"
      "cpu=4,mem=8G,node=1,gres/gpu=1||01:00:00\n"
      "7.batch||nlp|2026-03-01T09:00:00|2026-03-01T09:00:01|2026-03-01T09:10:01|600|COMPLETED|"
      "|cpu=4,mem=8G,node=1|\n");
  auto const workload = (c.directory() / "w.jsonl").string();
  auto const shown = c.run({"simulate", "import-sacct", file, "--workload", workload});
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.find("1 jobs") != std::string::npos);
  CHECK(shown.out.find("1 steps") != std::string::npos);
  auto const played =
      c.ask({"simulate", "run", "--cluster", examples + "cluster.json", "--workload", workload});
  CHECK(played.at("makespan_s") == 600);
  CHECK(c.run({"simulate", "import-sacct", examples + "cluster.json", "--workload", workload})
            .exit_code == 2);
}

// What a new user tries first, with real processes.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

TEST_CASE("a stage job: submitted, awaited, with its text in the result") {
  cluster c;
  c.start_head();
  auto const records = c.ask({"submit", "--stage", "echo", "--set", "text=hi", "--wait"});
  REQUIRE(records.is_array());
  CHECK(records.at(0).at("status") == "succeeded");
  CHECK(records.at(0).at("result").at("text") == "hi");
  CHECK(records.at(0).at("attempt") == 1);
}

TEST_CASE("a program that fails twice: exit 1, its exit status in the error, attempt 2") {
  cluster c;
  c.start_head();
  auto const result = c.run({"--json", "submit", "--max-retries", "1", "--retry-backoff", "50ms",
                             "--wait", "--", "sh", "-c", "echo oops >&2; exit 3"});
  CHECK(result.exit_code == 1);
  auto const record = result.document().at(0);
  CHECK(record.at("status") == "failed");
  CHECK(record.at("attempt") == 2);
  CHECK(record.at("error").at("exit_status") == 3);
  CHECK(record.at("error").at("message").get<std::string>().find("oops") != std::string::npos);
  REQUIRE(record.at("attempts").size() == 2);
  for (auto const& attempt : record.at("attempts"))
    CHECK(attempt.at("worker") == record.at("worker"));
}

TEST_CASE("bad input: exit 2, and the message names what was meant") {
  cluster c;
  c.start_head();
  auto const unknown_stage = c.run({"submit", "--stage", "echoo"});
  CHECK(unknown_stage.exit_code == 2);
  CHECK(unknown_stage.err.find("echo (did you mean") != std::string::npos);
  auto const unknown_option = c.run({"submit", "--stage", "echo", "--set", "txet=hi"});
  CHECK(unknown_option.exit_code == 2);
  CHECK(unknown_option.err.find("text (did you mean") != std::string::npos);
  CHECK(c.run({"submit", "--memory", "banana", "--stage", "echo"}).exit_code == 2);
  CHECK(c.run({"submit", "--stage", "echo", "--group-limit", "2"}).exit_code == 2);
  CHECK(c.run({"submit"}).exit_code == 2);
  CHECK(c.run({"submit", "--stage", "echo", "--max-retries", "-5"}).exit_code == 2);
  CHECK(c.run({"submit", "--stage", "echo", "--gpus", "-1"}).exit_code == 2);
  CHECK(c.run({"submit", "--stage", "echo", "--env", "A=B"}).exit_code == 2);
  CHECK(c.run({"submit", "--options", "{}", "--", "true"}).exit_code == 2);
  CHECK(c.run({"job", "999999"}).exit_code == 2);
  CHECK(c.run({"simulate"}).exit_code == 2);
  auto const as_json = c.run({"--json", "submit", "--stage", "echoo"});
  CHECK(as_json.exit_code == 2);
  CHECK(as_json.document().at("error").at("code") == "unknown_stage");
}

TEST_CASE("a word that is not known: exit 2, it is named alone, and what was meant") {
  cluster c;
  auto const told = [&](std::vector<std::string> words, std::string const& what) {
    auto const result = c.run(words);
    CHECK(result.exit_code == 2);
    CAPTURE(result.err);
    CHECK(result.err.find("nsai: " + what + " (see nsai --help)") == 0);
  };
  told({"submit", "--cpus", "2", "--gpu", "A100", "--", "sh", "-c", "true"},
       "\"--cpus\" was not expected after nsai submit; did you mean --cpu?");
  told({"submit", "--retries", "2", "--", "true"},
       "\"--retries\" was not expected after nsai submit; did you mean --max-retries?");
  told({"nodes", "--josn"}, "\"--josn\" was not expected after nsai nodes; did you mean --json?");
  told({"sumbit", "--", "true"}, "\"sumbit\" was not expected after nsai; did you mean submit?");
  told({"simulate", "rnu"}, "\"rnu\" was not expected after nsai simulate; did you mean run?");
  told({"job", "1", "2"}, "\"2\" was not expected after nsai job");
  told({"simulate"}, "a command is missing");
  told({}, "a command is missing");
}

TEST_CASE("garbage in a file argument: exit 2 with line and column") {
  cluster c;
  c.start_head();
  auto const file = c.directory() / "broken.json";
  std::ofstream{file} << "{\n  \"name\": \"x\",\n  ?\n}\n";
  for (auto const& words : {std::vector<std::string>{"check", file},
                            {"run", file},
                            {"submit", "--stage", "echo", "--options", "@" + file.string()}}) {
    auto const result = c.run(words);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find(":3:") != std::string::npos);
  }
  std::ofstream{file} << "{\"name\": ";
  CHECK(c.run({"check", file}).exit_code == 2);
}

TEST_CASE("a scheduler that is not there: exit 3 within seconds") {
  cluster c;
  auto const result = c.run({"jobs"}, std::chrono::seconds{3});
  CHECK(result.exit_code == 3);
}

TEST_CASE("a wrong secret is refused") {
  cluster c;
  c.start_head();
  auto const file = c.directory() / "wrong";
  std::ofstream{file} << "0000\n";
  CHECK(c.run({"--secret-file", file, "jobs"}).exit_code == 5);
}

TEST_CASE("an idempotency key gives the same job, and refuses another request") {
  cluster c;
  c.start_head();
  std::vector<std::string> const words{"--stage", "echo", "--set", "text=a", "--key", "k1"};
  auto const first = c.submit(words);
  CHECK(c.submit(words) == first);
  CHECK(c.wait_status(first, "succeeded"));
  CHECK(c.submit(words) == first);
  CHECK(c.run({"submit", "--stage", "echo", "--set", "text=b", "--key", "k1"}).exit_code == 5);
}

TEST_CASE("cancel: the whole process tree is gone, also what called setsid") {
  cluster c;
  c.start_head();
  auto const marker = c.directory() / "pid";
  auto const job = c.submit({"--grace", "1s", "--", "sh", "-c",
                             "setsid sleep 1000 & echo $! > " + marker.string() + "; sleep 1000"});
  REQUIRE(c.wait_status(job, "running"));
  REQUIRE(eventually(
      [&] { return std::filesystem::exists(marker) && std::filesystem::file_size(marker) > 0; }));
  pid_t daemon = 0;
  std::ifstream{marker} >> daemon;
  CHECK(c.run({"cancel", std::to_string(job)}).exit_code == 0);
  CHECK(c.wait_status(job, "canceled"));
  CHECK(::kill(daemon, 0) != 0);
  CHECK(c.run({"cancel", std::to_string(job)}).exit_code == 5);
}

TEST_CASE("cancel: of several jobs those that live are canceled, and the others are told") {
  cluster c;
  c.start_head();
  auto const over = c.submit({"--stage", "echo"});
  REQUIRE(c.wait_status(over, "succeeded"));
  auto const lives = c.submit({"--", "sleep", "1000"});
  auto const result = c.run({"cancel", std::to_string(over), std::to_string(lives), "999"});
  CHECK(result.exit_code == 5);
  CHECK(result.err == "nsai: 2 of 3 jobs were not canceled: job " + std::to_string(over) +
                          " has already ended as succeeded; job 999 is not known\n");
  CHECK(c.wait_status(lives, "canceled"));
}

TEST_CASE("a timeout stops the attempt and ends the job as timeout") {
  cluster c;
  c.start_head();
  auto const job = c.submit({"--timeout", "300ms", "--grace", "200ms", "--", "sleep", "100"});
  CHECK(c.wait_status(job, "timeout"));
  auto const stage_job = c.submit(
      {"--timeout", "300ms", "--max-retries", "0", "--stage", "sleep", "--set", "seconds=100"});
  CHECK(c.wait_status(stage_job, "timeout"));
}

TEST_CASE("a stage that crashes its process fails the job, not the node") {
  cluster c;
  c.start_head();
  auto const result =
      c.run({"--json", "submit", "--stage", "crash", "--max-retries", "0", "--wait"});
  CHECK(result.exit_code == 1);
  CHECK(result.document().at(0).at("error").at("signal") == "SIGSEGV");
  CHECK(c.ask({"submit", "--stage", "echo", "--wait"}).at(0).at("status") == "succeeded");
}

TEST_CASE("memory beyond what was reserved ends the attempt") {
  cluster c;
  c.start_head();
  auto const result =
      c.run({"--json", "submit", "--stage", "allocate", "--set", "memory_mb=300", "--set",
             "seconds=30", "--memory", "100M", "--max-retries", "0", "--wait"});
  CHECK(result.exit_code == 1);
  CHECK(result.document().at(0).at("error").at("code") == "memory_exceeded");
}

TEST_CASE("the log of a program can be read, also while it grows") {
  cluster c;
  c.start_head();
  auto const job = c.submit({"--", "sh", "-c", "echo one; echo two >&2"});
  REQUIRE(c.wait_status(job, "succeeded"));
  auto const log = c.run({"logs", std::to_string(job), "--follow"});
  CHECK(log.exit_code == 0);
  CHECK(log.out.find("one") != std::string::npos);
  CHECK(log.out.find("two") != std::string::npos);
}

TEST_CASE("a program gets its job's environment and writes a result") {
  cluster c;
  c.start_head();
  auto const records = c.ask({"submit", "--env", "COLOR=blue", "--wait", "--", "sh", "-c",
                              "test -z \"$CUDA_VISIBLE_DEVICES\" && printf '{\"job\": %s, "
                              "\"color\": \"%s\"}' $NSAI_JOB_ID $COLOR > $NSAI_RESULT"});
  CHECK(records.at(0).at("result").at("job") == records.at(0).at("id"));
  CHECK(records.at(0).at("result").at("color") == "blue");
}

TEST_CASE("an array runs one child an index and ends with a summary") {
  cluster c;
  c.start_head();
  auto const records = c.ask({"submit", "--stage", "echo", "--array", "0-99", "--wait"});
  CHECK(records.at(0).at("status") == "succeeded");
  CHECK(records.at(0).at("result").at("succeeded") == 100);
  auto const stats = c.ask({"stats"});
  CHECK(stats.at("jobs").at("succeeded") == 101);
}

TEST_CASE("an experiment runs its stages in order; its result is the final context") {
  cluster c;
  c.start_head();
  auto const context =
      c.ask({"run", NSAI_SOURCE_DIR "/examples/experiments/claim_verification.json"});
  CHECK(context.at("metrics").at("proposer").contains("labels"));
  CHECK(context.at("completed_stages").size() == 3);
  CHECK_FALSE(context.at("artifacts").empty());
}

TEST_CASE("SIGTERM hands running work back and exits 0; a restart takes it up") {
  cluster c;
  auto& head = c.start_head();
  auto const job = c.submit({"--stage", "sleep", "--set", "seconds=2", "--max-retries", "0"});
  REQUIRE(c.wait_status(job, "running"));
  head.signal(SIGTERM);
  CHECK(head.wait_end() == 0);
  c.start_head();
  CHECK(c.wait_status(job, "succeeded"));
  CHECK(c.job(job).at("attempt") == 2);
}

TEST_CASE("retry makes a new job like the old one") {
  cluster c;
  c.start_head();
  auto const job = c.submit({"--stage", "fail", "--max-retries", "0"});
  REQUIRE(c.wait_status(job, "failed"));
  auto const result = c.ask({"retry", std::to_string(job)});
  auto const again = result.at("jobs").at(0).get<std::uint64_t>();
  CHECK(c.wait_status(again, "failed"));
  CHECK(c.job(again).at("retry_of") == job);
}

TEST_CASE("a program reports its progress: the record and the events show it") {
  cluster c;
  c.start_head();
  auto const go_on = (c.directory() / "go-on").string();
  auto const job = c.submit({"--", "sh", "-c",
                             "echo '0.25 warming up' >> $NSAI_PROGRESS; until test -e " + go_on +
                                 "; do sleep 0.05; done"});
  CHECK(eventually([&] { return c.job(job).at("progress").at("text") == "warming up"; }));
  CHECK(c.job(job).at("progress").at("fraction") == 0.25);
  auto const told = c.ask({"events", "--name", "work.job.progress"});
  REQUIRE(told.size() == 1);
  CHECK(told.at(0).at("job_id") == job);
  CHECK(told.at(0).at("measurements").at("progress_permille") == 250);
  std::ofstream{go_on};
  CHECK(c.wait_status(job, "succeeded"));
}

TEST_CASE("a stage in a host of its own reports its progress, too") {
  cluster c;
  c.start_head();
  auto const job = c.submit({"--stage", "spin", "--set", "seconds=60"});
  CHECK(eventually([&] { return c.job(job).at("progress").at("text") == "spinning"; }));
  c.run({"cancel", std::to_string(job)});
  CHECK(c.wait_status(job, "canceled"));
}

TEST_CASE("a trace of an array: its children's attempts, in a file that Perfetto reads") {
  cluster c;
  c.start_head();
  c.ask({"submit", "--array", "1-3", "--wait", "--stage", "echo", "--set", "text=x"});
  auto const out = (c.directory() / "trace.json").string();
  CHECK(c.ask({"trace", "1", "--out", out}).at("jobs") == 4);
  std::ifstream in{out};
  auto const trace = json::parse(in);
  std::size_t attempts = 0;
  for (auto const& e : trace.at("traceEvents"))
    attempts += e.at("ph") == "X" ? 1 : 0;
  CHECK(attempts == 3);
  CHECK(c.run({"trace", "99", "--out", out}).exit_code == 2);
  CHECK(c.run({"trace", "1", "--out", "/nonexistent/x"}).exit_code == 2);
}

#ifdef NSAI_SWEEP
TEST_CASE("the example program that embeds the client: its actor hears of every end") {
  cluster c;
  c.start_head();
  auto const secret = (c.directory() / "head" / "secret").string();
  auto const sweep =
      run_program({NSAI_SWEEP, c.address(), secret, "0.1", "0.01"}, {}, std::chrono::seconds{60});
  CHECK(sweep.exit_code == 0);
  CHECK(sweep.out.find("learning rate 0.1: job 1 succeeded") != std::string::npos);
  CHECK(sweep.out.find("learning rate 0.01: job 2 succeeded") != std::string::npos);
  auto const wrong =
      run_program({NSAI_SWEEP, c.address(), "/dev/null", "0.1"}, {}, std::chrono::seconds{60});
  CHECK(wrong.exit_code == 1);
  CHECK(wrong.err.find("secret") != std::string::npos);
}
#endif

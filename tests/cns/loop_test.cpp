#include <filesystem>
#include <fstream>
#include <set>

#include <doctest/doctest.h>
#include <unistd.h>

#include "stages/artifacts.hpp"
#include "stages/proposer_text.hpp"
#include "stages/stage.hpp"
#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

namespace fs = std::filesystem;

/// The stages of the whole loop, one after the other as a node runs them: through texts.
class loop {
 public:
  explicit loop(json data_options) {
    static int runs = 0;
    folder_ = fs::temp_directory_path() /
              ("nsai-cns-loop-" + std::to_string(::getpid()) + "-" + std::to_string(++runs));
    fs::create_directories(folder_);
    env_.artifacts = env_.scratch = folder_;
    run("data_load", data_options);
  }
  ~loop() { fs::remove_all(folder_); }
  loop(loop const&) = delete;
  loop& operator=(loop const&) = delete;

  loop& run(std::string const& name, json options = json::object()) {
    auto const* s = all_.find(name);
    REQUIRE(s != nullptr);
    auto const fault = check_options(s->describe(), options);
    REQUIRE_FALSE(fault);
    auto const ended = run_stage(*s, json_text::of(options), context_, env_);
    CAPTURE(name);
    if (ended.error)
      FAIL(name << ": " << ended.error->message);
    if (!ended.context.empty())
      context_ = ended.context;
    return *this;
  }
  /// Of a stage that has to fail.
  error_info error_of(std::string const& name, json options = json::object()) {
    CHECK_FALSE(check_options(all_.find(name)->describe(), options));
    auto const ended = run_stage(*all_.find(name), json_text::of(options), context_, env_);
    REQUIRE(ended.error);
    return *ended.error;
  }
  loop& run_all() {
    for (auto const* name : {"proposer", "proposer_metrics", "antagonist", "antagonist_metrics",
                             "synthesizer", "synthesizer_metrics", "report"})
      run(name);
    return *this;
  }

  json context_now() const { return context_.value(); }
  std::size_t bytes() const { return context_.text.size(); }
  json metrics(char const* name) const { return context_now().at("metrics").at(name); }
  json output(char const* name) const { return context_now().at("outputs").at(name); }

 private:
  registry all_ = built_in_stages();
  stage_env env_;
  json_text context_;
  fs::path folder_;
};

void check_outputs(loop const& l) {
  std::set<std::string> ids;
  for (auto const& each : l.output("snos")) {
    CHECK(ids.insert(each.at("id").get<std::string>()).second);
    CHECK(each.at("confidence").get<double>() >= 0);
    CHECK(each.at("confidence").get<double>() <= 1);
  }
  for (auto const& each : l.output("relations")) {
    CHECK(ids.contains(each.at("from").get<std::string>()));
    CHECK(ids.contains(each.at("to").get<std::string>()));
  }
  std::size_t claims = 0;
  for (auto const& each : l.output("proposals")) {
    auto const parts = parse_proposal(each.at("output").get<std::string>());
    CHECK(parts.malformed == 0);
    CHECK_FALSE(parts.claims.empty());
    claims += parts.claims.size();
  }
  CHECK(claims == ids.size());
  for (auto const& each : l.output("flags"))
    for (auto const& id : each.at("claims"))
      CHECK(ids.contains(id.get<std::string>()));
}

/// A data set of its own in files: each claim cites two documents, one of them together with the
/// next claim. A sentence has `repeats` times 12 of 3,000 words, and the claim 6 of those of one.
class written_data {
 public:
  written_data(int claims, int repeats)
      : folder_(fs::temp_directory_path() / ("nsai-cns-data-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    std::ofstream claims_file{folder_ / "claims.jsonl"}, corpus_file{folder_ / "corpus.jsonl"};
    for (int d = 0; d <= claims; ++d) {
      json sentences = json::array();
      for (int s = 0; s < 5; ++s)
        sentences.push_back(words(d, s, 12, repeats));
      corpus_file << json{{"doc_id", d}, {"title", "t"}, {"abstract", sentences}}.dump() << '\n';
      if (d > 0)
        claims_file << json{{"id", d},
                            {"claim", (d % 3 == 0 ? "not " : "") + words(d, d % 5, 6, 1)},
                            {"evidence", json::object()},
                            {"cited_doc_ids", {d, d - 1}}}
                           .dump()
                    << '\n';
    }
  }
  ~written_data() { fs::remove_all(folder_); }
  written_data(written_data const&) = delete;
  written_data& operator=(written_data const&) = delete;

  json options() const {
    return {{"claims", (folder_ / "claims.jsonl").string()},
            {"corpus", (folder_ / "corpus.jsonl").string()}};
  }

 private:
  static std::string words(int document, int sentence, int count, int repeats) {
    std::string text;
    for (int r = 0; r < repeats; ++r)
      for (int w = 0; w < count; ++w)
        text += (text.empty() ? "word" : " word") +
                std::to_string((document * 7919 + sentence * 104'729 + w * 613) % 3000);
    return text;
  }

  fs::path folder_;
};

/// What must hold of every run, whatever its data.
void check_numbers(loop const& l) {
  auto const antagonist = l.metrics("antagonist"), synthesizer = l.metrics("synthesizer");
  auto const& flags = antagonist.at("flags");
  CHECK(flags.at("high").get<int>() + flags.at("medium").get<int>() + flags.at("low").get<int>() ==
        flags.at("total").get<int>());
  CHECK(flags.at("total") == l.output("flags").size());
  CHECK(antagonist.at("beta1") == synthesizer.at("beta1_before"));
  auto const graph = l.output("graph");
  CHECK(graph.at("before").at("claims") == l.output("snos").size());
  CHECK(graph.at("after").at("claims") ==
        l.output("snos").size() - graph.at("merged").size() + graph.at("made").size());
  CHECK(graph.at("before").at("beta1") == synthesizer.at("beta1_before"));
  CHECK(graph.at("after").at("beta1") == synthesizer.at("beta1_after"));
  CHECK(synthesizer.at("beta1_after").get<int>() <= synthesizer.at("beta1_before").get<int>());
  CHECK(synthesizer.at("auto_accepted").get<int>() + synthesizer.at("needs_review").get<int>() +
            synthesizer.at("failed").get<int>() ==
        synthesizer.at("counts").at("syntheses").get<int>());
  CHECK(synthesizer.at("iterations").at("max").get<int>() <= 10);
  for (auto const* name : {"grounding", "logic", "novelty", "bias"}) {
    CHECK(synthesizer.at("critics").at(name).get<double>() > 0);
    CHECK(synthesizer.at("critics").at(name).get<double>() <= 1);
  }
  std::set<std::string> parents;
  for (auto const& each : l.output("syntheses"))
    for (auto const& parent : each.at("parents"))
      CHECK(parents.insert(parent.get<std::string>()).second);  // a claim is merged once
}

}  // namespace

TEST_CASE("the whole loop on the sample: sound outputs, loops fewer, statuses add up") {
  loop l{{{"dataset", "sample"}}};
  l.run_all();
  check_outputs(l);
  check_numbers(l);
  CHECK(l.metrics("proposals").at("proposals") == 40);
}

TEST_CASE("two runs of the whole loop give the same context, byte by byte") {
  auto const once = loop{{{"dataset", "sample"}}}.run_all().context_now();
  auto const again = loop{{{"dataset", "sample"}}}.run_all().context_now();
  CHECK(once.at("metrics").dump() == again.at("metrics").dump());
  CHECK(once.at("outputs").dump() == again.at("outputs").dump());
}

TEST_CASE("1,500 claims pass the three agents in a context far below its limit") {
  written_data const data{1500, 1};
  loop l{data.options()};
  l.run("proposer", {{"claims_per_document", 1}});
  auto const proposed = l.bytes();
  l.run("antagonist").run("synthesizer");
  CHECK(l.output("proposals").size() == 1500);
  CHECK(l.output("syntheses").size() > 100);
  auto const size_of = [&](char const* name) { return l.output(name).dump().size(); };
  CHECK(size_of("graph") * 2 < size_of("relations"));
  CHECK(l.bytes() < most_result_bytes / 2);
  CAPTURE(proposed);
  CHECK(l.bytes() - proposed < proposed / 2);  // the room that the proposer leaves
}

TEST_CASE("claims that would not fit into a context fail in the proposer, which says what to do") {
  written_data const data{400, 100};  // sentences of 9 KB
  loop l{data.options()};
  auto const e = l.error_of("proposer");
  CHECK(e.code == "result_too_large");
  CHECK_FALSE(e.retryable);
  for (auto const* told : {"give data_load a limit of less than", "claims_per_document (now 2)",
                           "sentences (now 3)", "of 400 claims make"})
    CHECK(e.message.find(told) != std::string::npos);
  CHECK(e.message.find("400 of 400") == std::string::npos);  // before all are done
}

TEST_CASE("a program as the model writes the proposals and the syntheses") {
  loop l{{{"dataset", "sample"}, {"limit", 3}}};
  l.run("proposer",
        {{"model", "command"},
         {"model_command",
          {"sed", "-u",
           R"x(s/{"claim":"\([^"]*\)".*"id":"\([0-9]*\)"}$/{"id":"\2","output":"CLAIM[c1]: \1)x"
           R"x(\\nCLAIM[c2] (Document 1): It is not so.\\nRELATION: c2 refutes c1"}/)x"}}});
  CHECK(l.output("snos").size() == 6);
  CHECK(l.output("proposals").at(0).at("output") ==
        "CLAIM[c1]: Doubling a cache halves the number of misses.\n"
        "CLAIM[c2] (Document 1): It is not so.\nRELATION: c2 refutes c1\n");
  l.run("antagonist").run("antagonist_metrics");
  CHECK(l.metrics("antagonist").at("counts").at("flagged") == 3);
  l.run(
      "synthesizer",
      {{"model", "command"},
       {"model_command",
        {"sed", "-u", R"x(s/.*"id":"\([^"]*\)".*/{"id":"\1","output":"Both hold at times."}/)x"}}});
  for (auto const& each : l.output("syntheses"))
    CHECK(each.at("claim") == "Both hold at times.");
  l.run("synthesizer_metrics");
  check_numbers(l);
}

TEST_CASE("without a data set or a proposer the agents say what is missing; a stop is heard") {
  auto const all = built_in_stages();
  stage_env env;
  auto const ended = [&](char const* name, json const& ctx) {
    json options = json::object();
    CHECK_FALSE(check_options(all.find(name)->describe(), options));
    auto const outcome =
        run_stage(*all.find(name), json_text::of(options), json_text::of(ctx), env);
    if (outcome.result == attempt_result::canceled)
      return std::string{"canceled"};
    return outcome.error ? outcome.error->code : std::string{"succeeded"};
  };
  json const empty = json::object();
  for (auto const* name : {"proposer", "antagonist_metrics", "synthesizer_metrics"})
    CHECK(ended(name, empty) == "no_dataset");
  for (auto const* name : {"antagonist", "synthesizer"})
    CHECK(ended(name, empty) == "no_snos");
  auto const ready = loop{{{"dataset", "sample"}}}.run("proposer").context_now();
  std::stop_source stop;
  stop.request_stop();
  env.stop = stop.get_token();
  for (auto const* name : {"proposer", "antagonist", "synthesizer", "antagonist_metrics"})
    CHECK(ended(name, ready) == "canceled");
}

TEST_CASE("the whole loop on SciFact's dev claims: loops fall by three tenths or more") {
  fs::path const folder{NSAI_SOURCE_DIR "/../shared/data/scifact"};
  if (!fs::exists(folder)) {
    tests::skip("the SciFact data is not beside the checkout");
    return;
  }
  tests::did_run();
  loop l{{{"claims", (folder / "claims_dev.jsonl").string()},
          {"corpus", (folder / "corpus.jsonl").string()}}};
  l.run_all();
  check_outputs(l);
  check_numbers(l);
  CHECK(l.metrics("proposals").at("proposals") == 300);
  CHECK(l.metrics("synthesizer").at("beta1_reduction").get<double>() >= 0.3);
}

#include "stages/corpus.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "stages/data_lines.hpp"
#include "stages/data_load.hpp"
#include "stages/sha256.hpp"
#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

context loaded(json const& experiment, json const& options = nullptr, stage_env env = {}) {
  context ctx;
  ctx.experiment = experiment;
  auto const outcome =
      run_stage(*make_data_load(), json_text::of(options), json_text::of(write_json(ctx)), env);
  REQUIRE(outcome.result == attempt_result::succeeded);
  read_json(outcome.context.value(), ctx);
  return ctx;
}

}  // namespace

TEST_CASE("SHA-256 of the standard's examples, of a text and of a file") {
  CHECK(sha256_of_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of_text("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::filesystem::path const file = NSAI_SOURCE_DIR "/examples/data/corpus.jsonl";
  std::ifstream in{file, std::ios::binary};
  std::string const text{std::istreambuf_iterator<char>{in}, {}};
  CHECK(sha256_of_file(file, "f") == sha256_of_text(text));
  CHECK_THROWS_WITH_AS(sha256_of_file("/nowhere", "f"),
                       "f: /nowhere cannot be read; expected a file", shape_error);
  CHECK_THROWS_AS(sha256_of_file("/", "f"), shape_error);
}

TEST_CASE("the corpus of the sample is there in a later stage, title and sentences") {
  auto const ctx = loaded({{"dataset", "sample"}});
  auto const documents = load_corpus(ctx, {});
  CHECK(documents.documents().size() == 42);
  auto const* first = documents.find("1");
  REQUIRE(first != nullptr);
  CHECK(first->title == "Caches and locality");
  CHECK(first->sentences.at(2) == "Doubling the size of a cache rarely halves its miss rate.");
  CHECK(documents.find("999") == nullptr);
  CHECK(ctx.inputs.at("dataset").at("source").at("sample") == true);
}

TEST_CASE("hashes of every file that was read are in the metrics, the sample's are its files'") {
  auto const sample = loaded({{"dataset", "sample"}}).metrics.at("data").at("sha256");
  std::string const folder = NSAI_SOURCE_DIR "/examples/data/";
  for (auto const* part : {"claims", "corpus", "predictions", "outputs"})
    CHECK(sample.at(part) == sha256_of_file(folder + part + ".jsonl", part));
  auto const two = loaded(json::object(), {{"claims", folder + "claims.jsonl"}}).metrics.at("data");
  CHECK(two.at("sha256").size() == 1);
  CHECK(two.at("sha256").at("claims") == sample.at("claims"));
}

TEST_CASE("relative paths become absolute, those of the node's config are found") {
  auto const relative = loaded(
      {{"base_dir", NSAI_SOURCE_DIR "/examples/experiments"},
       {"dataset", {{"claims", "../data/claims.jsonl"}, {"corpus", "../data/corpus.jsonl"}}}});
  CHECK(relative.inputs.at("dataset").at("source").at("paths").at("corpus") == NSAI_SOURCE_DIR
        "/examples/data/corpus.jsonl");
  CHECK(load_corpus(relative, {}).documents().size() == 42);
  stage_env env;
  env.datasets["mine"].claims = NSAI_SOURCE_DIR "/examples/data/claims.jsonl";
  env.datasets["mine"].corpus = NSAI_SOURCE_DIR "/examples/data/corpus.jsonl";
  CHECK(load_corpus(loaded(json::object(), {{"dataset", "mine"}}, env), {}).documents().size() ==
        42);
}

TEST_CASE("no corpus is an empty one; no data set and a file that is gone are told by field") {
  auto ctx = loaded(json::object(), {{"claims", NSAI_SOURCE_DIR "/examples/data/claims.jsonl"}});
  CHECK(load_corpus(ctx, {}).documents().empty());
  ctx.inputs["dataset"]["source"]["paths"]["corpus"] = "/nowhere.jsonl";
  CHECK_THROWS_WITH_AS(load_corpus(ctx, {}),
                       "inputs.dataset.source.paths.corpus: /nowhere.jsonl cannot be read; "
                       "expected a file of JSON lines that every node can reach",
                       shape_error);
  CHECK_THROWS_AS(load_corpus({}, {}), shape_error);
}

TEST_CASE("broken and repeated lines of a corpus are skipped") {
  std::istringstream in{R"({"doc_id": 1, "title": "t", "abstract": ["a"]}
{"doc_id": 1, "title": "u", "abstract": ["b"]}
?
{"doc_id": 2, "abstract": [3]}
{"doc_id": [], "abstract": []}
[1]

{"doc_id": "x", "title": null, "abstract": []})"};
  auto const documents = read_corpus(in);
  REQUIRE(documents.size() == 2);
  CHECK(documents[0].title == "t");
  CHECK(documents[1].id == "x");
}

TEST_CASE("texts and index follow the corpus position by position") {
  corpus const documents{{{"7", "Title", {"One.", "Two heart."}}, {"8", "", {"Liver."}}}};
  CHECK(texts_of(documents) == std::vector<std::string>{"Title One. Two heart.", "Liver."});
  auto const hits = index_of(documents).nearest("liver", 3);
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].text == 1);
}

TEST_CASE("lines of a corpus that nest too deep or are too long are skipped") {
  std::istringstream in{R"({"doc_id": 1, "abstract": ["a"], "x": )" + std::string(100'000, '[') +
                        std::string(100'000, ']') + "}\n" + R"({"doc_id": 2, "abstract": [")" +
                        std::string(most_line_bytes, 'x') + "\"]}\n" +
                        R"({"doc_id": 3, "abstract": ["c"]})"};
  auto const documents = read_corpus(in);
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].id == "3");
}

TEST_CASE("devices, pipes and folders are no data files; nothing waits for them") {
  std::string name = std::filesystem::temp_directory_path() / "nsai-corpus.XXXXXX";
  std::filesystem::path const folder = ::mkdtemp(name.data());
  auto const pipe = (folder / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  auto ctx = loaded(json::object(), {{"claims", NSAI_SOURCE_DIR "/examples/data/claims.jsonl"}});
  stage_env env;
  for (std::string const& file : {std::string{"/dev/zero"}, pipe, folder.string()}) {
    CAPTURE(file);
    ctx.inputs["dataset"]["source"]["paths"]["corpus"] = file;
    auto const corpus_fault = "inputs.dataset.source.paths.corpus: " + file +
                              " is no regular file; expected a file of JSON lines that every node "
                              "can reach";
    CHECK_THROWS_WITH_AS(load_corpus(ctx, {}), corpus_fault.c_str(), shape_error);
    auto const outcome = run_stage(*make_data_load(), json_text::of({{"claims", file}}),
                                   json_text::of(write_json(context{})), env);
    REQUIRE(outcome.error);
    CHECK(outcome.error->message.starts_with("dataset.claims: " + file + " is no regular file"));
  }
  std::filesystem::remove_all(folder);
}

#include "stages/scifact.hpp"

#include <sstream>

#include <doctest/doctest.h>

#include "stages/data_lines.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

dataset read(std::string const& claims, std::string const& corpus, std::string const& predictions,
             std::int64_t limit = 0) {
  dataset_reader reader{"test", limit};
  std::istringstream c{claims}, d{corpus}, p{predictions};
  reader.claims(c, "claims");
  reader.corpus(d, "corpus");
  reader.predictions(p, "predictions");
  return reader.finish();
}

std::string const one_claim = R"({"id": 1, "claim": "a", "evidence": {}, "cited_doc_ids": [5]})"
                              "\n";

}  // namespace

TEST_CASE("a sound data set: ids are texts, labels are normalised") {
  auto const data = read(
      R"({"id": 3, "claim": "c", "evidence": {"7": [{"sentences": [2, 5], "label": "CONTRADICT"}]}, "cited_doc_ids": [7]})",
      R"({"doc_id": 7, "title": "", "abstract": ["x", "y"], "structured": false})",
      R"({"id": 3, "evidence": {"7": {"label": "REFUTE", "sentences": [2], "label_probs": [0.9, 0.05, 0.05]}}})");
  REQUIRE(data.claims.size() == 1);
  CHECK(data.claims[0].id == "3");
  CHECK(data.claims[0].evidence.at("7").at(0).sentences == std::vector<std::int64_t>{2, 5});
  CHECK(data.claims[0].cited_doc_ids == std::vector<std::string>{"7"});
  CHECK(data.documents == std::vector<std::string>{"7"});
  CHECK(data.predictions.at(0).evidence.at("7").label == verdict::contradict);
  CHECK(data.counts.at("missing_documents") == 0);
  CHECK(data.notes.empty());
  auto const written = write_json(data);
  CHECK(written.at("claims").at(0).at("evidence").at("7").at(0).at("label") == "CONTRADICT");
  dataset again;
  read_json(written, again);
  CHECK(write_json(again) == written);
}

TEST_CASE(
    "broken, duplicate and empty lines are counted with their place, and the first of a pair "
    "counts") {
  auto const data = read(one_claim + "\n{\"id\": 2,\n" + one_claim +
                             R"({"id": 3, "claim": 4})"
                             "\n",
                         R"({"doc_id": 5, "abstract": []})"
                         "\n[]\n"
                         R"({"doc_id": 5, "abstract": ["z"]})",
                         R"({"id": 1, "evidence": {"5": {"label": "MAYBE"}}})"
                         "\n"
                         R"({"id": 1, "evidence": {}})");
  CHECK(data.counts.at("claims") == 1);
  CHECK(data.counts.at("documents") == 1);
  CHECK(data.counts.at("predictions") == 1);
  CHECK(data.counts.at("broken_lines") == 4);
  CHECK(data.counts.at("duplicate_lines") == 2);
  REQUIRE(data.notes.size() == 6);
  CHECK(data.notes[0] == "claims:3: not JSON");
  CHECK(data.notes[2] == "claims:5: claim: the number 4 is not allowed; expected a text");
}

TEST_CASE("a claim has one output: the first one") {
  dataset_reader reader{"test", 0};
  std::istringstream claims{one_claim};
  reader.claims(claims, "claims");
  std::istringstream outputs{"{\"id\": 1, \"output\": \"a\"}\n{\"id\": 1, \"output\": \"b\"}\n"};
  reader.outputs(outputs, "outputs");
  auto const data = reader.finish();
  REQUIRE(data.outputs.size() == 1);
  CHECK(data.outputs[0].output == "a");
  CHECK(data.counts.at("duplicate_lines") == 1);
  CHECK(data.notes.back() == "outputs:2: claim 1 had an output before; the first one counts");
}

TEST_CASE("bytes that are not UTF-8 break their line only") {
  CHECK(read("{\"id\": 1, \"claim\": \"\xff\xfe\"}\n" + one_claim, "", "").counts.at("claims") ==
        1);
}

TEST_CASE("documents that the corpus lacks, empty evidence and unknown claims are counted") {
  auto const data = read(
      R"({"id": 1, "claim": "a", "evidence": {"8": [], "9": [{"sentences": [0], "label": "SUPPORT"}]}, "cited_doc_ids": [10]})"
      "\n"
      R"({"id": 2, "claim": "b", "evidence": {}, "cited_doc_ids": []})",
      R"({"doc_id": 8, "abstract": ["x"]})",
      R"({"id": 1, "evidence": {"11": {"label": "NEI", "sentences": []}}})"
      "\n"
      R"({"id": 77, "evidence": {}})");
  CHECK(data.counts.at("missing_evidence_documents") == 1);
  CHECK(data.counts.at("missing_cited_documents") == 1);
  CHECK(data.counts.at("missing_predicted_documents") == 1);
  CHECK(data.counts.at("missing_documents") == 3);
  CHECK(data.counts.at("empty_evidence") == 1);
  CHECK(data.counts.at("claims_without_evidence") == 1);
  CHECK(data.counts.at("unknown_claims") == 1);
  CHECK(data.counts.at("claims_without_prediction") == 1);
}

TEST_CASE("a limit keeps the first claims and what belongs to them, and calls nothing unknown") {
  auto const data = read(one_claim + R"({"id": 2, "claim": "b"})", "",
                         R"({"id": 2, "evidence": {}})"
                         "\n"
                         R"({"id": 1, "evidence": {}})",
                         1);
  CHECK(data.claims.size() == 1);
  CHECK(data.predictions.size() == 1);
  CHECK(data.counts.at("unknown_claims") == 0);
}

TEST_CASE("notes are bounded, counts are not") {
  std::string lines;
  for (int i = 0; i < 1000; ++i)
    lines += "?\n";
  auto const data = read(one_claim + lines, "", "");
  CHECK(data.counts.at("broken_lines") == 1000);
  CHECK(data.notes.size() == 21);
}

TEST_CASE("a line that nests a hundred thousand deep or has no end in 16 MiB is broken") {
  auto const deep = R"({"id": 2, "claim": "b", "evidence": )" + std::string(100'000, '[');
  auto const closed = R"({"id": 3, "claim": "c", "cited_doc_ids": )" + std::string(100'000, '[') +
                      std::string(100'000, ']') + "}";
  auto const longest =
      R"({"id": 4, "claim": "d", "x": ")" + std::string(most_line_bytes, 'x') + "\"}";
  auto const data = read(deep + "\n" + closed + "\n" + longest + "\n" + one_claim, "", "");
  CHECK(data.counts.at("claims") == 1);
  CHECK(data.counts.at("broken_lines") == 3);
  REQUIRE(data.notes.size() >= 3);
  CHECK(data.notes[0].starts_with("claims:1: "));
  CHECK(data.notes[0].find("more than 256 deep") != std::string::npos);
  CHECK(data.notes[2] == "claims:3: longer than 16 MiB");
}

TEST_CASE("a line is told apart from one that is too long by a single byte") {
  std::istringstream in{std::string(most_line_bytes, 'x') + "\n" +
                        std::string(most_line_bytes + 1, 'y') + "\nlast"};
  data_lines lines{in};
  REQUIRE(lines.next());
  CHECK_FALSE(lines.too_long());
  CHECK(lines.text().size() == most_line_bytes);
  REQUIRE(lines.next());
  CHECK(lines.too_long());
  CHECK(lines.text().capacity() < most_line_bytes);  // it was not held
  REQUIRE(lines.next());
  CHECK_FALSE(lines.too_long());
  CHECK(lines.text() == "last");
  CHECK_FALSE(lines.next());
}

TEST_CASE("a note that cuts a text within a character can be written") {
  for (auto const* shift : {"", "a", "aa", "aaa"}) {
    std::string claim = shift;
    for (int i = 0; i < 40; ++i)
      claim += "\xf0\x9f\xa7\xac";  // four bytes
    auto const data = read(R"({"id": 1, "claim": [")" + claim + "\"]}\n", "", "");
    REQUIRE(data.notes.size() == 1);
    CHECK_NOTHROW(write_json(data).dump());
  }
}

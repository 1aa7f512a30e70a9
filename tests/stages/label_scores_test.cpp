#include "stages/label_scores.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include <doctest/doctest.h>

#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

gold_claim claim(std::string id, std::map<std::string, std::vector<rationale>> evidence) {
  return {std::move(id), "", std::move(evidence), {}};
}

dataset read_folder(std::filesystem::path const& folder, std::string const& claims,
                    std::string const& predictions) {
  dataset_reader reader{"test", 0};
  std::ifstream c{folder / claims}, d{folder / "corpus.jsonl"}, p{folder / predictions};
  reader.claims(c, "claims");
  reader.corpus(d, "corpus");
  reader.predictions(p, "predictions");
  return reader.finish();
}

void check(tally const& t, double precision, double recall, double f1) {
  CHECK(t.precision() == doctest::Approx(precision).epsilon(1e-12));
  CHECK(t.recall() == doctest::Approx(recall).epsilon(1e-12));
  CHECK(t.f1() == doctest::Approx(f1).epsilon(1e-12));
}

}  // namespace

TEST_CASE(
    "properties: scores lie in [0, 1] whatever was predicted, the order of claims means nothing, "
    "and "
    "gold predicted is perfect") {
  std::mt19937_64 random{11};
  auto const below = [&](std::size_t n) { return static_cast<int>(random() % n); };
  auto const any_sentences = [&] {
    std::vector<std::int64_t> list;
    for (int s = 0; s < 8; ++s)
      if (below(3) == 0)
        list.push_back(s);
    std::shuffle(list.begin(), list.end(), random);
    return list;
  };
  auto const tallies = [](label_scores const& s) {
    return std::array{s.abstract_label_only, s.abstract_rationalized, s.sentence_selection,
                      s.sentence_label};
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<gold_claim> gold;
    std::vector<prediction> predicted, perfect;
    for (int id = 0; id < 6; ++id) {
      auto const name = std::to_string(id);
      gold.push_back(claim(name, {}));
      predicted.push_back({name, {}});
      perfect.push_back({name, {}});
      for (auto const* document : {"A", "B", "C"}) {
        auto const label = below(2) == 0 ? verdict::support : verdict::contradict;
        if (below(2) == 0) {
          gold.back().evidence[document] = {{{below(8)}, label}};
          perfect.back().evidence[document] = {label,
                                               gold.back().evidence[document].front().sentences};
        }
        if (below(2) == 0)
          predicted.back().evidence[document] = {
              std::array{verdict::support, verdict::contradict, verdict::nei}[random() % 3],
              any_sentences()};
      }
    }
    auto const scores = tallies(score_labels(gold, predicted));
    std::shuffle(gold.begin(), gold.end(), random);
    std::shuffle(predicted.begin(), predicted.end(), random);
    auto const again = tallies(score_labels(gold, predicted));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      for (auto const part : {scores[i].precision(), scores[i].recall(), scores[i].f1()}) {
        CHECK(part >= 0);
        CHECK(part <= 1);
      }
      check(again[i], scores[i].precision(), scores[i].recall(), scores[i].f1());
    }
    // Who needs the label right as well is never ahead of who does not.
    CHECK(scores[1].recall() <= scores[0].recall());
    CHECK(scores[3].recall() <= scores[2].recall());
    for (auto const& t : tallies(score_labels(gold, perfect)))
      if (t.recall() > 0)
        check(t, 1, 1, 1);
  }
}

TEST_CASE("nothing predicted and nothing gold give 0, not a division by zero") {
  auto const scores = score_labels({}, {});
  check(scores.abstract_label_only, 0, 0, 0);
  check(score_labels({claim("1", {{"5", {{{0}, verdict::support}}}})}, {}).sentence_label, 0, 0, 0);
}

TEST_CASE(
    "worked by hand: one right document, one with the wrong label, one that is not gold, one NEI") {
  // Gold: A supports by {1} or {2,3}; B contradicts by {0}. Predicted: A support [3,9,2], B support
  // [0], C support [4], D NEI.
  auto const scores =
      score_labels({claim("1", {{"A", {{{1}, verdict::support}, {{2, 3}, verdict::support}}},
                                {"B", {{{0}, verdict::contradict}}}})},
                   {{"1",
                     {{"A", {verdict::support, {3, 9, 2}}},
                      {"B", {verdict::support, {0}}},
                      {"C", {verdict::support, {4}}},
                      {"D", {verdict::nei, {7}}}}}});
  check(scores.abstract_label_only, 1.0 / 3, 1.0 / 2, 0.4);
  check(scores.abstract_rationalized, 1.0 / 3, 1.0 / 2, 0.4);   // {2,3} is among the first three
  check(scores.sentence_selection, 3.0 / 5, 3.0 / 4, 2.0 / 3);  // 2 and 3 of A, 0 of B
  check(scores.sentence_label, 2.0 / 5, 2.0 / 4, 4.0 / 9);
}

TEST_CASE(
    "half a rationale selects nothing; a rationale past the third sentence does not rationalize") {
  auto const gold = claim("1", {{"A", {{{1, 2}, verdict::support}}}});
  auto const half = score_labels({gold}, {{"1", {{"A", {verdict::support, {1}}}}}});
  CHECK(half.sentence_selection.correct == 0);
  CHECK(half.abstract_label_only.correct == 1);
  CHECK(half.abstract_rationalized.correct == 0);
  auto const late = score_labels({gold}, {{"1", {{"A", {verdict::support, {7, 8, 1, 2}}}}}});
  CHECK(late.abstract_rationalized.correct == 0);
  CHECK(late.sentence_selection.correct == 2);
}

TEST_CASE("predictions of unknown claims and empty evidence do not count") {
  auto const scores =
      score_labels({claim("1", {{"A", {}}})}, {{"2", {{"A", {verdict::support, {0}}}}}});
  CHECK(scores.abstract_label_only.retrieved == 0);
  CHECK(scores.abstract_label_only.relevant == 0);
}

TEST_CASE("the sample: as computed by an independent program") {
  auto const data =
      read_folder(NSAI_SOURCE_DIR "/examples/data", "claims.jsonl", "predictions.jsonl");
  auto const scores = score_labels(data.claims, data.predictions);
  check(scores.abstract_label_only, 35.0 / 37, 35.0 / 38, 0.9333333333333332);
  check(scores.abstract_rationalized, 33.0 / 37, 33.0 / 38, 0.88);
  check(scores.sentence_selection, 39.0 / 52, 39.0 / 49, 0.7722772277227722);
  check(scores.sentence_label, 38.0 / 52, 38.0 / 49, 0.7524752475247524);
}

TEST_CASE("SciFact's dev claims with a published model: as computed by an independent program") {
  std::filesystem::path const folder{NSAI_SOURCE_DIR "/../shared/data/scifact"};
  if (!std::filesystem::exists(folder)) {
    tests::skip("the SciFact data is not beside the checkout");
    return;
  }
  tests::did_run();
  auto const data = read_folder(folder, "claims_dev.jsonl", "predictions_dev.jsonl");
  CHECK(data.claims.size() == 300);
  auto const scores = score_labels(data.claims, data.predictions);
  check(scores.abstract_label_only, 0.7583892617449665, 0.5406698564593302, 0.6312849162011174);
  check(scores.abstract_rationalized, 0.26174496644295303, 0.18660287081339713,
        0.21787709497206703);
  check(scores.sentence_selection, 0.86, 0.11748633879781421, 0.20673076923076925);
  check(scores.sentence_label, 0.8, 0.1092896174863388, 0.1923076923076923);
}

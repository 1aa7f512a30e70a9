#include "stages/learning/pair_features.hpp"

#include <cmath>

#include <doctest/doctest.h>

#include "stages/learning/classification.hpp"
#include "stages/learning/cue_words.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

double score_of(pair_reading const& reading, std::string const& name) {
  for (std::size_t i = 0; i < pair_score_names.size(); ++i)
    if (name == pair_score_names[i])
      return reading.scores[i];
  FAIL("no score is called " << name);
  return 0;
}

pair_reading reading_of(corpus const& texts, std::string const& claim) {
  return pair_reader{texts}.read({"c", claim, &texts.documents().front(), verdict::nei});
}

}  // namespace

TEST_CASE("the scores of a claim and an abstract are those worked out by hand") {
  // One document: idf of its words ln(2/2) + 1 = 1. The claim's content words are aspirin, reduce
  // and fever; sentence 0 shares two of its three words (coverage 2/3, cosine 2 / (√3 · √3) = 2/3),
  // sentence 1 shares fever of fever and low (coverage 1/3, cosine 1 / (√3 · √2) = 0.408).
  corpus const texts{{{"1", "", {"Aspirin reduces pain.", "Fever was low."}}}};
  auto const reading = reading_of(texts, "Aspirin reduces fever.");
  CHECK(score_of(reading, "coverage") == doctest::Approx(1));
  CHECK(score_of(reading, "best_coverage") == doctest::Approx(2.0 / 3));
  CHECK(score_of(reading, "best_cosine") == doctest::Approx(2.0 / 3));
  CHECK(score_of(reading, "second_coverage") == doctest::Approx(1.0 / 3));
  CHECK(score_of(reading, "best_three") == doctest::Approx(1));
  CHECK(score_of(reading, "unmatched") == doctest::Approx(0));
  CHECK(score_of(reading, "bigrams") == doctest::Approx(0.5));  // aspirin reduce, not reduce fever
  CHECK(score_of(reading, "best_bigrams") == doctest::Approx(0.5));
  CHECK(score_of(reading, "has_numbers") == 0);
  CHECK(score_of(reading, "unmatched_numbers") == 0);
  CHECK(score_of(reading, "position") == 0);
  CHECK(score_of(reading, "agreement") ==
        1);  // "reduces" and "low" both go down, as the claim does
  CHECK(score_of(reading, "raw_agreement") == 1);
  CHECK(score_of(reading, "no_direction") == 0);
  CHECK(reading.best == std::vector<std::int64_t>{0, 1});
  CHECK(reading.tokens == "claimfalls negations0 claimdown evidencedown");
}

TEST_CASE("a negated claim turns the agreement round, not the raw one") {
  corpus const texts{{{"1", "", {"Aspirin reduces pain.", "Fever was low."}}}};
  auto const reading = reading_of(texts, "Aspirin does not reduce fever.");
  CHECK(score_of(reading, "agreement") == -1);
  CHECK(score_of(reading, "raw_agreement") == 1);
  CHECK(reading.tokens.find("negations1") != std::string::npos);
  CHECK(reading.tokens.find("claimnegation") != std::string::npos);
  CHECK(score_of(reading_of(texts, "Aspirin increases fever."), "agreement") == -1);
}

TEST_CASE("numbers of a claim that the abstract lacks are seen") {
  corpus const texts{{{"1", "", {"Of 40 patients 12 died."}}}};
  auto const reading = reading_of(texts, "12 of 50 patients died.");
  CHECK(score_of(reading, "has_numbers") == 1);
  CHECK(score_of(reading, "unmatched_numbers") == doctest::Approx(0.5));
}

TEST_CASE("a claim without a word, and one that shares none, have scores all the same") {
  corpus const texts{{{"1", "", {"Cells divide.", "?!"}}}};
  for (auto const* claim : {"", "the of", "Unrelated words", "!!!"}) {
    auto const reading = reading_of(texts, claim);
    CHECK(score_of(reading, "coverage") == 0);
    CHECK(score_of(reading, "no_direction") == 1);
    for (auto const x : reading.scores)
      CHECK(std::isfinite(x));
  }
}

TEST_CASE("scores of random texts are finite and in [-1, 1]; equal texts read alike") {
  std::vector<std::string> const words{"cell",  "increases", "reduced", "not",  "12",   "risk",
                                       "the",   "without",   "protein", "é",    "high", "low",
                                       "drugs", "mice",      "lack",    "worse"};
  std::uint64_t const seed = 4711;
  CAPTURE(seed);
  portable_random random{seed};
  auto const text = [&] {
    std::string all;
    for (std::uint64_t i = random.below(12); i > 0; --i)
      all += words[random.below(words.size())] + " ";
    return all;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> sentences;
    for (std::uint64_t i = 1 + random.below(5); i > 0; --i)
      sentences.push_back(text());
    corpus const texts{{{"1", "", sentences}}};
    auto const claim = text();
    auto const reading = reading_of(texts, claim);
    for (auto const x : reading.scores)
      CHECK((x >= -1.000001F && x <= 1.000001F));
    CHECK(reading_of(texts, claim).scores == reading.scores);
    CHECK(reading.best.size() == std::min<std::size_t>(2, sentences.size()));
  }
}

TEST_CASE("features are hashed tokens of length 1 beside the scores") {
  corpus const texts{{{"1", "", {"Aspirin reduces pain."}}}};
  std::vector<pair_reading> const readings{reading_of(texts, "Aspirin reduces fever."),
                                           reading_of(texts, "Aspirin is safe.")};
  auto const all = pair_features(readings, 64, cpu_compute(), {});
  CHECK(all.rows == 2);
  CHECK(all.columns == 64 + pair_score_names.size());
  for (std::size_t r = 0; r < 2; ++r) {
    double length = 0;
    for (std::size_t c = 0; c < 64; ++c)
      length += all.view().row(r)[c] * all.view().row(r)[c];
    CHECK(length == doctest::Approx(1));
    for (std::size_t c = 0; c < pair_score_names.size(); ++c)
      CHECK(all.view().row(r)[64 + c] == readings[r].scores[c]);
  }
}

TEST_CASE("cues: the longer entry counts, whole words are whole words") {
  CHECK(cue_of("effective") == cue::good);
  CHECK(cue_of("ineffective") == cue::bad);
  CHECK(cue_of("insignificant") == cue::bad);
  CHECK(cue_of("upregulated") == cue::up);
  CHECK(cue_of("inactivated") == cue::down);
  CHECK(cue_of("not") == cue::negation);
  CHECK_FALSE(cue_of("nothing"));
  CHECK_FALSE(cue_of("highway"));
  CHECK_FALSE(cue_of(""));
}

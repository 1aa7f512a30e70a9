#include "stages/learning/pair_features.hpp"

#include <cmath>
#include <set>

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

std::string cues_in(pair_reading const& reading) {
  std::string all;
  for (std::size_t i = 0; i < pair_cue_names.size(); ++i)
    all += reading.cues[i] ? std::string{pair_cue_names[i]} + " " : "";
  return all;
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
  CHECK(cues_in(reading) == "claim_falls no_negation claim_down evidence_down ");
  CHECK(reading.claim == "aspirin reduc fever");
  CHECK(reading.evidence == "aspirin reduc pain fever low");
}

TEST_CASE("a negated claim turns the agreement round, not the raw one") {
  corpus const texts{{{"1", "", {"Aspirin reduces pain.", "Fever was low."}}}};
  auto const reading = reading_of(texts, "Aspirin does not reduce fever.");
  CHECK(score_of(reading, "agreement") == -1);
  CHECK(score_of(reading, "raw_agreement") == 1);
  CHECK(cues_in(reading) == "claim_falls one_negation claim_negation claim_down evidence_down ");
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

TEST_CASE("features are the n-grams of claim and evidence, the cues and the scores, side by side") {
  corpus const texts{{{"1", "", {"Aspirin reduces pain."}}}};
  std::vector<pair_reading> const readings{reading_of(texts, "Aspirin reduces fever."),
                                           reading_of(texts, "Aspirin is safe.")};
  auto const all = pair_features(readings, 64, cpu_compute(), {});
  CHECK(all.rows == 2);
  REQUIRE(all.columns == 2 * 64 + pair_cue_names.size() + pair_score_names.size());
  CHECK(pair_columns(64) == all.columns);
  for (std::size_t r = 0; r < 2; ++r) {
    auto const* const row = all.view().row(r);
    std::vector<std::string_view> const both{readings[r].claim, readings[r].evidence};
    auto const hashed = cpu_compute().hashed_ngrams(both, {64, 2}, {});
    for (std::size_t c = 0; c < 2 * 64; ++c)
      CHECK(row[c] == ngram_scale * hashed[c]);
    for (std::size_t c = 0; c < pair_cue_names.size(); ++c)
      CHECK(row[128 + c] == (readings[r].cues[c] ? cue_scale : 0));
    for (std::size_t c = 0; c < pair_score_names.size(); ++c)
      CHECK(row[128 + pair_cue_names.size() + c] == readings[r].scores[c]);
  }
  for (std::size_t c = 64; c < 128; ++c)  // the evidence is the same
    CHECK(all.view().row(0)[c] == all.view().row(1)[c]);
}

TEST_CASE("each cue has a column of its own at the default number of buckets") {
  std::uint32_t const buckets = 256;
  std::set<std::string> names;
  std::set<std::size_t> columns;
  pair_reading const none;
  for (std::size_t i = 0; i < pair_cue_names.size(); ++i) {
    names.insert(pair_cue_names[i]);
    auto with = none;
    with.cues[i] = true;
    std::vector<pair_reading> const readings{none, with};
    auto const all = pair_features(readings, buckets, cpu_compute(), {});
    for (std::size_t c = 0; c < all.columns; ++c)
      if (all.view().row(0)[c] != all.view().row(1)[c])
        CHECK_MESSAGE(columns.insert(c).second, pair_cue_names[i]);
  }
  CHECK(names.size() == pair_cue_names.size());
  CHECK(columns.size() == pair_cue_names.size());
}

TEST_CASE("claims that differ in no more than their words have other features") {
  corpus const texts{{{"1", "", {"Aspirin reduces pain."}}}};
  std::vector<pair_reading> const readings{reading_of(texts, "Zinc helps."),
                                           reading_of(texts, "Iron hurts.")};
  CHECK(readings[0].cues == readings[1].cues);
  auto const all = pair_features(readings, 256, cpu_compute(), {});
  int others = 0;
  for (std::size_t c = 0; c < 256; ++c)
    others += all.view().row(0)[c] != all.view().row(1)[c] ? 1 : 0;
  CHECK(others >= 4);  // two words and a pair each; at least four of the six where some collide
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

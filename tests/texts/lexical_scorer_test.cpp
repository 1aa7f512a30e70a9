#include <random>

#include <doctest/doctest.h>

#include "stages/text/scorer.hpp"
#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

entailment score(std::string evidence, std::string claim, tfidf_index index = {}) {
  std::vector<text_pair> const pairs{{std::move(evidence), std::move(claim)}};
  return make_lexical_scorer(std::move(index))->entail(pairs, {}).at(0);
}

bool supports(std::string const& evidence, std::string const& claim) {
  auto const e = score(evidence, claim);
  return e.entails > 0.5 && e.contradicts == 0;
}

bool contradicts(std::string const& evidence, std::string const& claim) {
  auto const e = score(evidence, claim);
  return e.contradicts > 0.5 && e.entails == 0;
}

}  // namespace

TEST_CASE("worked by hand: three of four content words are covered") {
  // Without an index every idf is ln(1/1) + 1 = 1. Claim: aspirin, reduc, heart, attack; found:
  // aspirin, reduc, heart. 3/4.
  auto const e = score("Aspirin reduced heart disease.", "Aspirin reduces heart attacks.");
  CHECK(e.entails == 0.75);
  CHECK(e.contradicts == 0.0);
  CHECK(e.neutral == 0.25);
}

TEST_CASE("worked by hand: rare words weigh more") {
  // Texts "heart", "heart gene": idf(heart) = 1, idf(gene) = ln(3/2) + 1 = 1.405465108.
  // Claim "gene heart" with evidence "heart": 1 / 2.405465108 = 0.415720019.
  std::vector<std::string_view> const texts{"heart", "heart gene"};
  CHECK(score("heart", "gene heart", tfidf_index{texts}).entails ==
        doctest::Approx(0.415720019).epsilon(1e-8));
}

TEST_CASE("a negation in the evidence or in the claim turns support, in both it does not") {
  CHECK(supports("Statins increase insulin sensitivity.", "Statins increase insulin sensitivity."));
  CHECK(contradicts("Statins did not increase insulin sensitivity.",
                    "Statins increase insulin sensitivity."));
  CHECK(contradicts("Statins increase insulin sensitivity.",
                    "Statins don't increase insulin sensitivity."));
  CHECK(supports("Statins failed to increase insulin sensitivity.",
                 "Statins do not increase insulin sensitivity."));
  CHECK(supports("Statins not only increase insulin sensitivity.",
                 "Statins increase insulin sensitivity."));
}

TEST_CASE("a negation far from every matched word changes nothing") {
  CHECK(
      supports("Statins increase insulin sensitivity, as earlier reports that we could obtain "
               "said and no one doubted.",
               "Statins increase insulin sensitivity."));
}

TEST_CASE("an antonym turns support; with a negation it turns back; the same side means the same") {
  CHECK(contradicts("Vitamin D decreases tumor growth.", "Vitamin D increases tumor growth."));
  CHECK(supports("Vitamin D does not decrease tumor growth.", "Vitamin D increases tumor growth."));
  CHECK(supports("Vitamin D lowers tumor size.", "Vitamin D reduces tumor size."));
  CHECK(contradicts("p53 is upregulated in tumors.", "p53 is downregulated in tumors."));
  CHECK(contradicts("Samples were negative for HPV.", "Samples were positive for HPV."));
  CHECK(contradicts("RAF inhibits ERK signalling.", "RAF activates ERK signalling."));
}

TEST_CASE("the sentence with the largest coverage tells the sign, not its neighbours") {
  CHECK(supports("The drug was not tested in mice. Metformin reduced liver fat in patients.",
                 "Metformin reduces liver fat."));
}

TEST_CASE("nothing in common, no evidence or no content word is neutral") {
  for (auto const& e : {score("Cats purr.", "Aspirin thins blood."), score("", "Aspirin."),
                        score("Aspirin.", ""), score("Aspirin.", "it is not the")}) {
    CHECK(e.entails == 0.0);
    CHECK(e.contradicts == 0.0);
    CHECK(e.neutral == 1.0);
  }
}

TEST_CASE(
    "random pairs: probabilities that add up to 1, the same in every order and from a cache") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  std::vector<std::string> const words{"gene", "not",       "increases", "decreases", "cell",
                                       "no",   "activates", "inhibits",  "the",       "mice."};
  auto const text = [&] {
    std::string t;
    for (auto count = random() % 9; count > 0; --count)
      t += words[random() % words.size()] + " ";
    return t;
  };
  std::vector<text_pair> pairs;
  for (int i = 0; i < 500; ++i)
    pairs.push_back({text(), text()});
  std::vector<std::string_view> const texts{"gene cell", "mice gene"};
  auto const one = make_lexical_scorer(tfidf_index{texts});
  auto const entailed = one->entail(pairs, {});
  auto const similar = one->similar(pairs, {});
  std::vector<text_pair> const backwards(pairs.rbegin(), pairs.rend());
  auto const other = make_lexical_scorer(tfidf_index{texts});
  auto const again = other->entail(backwards, {});
  auto const similar_again = other->similar(backwards, {});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto const& e = entailed[i];
    CHECK(e.entails >= 0);
    CHECK(e.contradicts >= 0);
    CHECK(e.neutral >= 0);
    CHECK(e.entails + e.contradicts + e.neutral == doctest::Approx(1).epsilon(1e-12));
    CHECK(again[pairs.size() - 1 - i].entails == e.entails);
    CHECK(again[pairs.size() - 1 - i].contradicts == e.contradicts);
    CHECK(similar_again[pairs.size() - 1 - i] == similar[i]);
    CHECK(similar[i] >= 0);
    CHECK(similar[i] <= 1);
  }
}

TEST_CASE("a stop ends scoring") {
  std::stop_source source;
  source.request_stop();
  std::vector<text_pair> const pairs{{"a gene", "a gene"}};
  compute_hooks hooks;
  hooks.stop = source.get_token();
  CHECK_THROWS_AS(make_lexical_scorer({})->entail(pairs, hooks), compute_stopped);
}

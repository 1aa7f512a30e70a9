#include "stages/cns/critics.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

constexpr auto loaded_words = std::to_array<std::string_view>(
    {"absurd",        "alarming",      "amazing",    "appalling",    "astonishing",   "awful",
     "bogus",         "breakthrough",  "brilliant",  "catastrophic", "crazy",         "crucial",
     "dangerous",     "devastating",   "disastrous", "dramatic",     "dramatically",  "dubious",
     "evil",          "extraordinary", "fantastic",  "fraudulent",   "horrible",      "horrific",
     "hysterical",    "idiotic",       "incredible", "insane",       "junk",          "laughable",
     "ludicrous",     "magical",       "miracle",    "miraculous",   "nonsense",      "notorious",
     "outrageous",    "pathetic",      "phenomenal", "radical",      "reckless",      "remarkable",
     "revolutionary", "ridiculous",    "scandalous", "shameful",     "shocking",      "sensational",
     "spectacular",   "staggering",    "startling",  "stunning",     "stupid",        "terrible",
     "terrifying",    "toxic",         "tragic",     "unbelievable", "unprecedented", "wonderful"});

constexpr auto praising_words = std::to_array<std::string_view>(
    {"advantage",   "advantages", "beneficial", "benefit",   "benefits", "best",     "better",
     "boost",       "boosts",     "effective",  "efficient", "enhance",  "enhances", "favorable",
     "gain",        "gains",      "good",       "great",     "improve",  "improved", "improves",
     "improvement", "optimal",    "positive",   "promising", "protect",  "protects", "safe",
     "success",     "successful", "superior",   "valuable"});

constexpr auto blaming_words = std::to_array<std::string_view>(
    {"adverse",     "bad",         "damage", "damages",     "damaging", "danger",  "decline",
     "deficit",     "detrimental", "fail",   "failed",      "fails",    "failure", "fatal",
     "harm",        "harmful",     "harms",  "impair",      "impaired", "impairs", "inefficient",
     "ineffective", "inferior",    "loss",   "negative",    "poor",     "problem", "problems",
     "risk",        "risky",       "severe", "unfavorable", "unsafe",   "useless", "worse",
     "worst",       "wrong"});

constexpr auto absolutist_words = std::to_array<std::string_view>(
    {"absolutely", "all",         "always",      "certainly",      "clearly",   "completely",
     "definitely", "each",        "entirely",    "every",          "everybody", "everyone",
     "everything", "exclusively", "forever",     "fully",          "guarantee", "guarantees",
     "impossible", "inevitable",  "inevitably",  "invariably",     "must",      "never",
     "nobody",     "none",        "nothing",     "obviously",      "only",      "perfect",
     "perfectly",  "prove",       "proven",      "proves",         "surely",    "totally",
     "undeniable", "undoubtedly", "universally", "unquestionably", "utterly",   "wholly",
     "without"});

constexpr auto connectives = std::to_array<std::string_view>(
    {"although", "as",       "because", "but",   "despite",   "given",   "hence", "however",
     "if",       "provided", "since",   "so",    "therefore", "though",  "thus",  "unless",
     "until",    "when",     "whereas", "where", "while",     "whether", "yet"});

template <std::size_t N>
std::int64_t count_in_list(std::vector<std::string> const& words,
                           std::array<std::string_view, N> const& list) {
  return std::count_if(words.begin(), words.end(), [&](std::string const& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  });
}

/// How much of the text is free of such words: one in ten is as bad as more.
double free_of(std::int64_t bad, std::size_t words) {
  return words == 0
             ? 1.0
             : std::max(0.0, 1.0 - 10.0 * static_cast<double>(bad) / static_cast<double>(words));
}

std::size_t distinct_content_words(std::string const& text) {
  auto const words = content_words(text);
  return std::set<std::string>(words.begin(), words.end()).size();
}

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

grounding_parts grounding_of(critique const& c) {
  grounding_parts parts;
  auto const count = c.evidence.size();
  if (count == 0)
    return parts;
  parts.coverage = count == 1 ? 0.5 : count <= 10 ? 1.0 : 0.8;
  auto const claim = content_words(c.claim);
  std::set<std::string> sources;
  for (auto const& each : c.evidence) {
    parts.validity += each.validity;
    parts.overlap += jaccard(claim, content_words(each.content));
    sources.insert(document_of(each.source));
  }
  parts.validity /= static_cast<double>(count);
  parts.overlap /= static_cast<double>(count);
  parts.sources = ratio(sources.size(), count);
  return parts;
}

logic_parts logic_of(critique const& c) {
  logic_parts parts;
  parts.no_cycles = 1.0 / static_cast<double>(1 + c.cycles);
  parts.no_contradictions = 1.0 / static_cast<double>(1 + c.contradictions);
  parts.entailment = c.entailment;
  auto const words = words_of(c.claim);
  parts.structure = (c.evidence.empty() && c.supporting == 0 ? 0.0 : 0.5) +
                    (words.size() >= 4 ? 0.25 : 0.0) +
                    (count_in_list(words, connectives) > 0 ? 0.25 : 0.0);
  return parts;
}

novelty_parts novelty_of(critique const& c, tfidf_index const& index) {
  novelty_parts parts;
  auto const words = words_of(c.claim).size();
  auto const distinct = distinct_content_words(c.claim);
  if (words == 0)
    return parts;
  double nearest = 0;
  for (auto const other : c.others)
    nearest = std::max(nearest, index.similarity(c.claim, other));
  parts.originality = 1 - nearest;
  parts.density = std::min(1.0, 2 * ratio(distinct, words));
  parts.parsimony = std::min(1.0, 25.0 / static_cast<double>(words));
  parts.non_triviality = std::min(1.0, static_cast<double>(distinct) / 5.0);
  return parts;
}

bias_parts bias_of(critique const& c) {
  bias_parts parts;
  auto const words = words_of(c.claim);
  parts.loaded = free_of(count_in_list(words, loaded_words), words.size());
  parts.absolutist = free_of(count_in_list(words, absolutist_words), words.size());
  auto const praise = count_in_list(words, praising_words),
             blame = count_in_list(words, blaming_words);
  parts.framing =
      1.0 - static_cast<double>(std::abs(praise - blame)) / static_cast<double>(praise + blame + 1);
  std::set<std::string> documents;
  for (auto const& each : c.evidence)
    documents.insert(document_of(each.source));
  parts.sources = std::min(1.0, static_cast<double>(documents.size()) / 2.0);
  auto const most = std::max(c.supporting, c.opposing);
  parts.perspectives = most == 0
                           ? 0.0
                           : 0.5 + 0.5 * static_cast<double>(std::min(c.supporting, c.opposing)) /
                                       static_cast<double>(most);
  return parts;
}

critic_scores criticise(critique const& c, tfidf_index const& index) {
  auto const within = [](double x) { return std::clamp(x, 0.0, 1.0); };  // sums of doubles
  critic_scores scores;
  scores.grounding = within(grounding_of(c).score());
  scores.logic = within(logic_of(c).score());
  scores.novelty = within(novelty_of(c, index).score());
  scores.bias = within(bias_of(c).score());
  return scores;
}

double trust_of(critic_scores const& s) {
  return 0.4 * s.grounding + 0.3 * s.logic + 0.2 * s.novelty + 0.1 * s.bias;
}

}  // namespace nsai::stages

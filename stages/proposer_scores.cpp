#include "stages/proposer_scores.hpp"

#include <algorithm>

namespace nsai::stages {
namespace {

constexpr std::size_t evidence_sentences = 3;

/// A claim's scores, to be filled from pairs.
struct claim_entry {
  bool gated = false;
  std::vector<std::size_t> pairs;  // positions in the list of pairs
  std::size_t proposed = 0;        // also those without evidence
};

std::string joined_sentences(std::vector<std::string const*> const& sentences) {
  std::string text;
  for (auto const* each : sentences)
    text += (text.empty() ? "" : " ") + *each;
  return text;
}

std::string best_sentences(std::string const& claim, std::set<std::string> const& cited,
                           proposer_texts const& texts) {
  struct candidate_sentence {
    double cosine;
    std::size_t place;
    std::string const* text;
  };
  std::vector<candidate_sentence> all;
  auto const bag = texts.index.bag_of(claim);
  for (auto const& id : cited)
    if (auto const* document = texts.documents.find(id))
      for (auto const& sentence : document->sentences)
        all.push_back({cosine(bag, texts.index.bag_of(sentence)), all.size(), &sentence});
  std::stable_sort(all.begin(), all.end(),
                   [](auto const& a, auto const& b) { return a.cosine > b.cosine; });
  all.resize(std::min(all.size(), evidence_sentences));
  std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.place < b.place; });
  std::vector<std::string const*> chosen;
  for (auto const& each : all)
    chosen.push_back(each.text);
  return joined_sentences(chosen);
}

std::string predicted_evidence(prediction const& p, corpus const& documents) {
  std::vector<std::string const*> chosen;
  for (auto const& [id, predicted] : p.evidence) {
    auto const* document = predicted.label == verdict::nei ? nullptr : documents.find(id);
    if (document == nullptr)
      continue;
    auto positions = predicted.sentences;
    std::sort(positions.begin(), positions.end());
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    for (auto const position : positions)
      if (position >= 0 && position < std::ssize(document->sentences))
        chosen.push_back(&document->sentences[static_cast<std::size_t>(position)]);
  }
  return joined_sentences(chosen);
}

/// The share of one call in the progress of all is told, batch by batch.
template <class Score, class Call>
std::vector<Score> in_batches(std::vector<text_pair> const& pairs, proposer_texts const& texts,
                              double from, double to, Call const& call) {
  std::vector<Score> scores;
  auto hooks = texts.hooks;
  hooks.progress = nullptr;
  for (std::size_t at = 0; at < pairs.size(); at += texts.batch_size) {
    if (texts.hooks.stop.stop_requested())
      throw compute_stopped{};
    if (texts.hooks.progress)
      texts.hooks.progress(from + (to - from) * static_cast<double>(at) /
                                      static_cast<double>(pairs.size()));
    auto const count = std::min(texts.batch_size, pairs.size() - at);
    for (auto const& score : call(std::span{pairs}.subspan(at, count), hooks))
      scores.push_back(score);
  }
  return scores;
}

std::vector<double> entailment_scores(std::vector<text_pair> const& pairs,
                                      proposer_texts const& texts, double to) {
  std::vector<double> scores;
  auto const ask = [&](auto part, auto const& hooks) { return texts.scorer.entail(part, hooks); };
  for (auto const& e : in_batches<entailment>(pairs, texts, 0, to, ask))
    scores.push_back(e.entails);
  return scores;
}

/// A claim's score is the mean over what was proposed for it; pairs that were not asked count as 0.
std::optional<double> mean_over(std::vector<claim_entry> const& claims,
                                std::vector<double> const& scores) {
  double sum = 0;
  for (auto const& claim : claims) {
    if (claim.gated || claim.proposed == 0)
      continue;
    double own = 0;
    for (auto const pair : claim.pairs)
      own += scores[pair];
    sum += own / static_cast<double>(claim.proposed);
  }
  if (claims.empty())
    return std::nullopt;
  return sum / static_cast<double>(claims.size());
}

}  // namespace

bool all_gold_is_cited(gold_claim const& claim, citations const& cited) {
  auto const own = cited.find(claim.id);
  return std::none_of(claim.evidence.begin(), claim.evidence.end(), [&](auto const& evidence) {
    return !evidence.second.empty() &&
           (own == cited.end() || !own->second.contains(evidence.first));
  });
}

proposer_scores score_proposals(dataset const& data, std::vector<parsed_output> const& outputs,
                                citations const& cited, proposer_texts const& texts) {
  std::map<std::string, std::vector<proposal const*>> by_claim;
  for (auto const& each : outputs)
    by_claim[each.id].push_back(&each.parts);
  proposer_scores scores;
  std::vector<claim_entry> entailed, similar;
  std::vector<text_pair> evidence, gold;
  for (auto const& claim : data.claims) {
    bool const gated = !all_gold_is_cited(claim, cited);
    auto const own = by_claim.find(claim.id);
    if (own == by_claim.end() && !gated)
      continue;
    auto& e = entailed.emplace_back();
    auto& s = similar.emplace_back();
    e.gated = s.gated = gated;
    if (gated)
      continue;
    for (auto const* parts : own->second)
      for (auto const& proposed : parts->claims) {
        ++e.proposed;
        ++s.proposed;
        s.pairs.push_back(gold.size());
        gold.push_back({claim.claim, proposed.text});
        std::set<std::string> from(parts->documents.begin(), parts->documents.end());
        if (!proposed.document.empty())
          from = {proposed.document};
        auto sentences = best_sentences(proposed.text, from, texts);
        if (sentences.empty()) {
          ++scores.without_evidence;
          continue;
        }
        e.pairs.push_back(evidence.size());
        evidence.push_back({std::move(sentences), proposed.text});
      }
  }
  scores.claims = std::ssize(entailed);
  scores.pairs = std::ssize(evidence);
  if (texts.entailment)
    scores.entailment = mean_over(entailed, entailment_scores(evidence, texts, 0.5));
  if (!texts.similarity)
    return scores;
  auto const ask = [&](auto part, auto const& hooks) { return texts.scorer.similar(part, hooks); };
  scores.similarity = mean_over(similar, in_batches<double>(gold, texts, 0.5, 1, ask));
  return scores;
}

proposer_scores score_predictions(dataset const& data, citations const& cited,
                                  proposer_texts const& texts) {
  std::map<std::string, prediction const*> by_claim;
  for (auto const& p : data.predictions)
    by_claim.try_emplace(p.id, &p);
  proposer_scores scores;
  std::vector<claim_entry> entries;
  std::vector<text_pair> pairs;
  for (auto const& claim : data.claims) {
    bool const gated = !all_gold_is_cited(claim, cited);
    if (!gated && !cited.contains(claim.id))
      continue;
    auto& entry = entries.emplace_back();
    entry.gated = gated;
    if (gated)
      continue;
    entry.proposed = 1;
    auto const found = by_claim.find(claim.id);
    auto evidence = found == by_claim.end() ? std::string{}
                                            : predicted_evidence(*found->second, texts.documents);
    if (evidence.empty()) {
      ++scores.without_evidence;
      continue;
    }
    entry.pairs.push_back(pairs.size());
    pairs.push_back({std::move(evidence), claim.claim});
  }
  scores.claims = std::ssize(entries);
  scores.pairs = std::ssize(pairs);
  if (texts.entailment)
    scores.entailment = mean_over(entries, entailment_scores(pairs, texts, 1));
  return scores;
}

}  // namespace nsai::stages

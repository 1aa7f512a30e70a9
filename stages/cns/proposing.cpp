#include "stages/cns/proposing.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "stages/cns/pair_batch.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_sharing = 50;

/// Claims are lines of a text: one space for what is blank in it.
std::string one_line(std::string_view text) {
  std::string line;
  bool blank = false;
  for (auto const c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      blank = !line.empty();
      continue;
    }
    if (blank)
      line += ' ';
    blank = false;
    line += c;
  }
  return line;
}

double strongest(entailment const& e) {
  return std::max(e.entails, e.contradicts);
}

/// Documents whose ids the text form has no place for are not named in it.
bool is_plain_id(std::string const& id) {
  return !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// Positions 0 .. count - 1, those of the larger value first, of equal ones the lower.
template <class Value>
std::vector<std::size_t> best_first(std::size_t count, Value const& value) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = value(i);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return order;
}

/// Makes the draft of one question in two rounds of scores.
class extraction {
 public:
  extraction(question const& q, tfidf_index const& index, proposer_settings const& settings)
      : q_(q), index_(index), settings_(settings) {}

  void ask_of_sentences(pair_batch& batch) {
    first_ = batch.size();
    for (auto const* document : q_.documents)
      for (auto const& sentence : document->sentences)
        batch.add(sentence, q_.claim->claim);
  }

  void take_sentences(std::span<entailment const> scores) {
    made_.claims.push_back({"c1", "", one_line(q_.claim->claim)});
    claim_words_ = index_.bag_of(q_.claim->claim);
    auto at = first_;
    for (auto const* document : q_.documents) {
      take_document(*document, scores.subspan(at, document->sentences.size()));
      at += document->sentences.size();
    }
  }

  void ask_of_claims(pair_batch& batch) {
    first_ = batch.size();
    auto const& claims = made_.claims;
    window_ = pair_window(claims.size() - 1);
    made_.pairs_beyond_limit = pairs_beyond(claims.size() - 1);
    for (std::size_t i = 1; i < claims.size(); ++i)
      for (auto j = i + 1; j < claims.size() && j - i <= window_; ++j) {
        batch.add(claims[i].text, claims[j].text);
        batch.add(claims[j].text, claims[i].text);
      }
  }

  draft take_claims(std::span<entailment const> scores) {
    auto at = first_;
    auto const& claims = made_.claims;
    for (std::size_t i = 1; i < claims.size(); ++i)
      for (auto j = i + 1; j < claims.size() && j - i <= window_; ++j, at += 2) {
        bool const forth = strongest(scores[at]) >= strongest(scores[at + 1]);
        auto const kind = relation_of(scores[forth ? at : at + 1], settings_);
        auto const& from = forth ? claims[i] : claims[j];
        auto const& to = forth ? claims[j] : claims[i];
        if (kind)
          made_.relations.push_back(
              {from.id, *kind == relation_kind::supports ? "supports" : "contradicts", to.id});
      }
    return std::move(made_);
  }

 private:
  void take_document(abstract const& document, std::span<entailment const> scores) {
    auto const order =
        best_first(scores.size(), [&](std::size_t i) { return strongest(scores[i]); });
    auto const best = order.empty() ? std::nullopt : relation_of(scores[order[0]], settings_);
    auto& label = made_.labels[document.id];
    if (best) {
      auto const kind = *best;
      label.label = kind == relation_kind::supports ? verdict::support : verdict::contradict;
      for (auto const i : order)
        if (auto const same = relation_of(scores[i], settings_);
            same && *same == kind && label.sentences.size() < settings_.sentences)
          label.sentences.push_back(static_cast<std::int64_t>(i));
    }
    auto const whole = index_.bag_of(text_of(document));
    auto const salient = best_first(scores.size(), [&](std::size_t i) {
      auto const words = index_.bag_of(document.sentences[i]);
      return cosine(words, whole) + cosine(words, claim_words_);
    });
    std::vector<std::size_t> taken;
    if (best)
      taken.push_back(order[0]);
    for (auto const i : salient)
      if (taken.size() < settings_.claims_per_document &&
          std::find(taken.begin(), taken.end(), i) == taken.end())
        taken.push_back(i);
    taken.resize(std::min(taken.size(), settings_.claims_per_document));
    for (auto const i : taken)
      take_sentence(document, i, scores[i]);
  }

  void take_sentence(abstract const& document, std::size_t i, entailment const& scores) {
    auto text = one_line(document.sentences[i]);
    if (text.empty())
      return;
    auto const id = "c" + std::to_string(made_.claims.size() + 1);
    made_.claims.push_back({id, document.id, std::move(text)});
    if (auto const kind = relation_of(scores, settings_))
      made_.relations.push_back({id, to_string(*kind), "c1"});
  }

  question const& q_;
  tfidf_index const& index_;
  proposer_settings const& settings_;
  draft made_;
  word_bag claim_words_;
  std::size_t first_ = 0;
  std::size_t window_ = 0;
};

/// Finds the evidence of the claims of one draft.
class grounding {
 public:
  grounding(question const& q, draft from, corpus const& texts, proposer_settings const& settings)
      : q_(q), draft_(std::move(from)), texts_(texts), settings_(settings) {}

  void ask(pair_batch& batch) {
    first_ = batch.size();
    for (auto const& claim : draft_.claims) {
      auto& pool = pools_.emplace_back();
      if (claim.document.empty())
        pool = q_.documents;
      else if (auto const* document = texts_.find(claim.document))
        pool.push_back(document);
      for (auto const* document : pool)
        for (auto const& sentence : document->sentences)
          batch.add(sentence, claim.text);
    }
  }

  proposed take(std::span<entailment const> scores) {
    proposed made;
    auto at = first_;
    for (std::size_t i = 0; i < draft_.claims.size(); ++i) {
      std::size_t count = 0;
      for (auto const* document : pools_[i])
        count += document->sentences.size();
      made.snos.push_back(sno_of(i, scores.subspan(at, count), made));
      at += count;
    }
    for (auto const& r : draft_.relations)
      made.relations.push_back(
          {id_of_claim(r.from), *from_name<relation_kind>(r.kind), id_of_claim(r.to)});
    made.malformed = draft_.malformed;
    made.claims_beyond_limit = draft_.claims_beyond_limit;
    made.pairs_beyond_limit = draft_.pairs_beyond_limit;
    made.predicted.id = q_.claim->id;
    made.predicted.evidence = draft_.labels_from_relations ? labels_of(made) : draft_.labels;
    for (std::size_t i = 0; i < draft_.claims.size(); ++i)
      draft_.claims[i].document = made.snos[i].document;
    made.output = {q_.claim->id, text_of(draft_)};
    return made;
  }

 private:
  std::string id_of_claim(std::string const& local) const { return q_.claim->id + "." + local; }

  sno sno_of(std::size_t i, std::span<entailment const> scores, proposed& made) const {
    auto const& claim = draft_.claims[i];
    sno s;
    s.id = id_of_claim(claim.id);
    s.question = q_.claim->id;
    s.claim = claim.text;
    s.document = claim.document;
    double entails = 0, contradicts = 0;
    for (auto const& each : scores) {
      entails = std::max(entails, each.entails);
      contradicts = std::max(contradicts, each.contradicts);
    }
    s.confidence = std::clamp((1 + entails - contradicts) / 2, 0.0, 1.0);
    for (auto const at :
         best_first(scores.size(), [&](std::size_t k) { return scores[k].entails; }))
      if (s.evidence.size() < settings_.sentences &&
          relation_of(scores[at], settings_) == relation_kind::supports)
        s.evidence.push_back(evidence_at(pools_[i], at, scores[at]));
    if (!claim.document.empty() && pools_[i].empty()) {
      ++made.unknown_documents;
      s.evidence.push_back({claim.document, "", 0.0});
    }
    if (s.document.empty() && !s.evidence.empty())
      s.document = document_of(s.evidence.front().source);
    return s;
  }

  static sno_evidence evidence_at(std::vector<abstract const*> const& pool, std::size_t at,
                                  entailment const& scores) {
    for (auto const* document : pool) {
      if (at < document->sentences.size())
        return {document->id + ":" + std::to_string(at), document->sentences[at],
                std::clamp(1 - scores.neutral, 0.0, 1.0)};
      at -= document->sentences.size();
    }
    return {};
  }

  std::map<std::string, predicted_document> labels_of(proposed const& made) const {
    std::map<std::string, predicted_document> labels;
    for (auto const* document : q_.documents)
      labels[document->id];
    auto const stated = statements_of(made.snos, {*q_.claim});
    if (stated.empty())
      return labels;
    auto const& statement = made.snos[stated.begin()->second];
    std::map<std::string, std::int64_t> votes;  // by document; positive: supports
    std::map<std::string, std::vector<std::int64_t>> sentences[2];
    auto const vote = [&](sno const& s, bool for_it) {
      for (auto const& each : s.evidence) {
        auto const document = document_of(each.source);
        votes[document] += for_it ? 1 : -1;
        auto& list = sentences[for_it ? 1 : 0][document];
        if (each.source.size() == document.size())
          continue;
        std::int64_t sentence = 0;
        auto const* end = each.source.data() + each.source.size();
        if (std::from_chars(each.source.data() + document.size() + 1, end, sentence).ec !=
            std::errc{})
          continue;
        if (std::find(list.begin(), list.end(), sentence) == list.end())
          list.push_back(sentence);
      }
    };
    vote(statement, true);
    std::map<std::string, std::size_t> by_id;
    for (std::size_t i = 0; i < made.snos.size(); ++i)
      by_id.emplace(made.snos[i].id, i);
    for (auto const& r : made.relations) {
      bool const to_it = r.to == statement.id;
      if (to_it || (r.from == statement.id && r.kind == relation_kind::contradicts))
        vote(made.snos[by_id.at(to_it ? r.from : r.to)], r.kind == relation_kind::supports);
    }
    for (auto const& each : votes) {
      auto& label = labels[each.first];
      label.label = each.second >= 0 ? verdict::support : verdict::contradict;
      label.sentences = sentences[each.second >= 0 ? 1 : 0][each.first];
    }
    return labels;
  }

  question const& q_;
  draft draft_;
  corpus const& texts_;
  proposer_settings const& settings_;
  std::vector<std::vector<abstract const*>> pools_;
  std::size_t first_ = 0;
};

}  // namespace

std::optional<relation_kind> relation_of(entailment const& scores, proposer_settings const& s) {
  if (scores.entails >= s.support_threshold && scores.entails >= scores.contradicts)
    return relation_kind::supports;
  return scores.contradicts >= s.refute_threshold ? std::optional{relation_kind::refutes}
                                                  : std::nullopt;
}

std::vector<draft> extract_drafts(std::span<question const> questions, text_scorer& scorer,
                                  tfidf_index const& index, proposer_settings const& settings,
                                  compute_hooks const& hooks) {
  std::vector<extraction> all;
  pair_batch sentences, claims;
  for (auto const& q : questions)
    all.emplace_back(q, index, settings).ask_of_sentences(sentences);
  auto const of_sentences = sentences.score(scorer, hooks);
  for (auto& each : all) {
    each.take_sentences(of_sentences);
    each.ask_of_claims(claims);
  }
  auto const of_claims = claims.score(scorer, hooks);
  std::vector<draft> drafts;
  for (auto& each : all)
    drafts.push_back(each.take_claims(of_claims));
  return drafts;
}

draft draft_of_text(std::string_view text) {
  auto parts = parse_proposal(text);
  draft made;
  made.malformed = parts.malformed;
  made.labels_from_relations = true;
  std::set<std::string> ids, left_out;
  for (auto& each : parts.claims) {
    if (ids.contains(each.id) || left_out.contains(each.id)) {
      ++made.malformed;
    } else if (made.claims.size() == most_claims_of_a_text) {
      left_out.insert(each.id);
      ++made.claims_beyond_limit;
    } else {
      ids.insert(each.id);
      made.claims.push_back(std::move(each));
    }
  }
  for (auto& each : parts.relations) {
    if (left_out.contains(each.from) || left_out.contains(each.to))
      continue;
    if (ids.contains(each.from) && ids.contains(each.to) && each.from != each.to)
      made.relations.push_back(std::move(each));
    else
      ++made.malformed;
  }
  return made;
}

std::vector<proposed> ground_drafts(std::span<question const> questions, std::vector<draft> drafts,
                                    corpus const& texts, text_scorer& scorer,
                                    proposer_settings const& settings, compute_hooks const& hooks) {
  std::vector<grounding> all;
  pair_batch batch;
  for (std::size_t i = 0; i < questions.size(); ++i)
    all.emplace_back(questions[i], std::move(drafts[i]), texts, settings).ask(batch);
  auto const scores = batch.score(scorer, hooks);
  std::vector<proposed> made;
  for (auto& each : all)
    made.push_back(each.take(scores));
  return made;
}

std::vector<claim_relation> cross_relations(std::span<sno const> snos, text_scorer& scorer,
                                            tfidf_index const& index,
                                            proposer_settings const& settings,
                                            compute_hooks const& hooks) {
  std::map<std::string, std::vector<std::size_t>> by_document;
  for (std::size_t i = 0; i < snos.size(); ++i) {
    std::set<std::string> documents;
    if (!snos[i].document.empty())
      documents.insert(snos[i].document);
    for (auto const& each : snos[i].evidence)
      documents.insert(document_of(each.source));
    for (auto const& document : documents)
      by_document[document].push_back(i);
  }
  std::vector<std::set<std::size_t>> sharing(snos.size());
  for (auto const& each : by_document)
    for (std::size_t a = 0; a < each.second.size(); ++a) {
      auto& list = sharing[each.second[a]];
      for (auto b = a + 1; b < each.second.size() && list.size() < most_sharing; ++b)
        if (snos[each.second[b]].question != snos[each.second[a]].question)
          list.insert(each.second[b]);
    }
  pair_batch batch;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  auto const choosing = part_of(hooks, 0.0, 0.1);
  std::vector<word_bag> words;
  for (auto const& each : snos)
    words.push_back(index.bag_of(each.claim));
  for (std::size_t i = 0; i < snos.size(); ++i) {
    if (i % 64 == 0)
      tell_progress(choosing, static_cast<double>(i) / static_cast<double>(snos.size()));
    std::vector<std::size_t> const others(sharing[i].begin(), sharing[i].end());
    auto order = best_first(others.size(),
                            [&](std::size_t k) { return cosine(words[i], words[others[k]]); });
    order.resize(std::min(order.size(), settings.cross_relations));
    for (auto const k : order) {
      pairs.emplace_back(i, others[k]);
      batch.add(snos[i].claim, snos[others[k]].claim);
      batch.add(snos[others[k]].claim, snos[i].claim);
    }
  }
  auto const scores = batch.score(scorer, part_of(hooks, 0.1, 1.0));
  std::vector<claim_relation> relations;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    bool const forth = strongest(scores[2 * i]) >= strongest(scores[2 * i + 1]);
    auto const kind = relation_of(scores[2 * i + (forth ? 0 : 1)], settings);
    auto const& first = snos[pairs[i].first].id;
    auto const& second = snos[pairs[i].second].id;
    if (kind)
      relations.push_back({forth ? first : second,
                           *kind == relation_kind::supports ? *kind : relation_kind::contradicts,
                           forth ? second : first});
  }
  return relations;
}

std::string text_of(draft const& d) {
  std::string text;
  for (auto const& each : d.claims)
    text += "CLAIM[" + each.id + "]" +
            (is_plain_id(each.document) ? " (Document " + each.document + ")" : "") + ": " +
            one_line(each.text) + "\n";
  for (auto const& each : d.relations)
    text += "RELATION: " + each.from + " " + each.kind + " " + each.to + "\n";
  return text;
}

}  // namespace nsai::stages

#include "stages/learning/pair_features.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "stages/learning/cue_words.hpp"
#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

using word_set = std::set<std::string>;
using word_pairs = std::set<std::pair<std::string, std::string>>;

constexpr std::size_t near_words = 5;
constexpr std::uint32_t most_ngram_words = 2;
constexpr std::uint32_t baseline_buckets = 4096;

word_set set_of(std::vector<std::string> const& words) {
  return {words.begin(), words.end()};
}

word_pairs pairs_in(std::vector<std::string> const& words) {
  word_pairs all;
  for (std::size_t i = 1; i < words.size(); ++i)
    all.emplace(words[i - 1], words[i]);
  return all;
}

/// The share of `these` that `those` has; 0 of nothing.
template <class Set>
double shared_part(Set const& these, Set const& those) {
  auto const shared = std::count_if(these.begin(), these.end(),
                                    [&](auto const& each) { return those.contains(each); });
  return these.empty() ? 0 : static_cast<double>(shared) / static_cast<double>(these.size());
}

word_set shared(word_set const& these, word_set const& those) {
  word_set both;
  std::set_intersection(these.begin(), these.end(), those.begin(), those.end(),
                        std::inserter(both, both.end()));
  return both;
}

bool has_digit(std::string const& word) {
  return std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// What the words of a text say about a direction.
struct cue_reading {
  int up_less_down = 0;
  int negations = 0;          // "not" as well as "ineffective"
  std::array<bool, 5> has{};  // by cue

  explicit cue_reading(std::vector<std::string> const& words) {
    for (auto const& word : words)
      if (auto const what = cue_of(word)) {
        has[static_cast<std::size_t>(*what)] = true;
        up_less_down += *what == cue::up ? 1 : *what == cue::down ? -1 : 0;
        negations += *what == cue::negation || *what == cue::bad ? 1 : 0;
      }
  }
};

/// Agreement of the words of up and down that stand near the claim's words.
struct agreement {
  double with = 0;
  double against = 0;

  void look(std::vector<std::string> const& words, word_set const& claim, int claim_direction,
            double weight) {
    if (claim_direction == 0)
      return;
    for (std::size_t i = 0; i < words.size(); ++i) {
      auto const what = cue_of(words[i]);
      if (what != cue::up && what != cue::down)
        continue;
      double near = 0;
      auto const own = content_words(words[i]);
      for (std::size_t k = i > near_words ? i - near_words : 0;
           k < std::min(words.size(), i + near_words + 1); ++k)
        for (auto const& stem : content_words(words[k]))
          near += k != i && claim.contains(stem) && (own.empty() || own.front() != stem) ? 1 : 0;
      bool const same = (what == cue::up) == (claim_direction > 0);
      (same ? with : against) += near * weight;
    }
  }
  bool any() const { return with + against > 0; }
  double balance() const { return any() ? (with - against) / (with + against) : 0; }
};

/// In the order of pair_cue_names.
std::array<bool, pair_cue_names.size()> cues_of(cue_reading const& claim,
                                                cue_reading const& evidence) {
  std::array<bool, pair_cue_names.size()> cues{
      claim.up_less_down > 0, claim.up_less_down<0, claim.up_less_down == 0, claim.negations == 0,
                                                 claim.negations == 1, claim.negations> 1};
  auto to = std::copy(claim.has.begin(), claim.has.end(), cues.begin() + 6);
  std::copy(evidence.has.begin(), evidence.has.end(), to);
  return cues;
}

std::string joined_words(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

pair_reader::pair_reader(corpus const& texts) : index_(index_of(texts)) {}

double pair_reader::idf(std::string const& word) const {
  return index_.idf(word_key(word));
}

double pair_reader::weight(std::set<std::string> const& words) const {
  double sum = 0;
  for (auto const& word : words)
    sum += idf(word);
  return sum;
}

/// All of an abstract that a claim is compared with.
struct pair_reader::comparison {
  struct matched_sentence {
    std::size_t position = 0;
    double coverage = 0;
    double cosine = 0;
    std::vector<std::string> content;

    double match() const { return coverage + cosine; }
  };

  std::vector<std::string> claim_words;
  std::vector<std::string> claim_content;
  word_set claim;
  word_set content;                    // of the whole abstract
  word_set words;                      // likewise, with stop words
  word_pairs bigrams;                  // of content words that follow each other in a sentence
  std::vector<matched_sentence> best;  // up to three
};

pair_reader::comparison pair_reader::compare(claim_pair const& pair) const {
  comparison c;
  c.claim_words = words_of(pair.claim);
  c.claim_content = content_words(pair.claim);
  c.claim = set_of(c.claim_content);
  auto const whole = weight(c.claim);
  double length = 0;
  for (auto const& word : c.claim)
    length += idf(word) * idf(word);
  auto const& sentences = pair.evidence->sentences;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    comparison::matched_sentence m;
    m.position = i;
    m.content = content_words(sentences[i]);
    auto const set = set_of(m.content);
    double own = 0, both = 0;
    for (auto const& word : set) {
      own += idf(word) * idf(word);
      both += c.claim.contains(word) ? idf(word) * idf(word) : 0;
    }
    m.coverage = whole > 0 ? weight(shared(c.claim, set)) / whole : 0;
    m.cosine = own > 0 && length > 0 ? both / std::sqrt(own * length) : 0;
    c.content.insert(set.begin(), set.end());
    c.words.merge(set_of(words_of(sentences[i])));
    c.bigrams.merge(pairs_in(m.content));
    c.best.push_back(std::move(m));
  }
  std::stable_sort(c.best.begin(), c.best.end(),
                   [](auto const& a, auto const& b) { return a.match() > b.match(); });
  c.best.resize(std::min<std::size_t>(c.best.size(), 3));
  return c;
}

pair_reading pair_reader::read(claim_pair const& pair) const {
  auto const c = compare(pair);
  auto const& sentences = pair.evidence->sentences;
  pair_reading reading;
  cue_reading const claimed{c.claim_words};
  agreement agrees;
  word_set best_content;
  std::vector<std::string> evidence_words, evidence_content;
  for (auto const& m : c.best) {
    auto const words = words_of(sentences[m.position]);
    best_content.insert(m.content.begin(), m.content.end());
    agrees.look(words, c.claim, claimed.up_less_down, m.match());
    if (reading.best.size() < 2) {
      evidence_words.insert(evidence_words.end(), words.begin(), words.end());
      evidence_content.insert(evidence_content.end(), m.content.begin(), m.content.end());
      reading.best.push_back(static_cast<std::int64_t>(m.position));
    }
  }
  word_set numbers;
  std::copy_if(c.claim_words.begin(), c.claim_words.end(), std::inserter(numbers, numbers.end()),
               has_digit);
  auto const whole = weight(c.claim);
  auto const coverage = [&](word_set const& words) {
    return whole > 0 ? weight(shared(c.claim, words)) / whole : 0;
  };
  auto const bigrams = pairs_in(c.claim_content);
  auto const& first = c.best.front();
  auto const raw = agrees.balance();
  std::array<double, pair_score_names.size()> const scores{
      coverage(c.content),
      first.coverage,
      first.cosine,
      c.best.size() > 1 ? c.best[1].coverage : 0,
      coverage(best_content),
      c.claim.empty() ? 0 : 1 - shared_part(c.claim, c.content),
      shared_part(bigrams, c.bigrams),
      shared_part(bigrams, pairs_in(first.content)),
      numbers.empty() ? 0.0 : 1.0,
      numbers.empty() ? 0 : 1 - shared_part(numbers, c.words),
      sentences.size() > 1
          ? static_cast<double>(first.position) / static_cast<double>(sentences.size() - 1)
          : 0,
      claimed.negations % 2 == 0 ? raw : -raw,
      raw,
      agrees.any() ? 0.0 : 1.0};
  std::transform(scores.begin(), scores.end(), reading.scores.begin(),
                 [](double x) { return static_cast<float>(x); });
  reading.cues = cues_of(claimed, cue_reading{evidence_words});
  reading.claim = joined_words(c.claim_content);
  reading.evidence = joined_words(evidence_content);
  return reading;
}

std::size_t pair_columns(std::uint32_t buckets) {
  return 2 * std::size_t{buckets} + pair_cue_names.size() + pair_score_names.size();
}

matrix pair_features(std::span<pair_reading const> readings, std::uint32_t buckets, compute& device,
                     compute_hooks const& hooks) {
  std::vector<std::string_view> texts;  // of each reading the claim, then the evidence
  for (auto const& reading : readings) {
    texts.emplace_back(reading.claim);
    texts.emplace_back(reading.evidence);
  }
  auto const hashed = device.hashed_ngrams(texts, {buckets, most_ngram_words}, hooks);
  matrix all;
  all.rows = readings.size();
  all.columns = pair_columns(buckets);
  all.values.reserve(all.rows * all.columns);
  auto from = hashed.begin();
  for (auto const& reading : readings) {
    auto const to = from + 2 * static_cast<std::ptrdiff_t>(buckets);
    std::transform(from, to, std::back_inserter(all.values),
                   [](float x) { return ngram_scale * x; });
    from = to;
    std::transform(reading.cues.begin(), reading.cues.end(), std::back_inserter(all.values),
                   [](bool has) { return has ? cue_scale : 0; });
    all.values.insert(all.values.end(), reading.scores.begin(), reading.scores.end());
  }
  return all;
}

matrix bag_of_words(std::span<claim_pair const> pairs, compute& device,
                    compute_hooks const& hooks) {
  std::vector<std::string> texts;
  for (auto const& pair : pairs) {
    texts.push_back(pair.claim);
    for (auto const& sentence : pair.evidence->sentences)
      texts.back() += " " + sentence;
  }
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  return {device.hashed_ngrams(views, {baseline_buckets, 1}, hooks), pairs.size(),
          baseline_buckets};
}

}  // namespace nsai::stages

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "stages/text/antonyms.hpp"
#include "stages/text/scorer.hpp"
#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

/// Texts come again and again (a claim with every sentence, a sentence with every claim); this many
/// are kept taken apart.
constexpr std::size_t most_kept_texts = 50'000;

/// A negation counts for matched words up to so many words after it ("did not significantly
/// increase") and before it ("an increase was not seen").
constexpr std::size_t negation_reach_after = 5;
constexpr std::size_t negation_reach_before = 3;

enum class word_kind : std::uint8_t { other, content, negation };

struct token {
  std::uint64_t key = 0;
  word_kind kind = word_kind::other;
};

struct token_run {
  std::vector<token> tokens;
  std::vector<std::uint64_t> keys;      // of content words, sorted, each once
  std::vector<std::uint64_t> directed;  // those of them that stand on an axis
};

struct taken_apart {
  token_run whole;
  std::vector<token_run> sentences;
  word_bag bag;
};

void sort_once(std::vector<std::uint64_t>& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

token_run run_of(std::string_view text) {
  token_run run;
  auto words = words_of(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto& each = words[i];
    token t;
    if (is_negation(each)) {
      bool const not_only = i + 1 < words.size() && words[i + 1] == "only";
      t.kind = not_only ? word_kind::other : word_kind::negation;
    } else if (!is_stop_word(each)) {
      t.kind = word_kind::content;
      t.key = word_key(stem_of(std::move(each)));
      run.keys.push_back(t.key);
      if (direction_of(t.key))
        run.directed.push_back(t.key);
    }
    run.tokens.push_back(t);
  }
  return run;
}

/// How the words of a claim are found in a sentence.
struct matching {
  double weight = 0;                   // idf of the claim's words that were found
  std::uint64_t swapped = 0;           // bit of each axis of which the other side was found
  std::vector<std::uint64_t> claim;    // found: keys of the claim's words, sorted
  std::vector<std::uint64_t> partner;  // and of the words that they were found as, sorted
};

bool has_key(std::vector<std::uint64_t> const& keys, std::uint64_t key) {
  return std::binary_search(keys.begin(), keys.end(), key);
}

/// Adds the words of the sentence that stand on this side of an axis, without those that the claim
/// has itself: the growth that a claim speaks of does not stand for its "increases". False: none.
bool add_side(token_run const& sentence, token_run const& claim, direction side,
              std::vector<std::uint64_t>& to) {
  bool any = false;
  for (auto const key : sentence.directed) {
    auto const d = direction_of(key);
    if (d->axis != side.axis || d->positive != side.positive || has_key(claim.keys, key))
      continue;
    to.push_back(key);
    any = true;
  }
  return any;
}

matching match(token_run const& claim, token_run const& sentence, tfidf_index const& index) {
  matching m;
  for (auto const key : claim.keys) {
    bool found = has_key(sentence.keys, key);
    if (found) {
      m.partner.push_back(key);
    } else if (auto const d = direction_of(key)) {
      found = add_side(sentence, claim, *d, m.partner);
      if (!found && add_side(sentence, claim, {d->axis, !d->positive}, m.partner)) {
        found = true;
        m.swapped |= std::uint64_t{1} << d->axis;
      }
    }
    if (found) {
      m.weight += index.idf(key);
      m.claim.push_back(key);
    }
  }
  std::sort(m.partner.begin(), m.partner.end());
  return m;
}

/// Negations with a matched word in reach.
int attached_negations(token_run const& run, std::vector<std::uint64_t> const& matched) {
  int count = 0;
  auto const size = run.tokens.size();
  for (std::size_t i = 0; i < size; ++i) {
    if (run.tokens[i].kind != word_kind::negation)
      continue;
    auto const from = i - std::min(i, negation_reach_before);
    auto const to = std::min(size, i + 1 + negation_reach_after);
    bool attached = false;
    for (auto k = from; k < to; ++k)
      attached = attached ||
                 (run.tokens[k].kind == word_kind::content && has_key(matched, run.tokens[k].key));
    count += attached ? 1 : 0;
  }
  return count;
}

class lexical_scorer final : public text_scorer {
 public:
  explicit lexical_scorer(tfidf_index index) : index_(std::move(index)) {}

  std::string name() const override { return "lexical"; }

  std::vector<entailment> entail(std::span<text_pair const> pairs,
                                 compute_hooks const& hooks) override {
    std::vector<entailment> scores;
    scores.reserve(pairs.size());
    for (auto const& pair : pairs) {
      tell_now_and_then(hooks, scores.size(), pairs.size());
      make_room();
      scores.push_back(entails(take_apart(pair.claim).whole, take_apart(pair.evidence)));
    }
    return scores;
  }

  std::vector<double> similar(std::span<text_pair const> pairs,
                              compute_hooks const& hooks) override {
    std::vector<double> scores;
    scores.reserve(pairs.size());
    for (auto const& pair : pairs) {
      tell_now_and_then(hooks, scores.size(), pairs.size());
      make_room();
      scores.push_back(cosine(take_apart(pair.evidence).bag, take_apart(pair.claim).bag));
    }
    return scores;
  }

 private:
  static void tell_now_and_then(compute_hooks const& hooks, std::size_t done, std::size_t all) {
    if (done % 1024 == 0)
      tell_progress(hooks, static_cast<double>(done) / static_cast<double>(all));
  }

  /// Before a pair, since the two texts of one must stay.
  void make_room() {
    if (kept_.size() >= most_kept_texts)
      kept_.clear();
  }

  taken_apart const& take_apart(std::string const& text) {
    auto const found = kept_.find(text);
    if (found != kept_.end())
      return found->second;
    taken_apart parts;
    parts.whole = run_of(text);
    parts.bag = index_.bag_of(parts.whole.keys);
    sort_once(parts.whole.keys);
    for (auto const& sentence : sentences_of(text)) {
      parts.sentences.push_back(run_of(sentence));
      sort_once(parts.sentences.back().keys);
    }
    return kept_.emplace(text, std::move(parts)).first->second;
  }

  entailment entails(token_run const& claim, taken_apart const& evidence) const {
    double whole = 0;
    for (auto const key : claim.keys)
      whole += index_.idf(key);
    matching best;
    token_run const* in = nullptr;
    for (auto const& sentence : evidence.sentences) {
      auto m = match(claim, sentence, index_);
      if (m.weight > best.weight) {
        best = std::move(m);
        in = &sentence;
      }
    }
    if (in == nullptr)
      return {};
    // A word that is matched anywhere in the evidence is matched in the whole of it.
    auto const coverage = std::min(1.0, match(claim, evidence.whole, index_).weight / whole);
    auto const turns = attached_negations(claim, best.claim) +
                       attached_negations(*in, best.partner) + std::popcount(best.swapped);
    return turns % 2 == 0 ? entailment{coverage, 0, 1 - coverage}
                          : entailment{0, coverage, 1 - coverage};
  }

  tfidf_index index_;
  std::unordered_map<std::string, taken_apart> kept_;
};

}  // namespace

std::unique_ptr<text_scorer> make_lexical_scorer(tfidf_index index) {
  return std::make_unique<lexical_scorer>(std::move(index));
}

}  // namespace nsai::stages

#include "stages/label_scores.hpp"

#include <algorithm>

namespace nsai::stages {
namespace {

using positions = std::set<std::int64_t>;

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool contains_all(positions const& set, std::vector<std::int64_t> const& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](std::int64_t s) { return set.contains(s); });
}

class scorer {
 public:
  explicit scorer(label_scores& scores) : scores_(scores) {}

  void add_gold(gold_claim const& claim) {
    for (auto const& [document, rationales] : claim.evidence) {
      if (rationales.empty())
        continue;
      ++scores_.abstract_label_only.relevant;
      ++scores_.abstract_rationalized.relevant;
      positions all;
      for (auto const& r : rationales)
        all.insert(r.sentences.begin(), r.sentences.end());
      scores_.sentence_selection.relevant += static_cast<std::int64_t>(all.size());
      scores_.sentence_label.relevant += static_cast<std::int64_t>(all.size());
    }
  }

  void add_predicted(gold_claim const& claim, prediction const& p) {
    for (auto const& [document, predicted] : p.evidence) {
      if (predicted.label == verdict::nei)
        continue;
      positions const sentences(predicted.sentences.begin(), predicted.sentences.end());
      ++scores_.abstract_label_only.retrieved;
      ++scores_.abstract_rationalized.retrieved;
      scores_.sentence_selection.retrieved += static_cast<std::int64_t>(sentences.size());
      scores_.sentence_label.retrieved += static_cast<std::int64_t>(sentences.size());
      auto const gold = claim.evidence.find(document);
      if (gold != claim.evidence.end() && !gold->second.empty())
        compare(gold->second, predicted, sentences);
    }
  }

 private:
  void compare(std::vector<rationale> const& gold, predicted_document const& predicted,
               positions const& sentences) {
    bool const label_equal = predicted.label == gold.front().label;
    auto const first = predicted.sentences.begin();
    auto const three = std::min<std::ptrdiff_t>(3, std::ssize(predicted.sentences));
    positions const first_three(first, first + three);
    positions correct;
    bool rationalized = false;
    for (auto const& r : gold) {
      rationalized = rationalized || contains_all(first_three, r.sentences);
      if (contains_all(sentences, r.sentences))
        correct.insert(r.sentences.begin(), r.sentences.end());
    }
    auto const found = static_cast<std::int64_t>(correct.size());
    scores_.sentence_selection.correct += found;
    if (!label_equal)
      return;
    ++scores_.abstract_label_only.correct;
    scores_.abstract_rationalized.correct += rationalized ? 1 : 0;
    scores_.sentence_label.correct += found;
  }

  label_scores& scores_;
};

json to_json(tally const& t) {
  return {{"precision", t.precision()}, {"recall", t.recall()}, {"f1", t.f1()}};
}

}  // namespace

double tally::precision() const {
  return ratio(correct, retrieved);
}
double tally::recall() const {
  return ratio(correct, relevant);
}
double tally::f1() const {
  auto const p = precision();
  auto const r = recall();
  return p + r == 0 ? 0.0 : 2 * p * r / (p + r);
}

label_scores score_labels(std::vector<gold_claim> const& claims,
                          std::vector<prediction> const& predictions) {
  label_scores scores;
  scorer adds{scores};
  std::map<std::string, gold_claim const*> by_id;
  for (auto const& claim : claims) {
    by_id[claim.id] = &claim;
    adds.add_gold(claim);
  }
  for (auto const& p : predictions)
    if (auto const found = by_id.find(p.id); found != by_id.end())
      adds.add_predicted(*found->second, p);
  return scores;
}

json to_json(label_scores const& scores) {
  return {{"abstract_label_only", to_json(scores.abstract_label_only)},
          {"abstract_rationalized", to_json(scores.abstract_rationalized)},
          {"sentence_selection", to_json(scores.sentence_selection)},
          {"sentence_label", to_json(scores.sentence_label)}};
}

}  // namespace nsai::stages

#include "stages/text/tfidf.hpp"

#include <algorithm>
#include <cmath>

#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

std::vector<std::uint64_t> content_keys(std::string_view text) {
  std::vector<std::uint64_t> keys;
  for (auto const& each : content_words(text))
    keys.push_back(word_key(each));
  return keys;
}

/// Rounded to a multiple of 2^-32: the last bits of a logarithm differ between C libraries and the
/// processors that they choose code for, and results may not.
double idf_of(std::size_t texts, std::size_t with_word) {
  auto const exact =
      std::log((1.0 + static_cast<double>(texts)) / (1.0 + static_cast<double>(with_word))) + 1;
  return std::ldexp(std::round(std::ldexp(exact, 32)), -32);
}

/// Calls take(key, count) for each distinct key of a sorted list.
template <class Take>
void each_distinct(std::vector<std::uint64_t> const& sorted, Take const& take) {
  for (std::size_t from = 0; from < sorted.size();) {
    auto to = from;
    while (to < sorted.size() && sorted[to] == sorted[from])
      ++to;
    take(sorted[from], static_cast<std::uint32_t>(to - from));
    from = to;
  }
}

/// Of equal bags `shared` is the root's argument's root itself, hence exactly 1.
double cosine_of(double shared, double a_squared, double b_squared) {
  return shared <= 0 ? 0.0 : std::min(1.0, shared / std::sqrt(a_squared * b_squared));
}

}  // namespace

double cosine(word_bag const& a, word_bag const& b) {
  double shared = 0;
  auto at = b.weights.begin();
  for (auto const& [key, weight] : a.weights) {
    while (at != b.weights.end() && at->first < key)
      ++at;
    if (at == b.weights.end())
      break;
    if (at->first == key)
      shared += weight * at->second;
  }
  return cosine_of(shared, a.squared, b.squared);
}

tfidf_index::tfidf_index(std::span<std::string_view const> texts) : texts_(texts.size()) {
  for (std::size_t t = 0; t < texts.size(); ++t) {
    auto keys = content_keys(texts[t]);
    std::sort(keys.begin(), keys.end());
    each_distinct(keys, [&](std::uint64_t key, std::uint32_t count) {
      words_[key].in.push_back({static_cast<std::uint32_t>(t), count});
    });
  }
  unknown_idf_ = idf_of(texts.size(), 0);
  std::vector<std::uint64_t> keys;
  for (auto& [key, each] : words_) {
    each.idf = idf_of(texts.size(), each.in.size());
    keys.push_back(key);
  }
  // In the order of the keys, as the weights of a bag are added up: equal to the last bit.
  std::sort(keys.begin(), keys.end());
  for (auto const key : keys) {
    auto const& each = words_.at(key);
    for (auto const& p : each.in) {
      auto const weight = p.count * each.idf;
      texts_[p.text] += weight * weight;
    }
  }
}

double tfidf_index::idf(std::uint64_t word) const {
  auto const found = words_.find(word);
  return found == words_.end() ? unknown_idf_ : found->second.idf;
}

word_bag tfidf_index::bag_of(std::vector<std::uint64_t> words) const {
  std::sort(words.begin(), words.end());
  word_bag bag;
  each_distinct(words, [&](std::uint64_t key, std::uint32_t count) {
    auto const weight = count * idf(key);
    bag.weights.emplace_back(key, weight);
    bag.squared += weight * weight;
  });
  return bag;
}

word_bag tfidf_index::bag_of(std::string_view text) const {
  return bag_of(content_keys(text));
}

double tfidf_index::similarity(std::string_view a, std::string_view b) const {
  return cosine(bag_of(a), bag_of(b));
}

std::vector<tfidf_index::hit> tfidf_index::nearest(std::string_view query, std::size_t k) const {
  auto const bag = bag_of(query);
  std::vector<double> shared(texts_.size());
  std::vector<std::size_t> touched;
  for (auto const& [key, weight] : bag.weights) {
    auto const found = words_.find(key);
    if (found == words_.end())
      continue;
    for (auto const& p : found->second.in) {
      if (shared[p.text] == 0)
        touched.push_back(p.text);
      shared[p.text] += weight * (p.count * found->second.idf);
    }
  }
  std::vector<hit> hits;
  for (auto const text : touched)
    hits.push_back({text, cosine_of(shared[text], bag.squared, texts_[text])});
  auto const last = hits.begin() + static_cast<std::ptrdiff_t>(std::min(k, hits.size()));
  std::partial_sort(hits.begin(), last, hits.end(), [](hit const& a, hit const& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.text < b.text;
  });
  hits.erase(last, hits.end());
  return hits;
}

}  // namespace nsai::stages

// What the stages on texts cost on one core, beside a bare pass that only splits the same bytes
// into words:
//   bench_texts [CORPUS.jsonl]    SciFact's corpus; without it abstracts made from a fixed seed
// Each line of JSON has a rate, its peer in the same run and their ratio.
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <random>

#include "stages/corpus.hpp"
#include "stages/ngram_hash.hpp"
#include "stages/text/scorer.hpp"

namespace {

using namespace nsai;
using namespace nsai::stages;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t abstracts = 5'000;
constexpr std::size_t claims = 200;
constexpr std::size_t sentences = 500;

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// Words drawn with a density of 1 / rank, as in texts.
std::vector<abstract> made_up() {
  std::mt19937_64 random{1};
  std::vector<abstract> made;
  for (std::size_t d = 0; d < abstracts; ++d) {
    abstract a;
    a.id = std::to_string(d);
    for (int s = 0; s < 9; ++s) {
      std::string sentence;
      for (int w = 0; w < 22; ++w) {
        auto const uniform = static_cast<double>(random() >> 11U) / 9007199254740992.0;
        auto const rank = static_cast<std::size_t>(std::pow(20'000.0, uniform));
        sentence += (w == 0 ? "Word" : " word") + std::to_string(rank) + "ing";
      }
      a.sentences.push_back(sentence + ".");
    }
    made.push_back(std::move(a));
  }
  return made;
}

/// The corpus as often as it takes to have 5,000 abstracts.
std::vector<std::string> five_thousand(std::vector<std::string> const& texts) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i < abstracts; ++i)
    many.push_back(texts[i % texts.size()]);
  return many;
}

/// Words of a text and their hash: what no program on words can do without.
std::uint64_t bare_pass(std::string_view text) {
  std::uint64_t sum = 0;
  std::uint32_t hash = 2166136261U;
  for (char const c : text)
    if (in_word(static_cast<unsigned char>(c))) {
      hash = hash_byte(hash, static_cast<unsigned char>(c));
    } else {
      sum += hash;
      hash = 2166136261U;
    }
  return sum + hash;
}

template <class Texts>
double bare_seconds(Texts const& texts) {
  std::uint64_t sum = 0;
  auto const begin = clock_type::now();
  for (auto const& each : texts)
    sum += bare_pass(each);
  auto const took = seconds_since(begin);
  if (sum == 42)
    std::cerr << "";  // so that the sum is needed
  return took;
}

void tell(char const* what, double count, double took, double bare, double limit) {
  std::cout << json{{"what", what},
                    {"per_s", count / took},
                    {"limit_per_s", limit},
                    {"bare_per_s", count / bare},
                    {"ratio", bare / took}}
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<abstract> documents;
  if (argc > 1) {
    std::ifstream in{argv[1], std::ios::binary};
    documents = read_corpus(in);
    if (documents.empty())
      return std::cerr << argv[1] << " has no abstract\n", 2;
  } else {
    documents = made_up();
  }
  corpus const all{documents};
  auto const many = five_thousand(texts_of(all));
  std::vector<std::string_view> const views(many.begin(), many.end());
  auto begin = clock_type::now();
  tfidf_index index{views};
  auto const indexed = seconds_since(begin);
  auto const bare = bare_seconds(views);
  std::cout << json{{"what", "index of 5,000 abstracts"},
                    {"seconds", indexed},
                    {"limit_seconds", 2},
                    {"bare_seconds", bare},
                    {"ratio", bare / indexed}}
            << std::endl;

  std::vector<std::string> texts;
  for (std::size_t i = 0; texts.size() < claims + sentences; ++i)
    for (auto const& sentence : all.documents()[i % all.documents().size()].sentences)
      if (texts.size() < claims + sentences)
        texts.push_back(sentence);
  std::vector<text_pair> pairs;
  std::vector<std::string> bytes;
  for (std::size_t c = 0; c < claims; ++c)
    for (std::size_t s = 0; s < sentences; ++s) {
      pairs.push_back({texts[claims + s], texts[c]});
      bytes.push_back(pairs.back().evidence + " " + pairs.back().claim);
    }
  auto const bare_pairs = bare_seconds(bytes);
  auto const count = static_cast<double>(pairs.size());
  auto const scorer = make_lexical_scorer(std::move(index));
  begin = clock_type::now();
  scorer->entail(pairs, {});
  tell("entailment, claim and sentence", count, seconds_since(begin), bare_pairs, 20'000);
  begin = clock_type::now();
  scorer->similar(pairs, {});
  tell("similarity, claim and sentence", count, seconds_since(begin), bare_pairs, 20'000);
}

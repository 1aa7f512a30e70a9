#include "stages/text/words.hpp"

#include <algorithm>
#include <array>

#include "stages/fnv1a.hpp"
#include "stages/ngram_hash.hpp"

namespace nsai::stages {
namespace {

using word_list = std::vector<std::string_view>;

/// Sorted, for binary search.
word_list sorted_words(word_list list) {
  std::sort(list.begin(), list.end());
  return list;
}

bool has_word(word_list const& list, std::string_view word) {
  return std::binary_search(list.begin(), list.end(), word);
}

word_list const& stop_words() {
  static auto const list = sorted_words(
      {"about",  "above",   "after",   "again",  "all",    "also",  "although", "am",      "among",
       "an",     "and",     "any",     "are",    "as",     "at",    "be",       "because", "been",
       "being",  "both",    "but",     "by",     "can",    "could", "did",      "do",      "does",
       "doing",  "due",     "during",  "each",   "either", "et",    "etc",      "for",     "from",
       "had",    "has",     "have",    "having", "he",     "her",   "here",     "hers",    "him",
       "his",    "how",     "however", "if",     "in",     "into",  "is",       "it",      "its",
       "itself", "just",    "may",     "me",     "might",  "must",  "my",       "of",      "on",
       "once",   "one",     "only",    "or",     "other",  "our",   "ours",     "own",     "per",
       "shall",  "she",     "should",  "since",  "so",     "some",  "such",     "than",    "that",
       "the",    "their",   "theirs",  "them",   "then",   "there", "these",    "they",    "this",
       "those",  "through", "thus",    "to",     "too",    "until", "upon",     "us",      "very",
       "via",    "was",     "we",      "were",   "what",   "when",  "where",    "whether", "which",
       "while",  "who",     "whom",    "whose",  "why",    "will",  "with",     "within",  "would",
       "you",    "your"});
  return list;
}

word_list const& negations() {
  static auto const list =
      sorted_words({"absence", "barely", "cannot",   "fail",   "failed",  "failing", "fails",
                    "failure", "hardly", "lack",     "lacked", "lacking", "lacks",   "neither",
                    "never",   "no",     "non",      "none",   "nor",     "not",     "nothing",
                    "rarely",  "unable", "unlikely", "without"});
  return list;
}

bool is_vowel(std::string const& word, std::size_t i) {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
      return true;
    case 'y':
      return i > 0 && !is_vowel(word, i - 1);
    default:
      return false;
  }
}

bool vowel_within(std::string const& word, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i)
    if (is_vowel(word, i))
      return true;
  return false;
}

/// Porter's m of the first `length` letters: how often vowels are followed by consonants.
int measure_of(std::string const& word, std::size_t length) {
  int m = 0;
  bool after_vowel = false;
  for (std::size_t i = 0; i < length; ++i) {
    bool const vowel = is_vowel(word, i);
    m += after_vowel && !vowel ? 1 : 0;
    after_vowel = vowel;
  }
  return m;
}

/// Porter's *o: the first `length` letters end in consonant, vowel, consonant other than w, x, y.
bool ends_short(std::string const& word, std::size_t length) {
  if (length < 3)
    return false;
  char const last = word[length - 1];
  return !is_vowel(word, length - 3) && is_vowel(word, length - 2) && !is_vowel(word, length - 1) &&
         last != 'w' && last != 'x' && last != 'y';
}

void cut(std::string& word, std::size_t letters) {
  word.resize(word.size() - letters);
}

void strip_plural(std::string& word) {
  if (word.ends_with("sses") || word.ends_with("ies"))
    cut(word, 2);
  else if (word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") &&
           !word.ends_with("is"))
    cut(word, 1);
}

void strip_verb_ending(std::string& word) {
  if (word.ends_with("eed")) {
    if (measure_of(word, word.size() - 3) > 0)
      cut(word, 1);
    return;
  }
  std::size_t const ending = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (ending == 0 || !vowel_within(word, word.size() - ending))
    return;
  cut(word, ending);
  auto const size = word.size();
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz"))
    word += 'e';
  else if (size >= 2 && word[size - 1] == word[size - 2] && !is_vowel(word, size - 1) &&
           word[size - 1] != 'l' && word[size - 1] != 's' && word[size - 1] != 'z')
    cut(word, 1);
  else if (measure_of(word, size) == 1 && ends_short(word, size))
    word += 'e';
}

void strip_rest(std::string& word) {
  if (word.size() >= 7 && (word.ends_with("tion") || word.ends_with("sion")))
    cut(word, 3);
  if (word.ends_with('y') && vowel_within(word, word.size() - 1))
    word.back() = 'i';
  if (word.ends_with('e')) {
    auto const rest = word.size() - 1;
    auto const m = measure_of(word, rest);
    if (m > 1 || (m == 1 && !ends_short(word, rest)))
      cut(word, 1);
  }
}

/// Adds a run of word characters to `words`; `contracted`: "n't" was its end.
void add_word(std::vector<std::string>& words, std::string word, bool contracted) {
  if (contracted) {
    // can't and won't share their n with the word before.
    if (word == "ca")
      word = "can";
    else if (word == "wo")
      word = "will";
    else if (word == "sha")
      word = "shall";
  }
  if (!word.empty())
    words.push_back(std::move(word));
  if (contracted)
    words.emplace_back("not");
}

constexpr std::string_view curly_apostrophe = "\xe2\x80\x99";

/// Whether "'t" as a word of its own begins here, after an n; its length, else 0.
std::size_t contraction_at(std::string_view text, std::size_t at) {
  std::size_t mark = 0;
  if (text.substr(at).starts_with('\''))
    mark = 1;
  else if (text.substr(at).starts_with(curly_apostrophe))
    mark = curly_apostrophe.size();
  if (mark == 0 || at == 0 || (text[at - 1] != 'n' && text[at - 1] != 'N'))
    return 0;
  auto const t = at + mark;
  bool const is_t = t < text.size() && (text[t] == 't' || text[t] == 'T');
  bool const ends = t + 1 >= text.size() || !in_word(static_cast<unsigned char>(text[t + 1]));
  return is_t && ends ? mark + 1 : 0;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The word right before the full stop at `dot`, with the full stops inside it, in lower case.
std::string word_before(std::string_view text, std::size_t dot) {
  auto from = dot;
  while (from > 0 && (in_word(static_cast<unsigned char>(text[from - 1])) || text[from - 1] == '.'))
    --from;
  std::string word{text.substr(from, dot - from)};
  for (auto& c : word)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return word;
}

bool is_abbreviation(std::string const& word, char next) {
  static auto const list =
      sorted_words({"al",   "approx", "ca",  "cf",  "dr",    "e.g",  "eq",  "eqs",  "esp",  "fig",
                    "figs", "i.e",    "mr",  "mrs", "ms",    "prof", "ref", "refs", "resp", "sect",
                    "sp",   "spp",    "ssp", "st",  "subsp", "var",  "viz", "vs"});
  bool const before_number = next >= '0' && next <= '9';
  return has_word(list, word) ||
         (before_number && (word == "no" || word == "nos" || word == "vol"));
}

bool can_begin(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 || c == '"' || c == '\'' || c == '(' || c == '[';
}

/// Whether a sentence ends with the mark at `at`; `next` is where the following one would begin.
bool ends_sentence(std::string_view text, std::size_t at, std::size_t next) {
  if (next == text.size())
    return true;
  if (!can_begin(text[next]))
    return false;
  if (text[at] != '.')
    return true;
  auto const word = word_before(text, at);
  bool const initial = word.size() == 1 && word[0] >= 'a' && word[0] <= 'z';
  return !initial && !is_abbreviation(word, text[next]);
}

/// Past the closing quotes and brackets that belong to the sentence.
std::size_t past_closing(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 3> curly{"\xe2\x80\x9d", "\xe2\x80\x99", "\xc2\xbb"};
  while (at < text.size()) {
    auto const rest = text.substr(at);
    auto const* const quote =
        std::find_if(curly.begin(), curly.end(), [&](auto mark) { return rest.starts_with(mark); });
    if (quote != curly.end())
      at += quote->size();
    else if (std::string_view{"\"')].!?"}.find(text[at]) != std::string_view::npos)
      ++at;
    else
      break;
  }
  return at;
}

void add_sentence(std::vector<std::string>& sentences, std::string_view part) {
  while (!part.empty() && is_blank(part.front()))
    part.remove_prefix(1);
  while (!part.empty() && is_blank(part.back()))
    part.remove_suffix(1);
  if (!part.empty())
    sentences.emplace_back(part);
}

}  // namespace

bool is_stop_word(std::string_view word) {
  return word.size() < 2 || has_word(stop_words(), word);
}

bool is_negation(std::string_view word) {
  return has_word(negations(), word);
}

std::string stem_of(std::string word) {
  bool const letters =
      std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (word.size() <= 3 || !letters)
    return word;
  strip_plural(word);
  strip_verb_ending(word);
  strip_rest(word);
  return word;
}

std::uint64_t word_key(std::string_view word) {
  return fnv1a(word);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t at = 0; at < text.size();) {
    auto const c = static_cast<unsigned char>(text[at]);
    if (auto const length = (c == '\'' || c == 0xe2) ? contraction_at(text, at) : 0; length > 0) {
      word.pop_back();  // the n
      add_word(words, std::move(word), true);
      word.clear();
      at += length;
    } else if (in_word(c)) {
      word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      ++at;
    } else {
      add_word(words, std::move(word), false);
      word.clear();
      ++at;
    }
  }
  add_word(words, std::move(word), false);
  return words;
}

std::vector<std::string> content_words(std::string_view text) {
  auto words = words_of(text);
  std::erase_if(words, [](std::string const& w) { return is_stop_word(w) || is_negation(w); });
  for (auto& word : words)
    word = stem_of(std::move(word));
  return words;
}

double jaccard(std::vector<std::string> a, std::vector<std::string> b) {
  for (auto* each : {&a, &b}) {
    std::sort(each->begin(), each->end());
    each->erase(std::unique(each->begin(), each->end()), each->end());
  }
  std::size_t both = 0;
  for (auto const& word : a)
    both += std::binary_search(b.begin(), b.end(), word) ? 1 : 0;
  auto const either = a.size() + b.size() - both;
  return either == 0 ? 0.0 : static_cast<double>(both) / static_cast<double>(either);
}

std::vector<std::string> sentences_of(std::string_view text) {
  std::vector<std::string> sentences;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    char const c = text[at];
    if (c == '\n') {
      auto const next = text.find_first_not_of(" \t\r", at + 1);
      if (next != std::string_view::npos && text[next] == '\n') {
        add_sentence(sentences, text.substr(begin, at - begin));
        begin = next;
      }
      at = next == std::string_view::npos ? text.size() : next;
      continue;
    }
    if (c != '.' && c != '!' && c != '?') {
      ++at;
      continue;
    }
    auto const end = past_closing(text, at + 1);
    auto next = end;
    while (next < text.size() && is_blank(text[next]))
      ++next;
    if ((next > end || next == text.size()) && ends_sentence(text, at, next)) {
      add_sentence(sentences, text.substr(begin, end - begin));
      begin = end;
    }
    at = end;
  }
  add_sentence(sentences, text.substr(begin));
  return sentences;
}

}  // namespace nsai::stages

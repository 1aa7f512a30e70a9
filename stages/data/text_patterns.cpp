#include "stages/data/text_patterns.hpp"

#include <algorithm>
#include <optional>

#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool in_local_part(char c) {
  return letter(c) || digit(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}
bool in_domain(char c) {
  return letter(c) || digit(c) || c == '.' || c == '-';
}

/// The address around the "@" at `at`.
std::optional<text_match> email_around(std::string_view text, std::size_t at) {
  auto begin = at;
  while (begin > 0 && in_local_part(text[begin - 1]))
    --begin;
  while (begin < at && text[begin] == '.')
    ++begin;
  auto end = at + 1;
  while (end < text.size() && in_domain(text[end]))
    ++end;
  while (end > at + 1 && !letter(text[end - 1]) && !digit(text[end - 1]))
    --end;
  auto const domain = text.substr(at + 1, end - at - 1);
  auto const dot = domain.rfind('.');
  bool const has_name = begin < at && dot != std::string_view::npos && dot > 0;
  if (!has_name || domain.size() - dot < 3 ||
      !std::all_of(domain.begin() + static_cast<std::ptrdiff_t>(dot) + 1, domain.end(), letter))
    return std::nullopt;
  return text_match{"email", begin, end - begin};
}

/// Groups of digits with what separates them.
struct digit_run {
  std::size_t end = 0;
  std::vector<std::size_t> groups;  // lengths
  std::string digits;
  std::string separators;  // one a gap: '-', '.', ' ' or ')'
  bool plus = false;
};

/// From a "+", "(" or digit on: digits with at most one separator (after a bracket two) between.
digit_run run_at(std::string_view text, std::size_t at) {
  digit_run run;
  run.plus = text[at] == '+';
  if (run.plus || text[at] == '(')
    ++at;
  constexpr std::size_t most_digits = 19;  // nothing longer is looked for
  while (at < text.size() && digit(text[at]) && run.digits.size() <= most_digits) {
    auto const from = at;
    while (at < text.size() && digit(text[at]))
      run.digits += text[at++];
    run.groups.push_back(at - from);
    run.end = at;
    if (at >= text.size())
      break;
    char const gap = text[at];
    auto next = at + 1;
    if (gap == ')' && next < text.size() && text[next] == ' ')
      ++next;
    else if (gap == ' ' && next < text.size() && text[next] == '(')
      ++next;
    bool const separates = gap == '-' || gap == '.' || gap == ' ' || gap == ')';
    if (!separates || next >= text.size() || !digit(text[next]))
      break;
    run.separators += gap;
    at = next;
  }
  return run;
}

bool only(std::string const& separators, char c) {
  return separators.find_first_not_of(c) == std::string::npos;
}

bool is_ssn(digit_run const& run) {
  if (run.groups != std::vector<std::size_t>{3, 2, 4} || !only(run.separators, '-') || run.plus)
    return false;
  auto const area = run.digits.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && run.digits.substr(3, 2) != "00" &&
         run.digits.substr(5) != "0000";
}

bool is_card(digit_run const& run) {
  auto const size = run.digits.size();
  bool const one_separator = only(run.separators, '-') || only(run.separators, ' ');
  bool const groups = std::all_of(run.groups.begin(), run.groups.end(),
                                  [](std::size_t length) { return length >= 3; });
  bool const all_the_same = run.digits.find_first_not_of(run.digits[0]) == std::string::npos;
  return size >= 13 && size <= 19 && one_separator && groups && !run.plus && !all_the_same &&
         luhn_holds(run.digits);
}

bool is_phone(digit_run const& run) {
  if (run.plus)
    return run.digits.size() >= 8 && run.digits.size() <= 15;
  return run.groups == std::vector<std::size_t>{3, 3, 4};
}

using phrase_list = std::vector<std::string_view>;

/// The phrases that occur in the words of the text, in the order of the list.
std::vector<std::string> phrases_in(std::string_view text, phrase_list const& phrases) {
  std::string words = " ";
  for (auto const& word : words_of(text))
    words += word + " ";
  std::vector<std::string> found;
  for (auto const phrase : phrases)
    if (words.find(" " + std::string{phrase} + " ") != std::string::npos)
      found.emplace_back(phrase);
  return found;
}

}  // namespace

bool luhn_holds(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    int value = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1)
      value = 2 * value > 9 ? 2 * value - 9 : 2 * value;
    sum += value;
  }
  return !digits.empty() && sum % 10 == 0;
}

std::vector<text_match> personal_data(std::string_view text) {
  std::vector<text_match> found;
  std::size_t free_from = 0;  // nothing before it can be part of another match
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '@') {
      auto const email = email_around(text, at);
      if (email && email->begin >= free_from) {
        found.push_back(*email);
        at = free_from = email->begin + email->length;
        continue;
      }
    }
    bool const starts = digit(text[at]) || text[at] == '+' || text[at] == '(';
    bool const inside = at > 0 && (digit(text[at - 1]) || letter(text[at - 1]));
    if (!starts || inside) {
      ++at;
      continue;
    }
    auto const run = run_at(text, at);
    char const* kind = nullptr;
    bool const ends = run.end >= text.size() || !letter(text[run.end]);
    if (!run.digits.empty() && ends)
      kind = is_ssn(run) ? "ssn" : is_card(run) ? "card" : is_phone(run) ? "phone" : nullptr;
    if (kind != nullptr) {
      found.push_back({kind, at, run.end - at});
      at = free_from = run.end;
    } else {
      ++at;
    }
  }
  return found;
}

redaction redact(std::string_view text, std::vector<text_match> const& matches) {
  redaction kept;
  std::size_t from = 0;
  for (auto const& match : matches) {
    kept.text += text.substr(from, match.begin - from);
    kept.places.push_back(kept.text.size());
    kept.text += "[" + match.kind + "]";
    from = match.begin + match.length;
  }
  kept.text += text.substr(from);
  return kept;
}

std::string redacted(std::string_view text) {
  return redact(text, personal_data(text)).text;
}

std::vector<std::string> injection_phrases(std::string_view text) {
  static phrase_list const phrases{"ignore previous instructions",
                                   "ignore all previous instructions",
                                   "ignore the previous instructions",
                                   "ignore all instructions",
                                   "ignore the above",
                                   "ignore your instructions",
                                   "disregard previous instructions",
                                   "disregard all previous instructions",
                                   "disregard the above",
                                   "forget previous instructions",
                                   "forget your instructions",
                                   "forget everything above",
                                   "override your instructions",
                                   "new instructions",
                                   "system prompt",
                                   "you are now",
                                   "pretend to be",
                                   "pretend you are",
                                   "act as if you",
                                   "do anything now",
                                   "developer mode",
                                   "jailbreak",
                                   "reveal your instructions",
                                   "reveal your prompt",
                                   "im start",
                                   "end of prompt"};
  return phrases_in(text, phrases);
}

std::vector<std::string> toxic_words(std::string_view text) {
  static phrase_list const phrases{
      "idiot",    "idiots",           "idiotic",       "moron",    "morons", "moronic",
      "stupid",   "imbecile",         "scum",          "subhuman", "vermin", "retard",
      "retarded", "bastard",          "bastards",      "bitch",    "shit",   "fuck",
      "fucking",  "asshole",          "kill yourself", "shut up",  "loser",  "losers",
      "pathetic", "worthless people", "go to hell"};
  return phrases_in(text, phrases);
}

std::vector<std::string> absolutist_phrases(std::string_view text) {
  static phrase_list const phrases{"absolutely",        "undeniable",
                                   "undeniably",        "undoubtedly",
                                   "unquestionably",    "indisputable",
                                   "indisputably",      "irrefutable",
                                   "irrefutably",       "incontrovertible",
                                   "without any doubt", "without a doubt",
                                   "beyond any doubt",  "beyond all doubt",
                                   "guaranteed",        "always and everywhere",
                                   "everyone knows",    "nobody can deny",
                                   "100 certain",       "100 percent",
                                   "completely proven", "proves once and for all"};
  return phrases_in(text, phrases);
}

}  // namespace nsai::stages

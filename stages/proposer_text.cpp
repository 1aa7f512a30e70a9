#include "stages/proposer_text.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace nsai::stages {
namespace {

bool is_id_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads a text from left to right; every `take` leaves it unmoved when it does not match.
class cursor {
 public:
  explicit cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  void step() { ++at_; }
  std::string_view rest() const { return text_.substr(at_); }

  void skip_blanks() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(std::string_view word) {
    if (!rest().starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }
  template <class Allowed>
  std::string_view take_while(Allowed const& allowed) {
    auto const begin = at_;
    while (!at_end() && allowed(text_[at_]))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view trimmed(std::string_view text) {
  auto const blank = " \t\r";
  auto const from = text.find_first_not_of(blank);
  return from == std::string_view::npos
             ? std::string_view{}
             : text.substr(from, text.find_last_not_of(blank) - from + 1);
}

/// An id of a document; dots at its end are those of a sentence ("2004.14974" is an id).
std::string_view take_document(cursor& at) {
  auto id = at.take_while(is_id_char);
  while (id.ends_with('.'))
    id.remove_suffix(1);
  return id;
}

/// The line after the word CLAIM.
std::optional<proposed_claim> claim_of(std::string_view line) {
  cursor c{line};
  proposed_claim claim;
  if (!c.take("["))
    return std::nullopt;
  claim.id = c.take_while(is_id_char);
  if (claim.id.empty() || !c.take("]"))
    return std::nullopt;
  c.skip_blanks();
  if (c.take("(")) {
    c.skip_blanks();
    if (!c.take("Document"))
      return std::nullopt;
    c.skip_blanks();
    claim.document = take_document(c);
    c.skip_blanks();
    if (claim.document.empty() || !c.take(")"))
      return std::nullopt;
    c.skip_blanks();
  }
  if (!c.take(":"))
    return std::nullopt;
  claim.text = trimmed(c.rest());
  return claim.text.empty() ? std::nullopt : std::optional{std::move(claim)};
}

/// The line after the word RELATION.
std::optional<proposed_relation> relation_of(std::string_view line) {
  cursor c{line};
  proposed_relation relation;
  c.skip_blanks();
  if (!c.take(":"))
    return std::nullopt;
  c.skip_blanks();
  relation.from = c.take_while(is_id_char);
  c.skip_blanks();
  relation.kind = c.take_while(is_id_char);
  c.skip_blanks();
  relation.to = c.take_while(is_id_char);
  bool const known =
      relation.kind == "supports" || relation.kind == "refutes" || relation.kind == "contradicts";
  bool const whole = !relation.from.empty() && !relation.to.empty() && trimmed(c.rest()).empty();
  return known && whole ? std::optional{std::move(relation)} : std::nullopt;
}

/// The document of a citation that begins here; moves past it.
std::optional<std::string> take_citation(cursor& at) {
  cursor c = at;
  std::string id;
  bool closed = false;
  if (c.take("Document ")) {
    c.skip_blanks();
    id = take_document(c);
    c.skip_blanks();
    closed = c.rest().starts_with(":") || c.rest().starts_with(")");
  } else if (c.take("[DocID:") || c.take("[ref:")) {
    c.skip_blanks();
    id = take_document(c);
    c.skip_blanks();
    closed = c.take("]");
  } else if (c.take("[")) {
    id = c.take_while(is_digit);
    closed = c.take(":") && !c.take_while(is_digit).empty() && c.take("]");
  }
  if (id.empty() || !closed)
    return std::nullopt;
  at = c;
  return id;
}

}  // namespace

proposal parse_proposal(std::string_view text) {
  proposal parts;
  std::set<std::string> seen;
  auto const cite = [&](std::string const& document) {
    if (!document.empty() && seen.insert(document).second)
      parts.documents.push_back(document);
  };
  for (cursor c{text}; !c.at_end();)
    if (auto const id = take_citation(c))
      cite(*id);
    else
      c.step();
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    cursor line{trimmed(text.substr(0, end))};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.take("CLAIM")) {
      if (auto claim = claim_of(line.rest())) {
        cite(claim->document);
        parts.claims.push_back(std::move(*claim));
      } else {
        ++parts.malformed;
      }
    } else if (line.take("RELATION")) {
      if (auto relation = relation_of(line.rest()))
        parts.relations.push_back(std::move(*relation));
      else
        ++parts.malformed;
    }
  }
  return parts;
}

}  // namespace nsai::stages

#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::tests {

/// What keeps a text from being well-formed XML with one root; empty: nothing. It knows elements,
/// attributes in quotes, character references and a DOCTYPE: all that reports have.
class xml_check {
 public:
  explicit xml_check(std::string_view text) : text_(text) {}

  std::string fault() {
    while (fault_.empty() && at_ < text_.size())
      text_[at_] == '<' ? markup() : character();
    if (fault_.empty() && (!open_.empty() || roots_ != 1))
      fail(open_.empty() ? "not one root" : "open at the end: " + open_.back());
    return fault_;
  }

 private:
  void fail(std::string const& what) {
    if (fault_.empty())
      fault_ = what + " at " + std::to_string(at_) + ": " +
               std::string{text_.substr(at_ > 30 ? at_ - 30 : 0, 60)};
  }

  void character() {
    char const c = text_[at_];
    if (c == '&') {
      auto const end = text_.find(';', at_);
      static std::set<std::string_view> const known{"&amp", "&lt", "&gt", "&quot", "&#39"};
      if (end == std::string_view::npos || !known.contains(text_.substr(at_, end - at_)))
        fail("a reference that is not known");
    }
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      fail("a control character");
    if (open_.empty() && std::isspace(static_cast<unsigned char>(c)) == 0)
      fail("text outside the root");
    ++at_;
  }

  std::string name() {
    auto const from = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '-' || text_[at_] == ':'))
      ++at_;
    return std::string{text_.substr(from, at_ - from)};
  }

  void markup() {
    if (text_.substr(at_, 9) == "<!DOCTYPE") {
      at_ = text_.find('>', at_) + 1;
      return;
    }
    bool const ends = text_.substr(at_, 2) == "</";
    at_ += ends ? 2 : 1;
    auto const element = name();
    if (element.empty())
      return fail("a < that begins no element");
    if (ends) {
      if (open_.empty() || open_.back() != element || text_.substr(at_, 1) != ">")
        return fail("</" + element + "> ends nothing");
      open_.pop_back();
      ++at_;
      return;
    }
    roots_ += open_.empty() ? 1 : 0;
    attributes(element);
  }

  void attributes(std::string const& element) {
    std::set<std::string> seen;
    while (fault_.empty() && at_ < text_.size()) {
      while (text_.substr(at_, 1) == " " || text_.substr(at_, 1) == "\n")
        ++at_;
      if (text_.substr(at_, 2) == "/>") {
        at_ += 2;
        return;
      }
      if (text_.substr(at_, 1) == ">") {
        ++at_;
        open_.push_back(element);
        return;
      }
      auto const attribute = name();
      auto const quote = text_.substr(at_ + 1, 1);
      if (attribute.empty() || !seen.insert(attribute).second || text_.substr(at_, 1) != "=" ||
          (quote != "'" && quote != "\""))
        return fail("an attribute that is none, of " + element);
      auto const end = text_.find(quote, at_ + 2);
      if (end == std::string_view::npos ||
          text_.substr(at_, end - at_).find('<') != std::string_view::npos)
        return fail("a value that does not end, of " + attribute);
      at_ = end + 1;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string> open_;
  int roots_ = 0;
  std::string fault_;
};

inline std::string xml_fault(std::string_view text) {
  return xml_check{text}.fault();
}

}  // namespace nsai::tests

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

/// A piece of a text that was found.
struct text_match {
  std::string kind;  // "email", "phone", "ssn", "card"; or the phrase
  std::size_t begin = 0;
  std::size_t length = 0;
};

/// Personal data, from left to right, not overlapping:
///   email  local@domain.tld
///   phone  +CC and 8 to 15 digits, or 3-3-4 digits with "-", "." or spaces between (the first
///          three may be in brackets)
///   ssn    3-2-4 digits with "-", not 000, 666 or 9xx, no group of zeros
///   card   13 to 19 digits in one piece or in groups of at least 3 with "-" or spaces, with a
///          right check digit (Luhn, ISO/IEC 7812-1) and not all the same
std::vector<text_match> personal_data(std::string_view text);

/// A text with "[email]" and the like in place of the matches.
struct redaction {
  std::string text;
  std::vector<std::size_t> places;  // where in it each match's replacement begins
};

/// `matches` as personal_data gives them.
redaction redact(std::string_view text, std::vector<text_match> const& matches);

/// The text with "[email]" and the like in place of personal data.
std::string redacted(std::string_view text);

/// Digits only, the last of which is the check digit of the others.
bool luhn_holds(std::string_view digits);

/// Phrases, as sequences of words in any case and with anything but words between, in a text.
std::vector<std::string> injection_phrases(std::string_view text);
std::vector<std::string> toxic_words(std::string_view text);
std::vector<std::string> absolutist_phrases(std::string_view text);

}  // namespace nsai::stages

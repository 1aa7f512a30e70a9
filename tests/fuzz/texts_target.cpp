#include "stages/data/text_patterns.hpp"
#include "stages/text/command_scorer.hpp"
#include "stages/text/line_program.hpp"
#include "stages/text/words.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {

void answers(std::string_view bytes) {
  try {
    auto const answer = stages::read_answer(bytes);
    auto const e = stages::entailment_of(answer);
    require(e.entails >= 0 && e.contradicts >= 0 && e.neutral >= 0,
            "a probability is not negative");
    require(e.entails + e.contradicts + e.neutral <= 1 + 1e-5, "probabilities add up to 1");
    auto const s = stages::similarity_of(answer);
    require(s >= 0 && s <= 1, "a similarity is from 0 to 1");
  } catch (stages::line_program_error const&) {
  } catch (stages::scorer_error const&) {
  }
}

void texts(std::string_view bytes) {
  std::size_t length = 0;
  for (auto const& sentence : stages::sentences_of(bytes)) {
    require(!sentence.empty(), "a sentence has a character");
    length += sentence.size();
  }
  require(length <= bytes.size(), "no sentence is there twice");
  for (auto const& word : stages::content_words(bytes))
    require(!word.empty(), "a word has a letter");
  std::size_t from = 0;
  for (auto const& match : stages::personal_data(bytes)) {
    require(match.begin >= from && match.length > 0, "matches do not overlap");
    from = match.begin + match.length;
  }
  require(from <= bytes.size(), "matches lie in the text");
  stages::redacted(bytes);
  stages::injection_phrases(bytes);
}

}  // namespace nsai::fuzz

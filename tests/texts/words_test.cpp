#include "stages/text/words.hpp"

#include <random>

#include <doctest/doctest.h>

#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;
using list = std::vector<std::string>;

TEST_CASE("words are runs of letters, digits and bytes from 0x80, in lower case") {
  CHECK(words_of("IL-2, p53 and Stra\xc3\x9f"
                 "e.") == list{"il", "2", "p53", "and",
                               "stra\xc3\x9f"
                               "e"});
  CHECK(words_of("").empty());
  CHECK(words_of(" ,;- ").empty());
}

TEST_CASE("n't at the end of a word is the word not") {
  CHECK(words_of("It doesn't, can't and won't") ==
        list{"it", "does", "not", "can", "not", "and", "will", "not"});
  CHECK(words_of("isn\xe2\x80\x99t DON'T") == list{"is", "not", "do", "not"});
  CHECK(words_of("the cell's n'tx Dan'table") ==
        list{"the", "cell", "s", "n", "tx", "dan", "table"});
  CHECK(words_of("n't") == list{"not"});
}

TEST_CASE("stems: plural, verb endings and -ion; short words and words with digits stay") {
  auto const same = [](list const& words) {
    for (auto const& word : words)
      CHECK_MESSAGE(stem_of(word) == stem_of(words.front()), word);
  };
  same({"inhibits", "inhibited", "inhibiting", "inhibition", "inhibit"});
  same({"activates", "activated", "activating", "activation", "activate"});
  same({"increases", "increased", "increasing", "increase"});
  same({"studies", "studied", "study"});
  same({"plan", "planned", "plans", "planning"});
  CHECK(stem_of("processes") == "process");
  CHECK(stem_of("analysis") == "analysis");
  CHECK(stem_of("virus") == "virus");
  CHECK(stem_of("rate") == "rate");  // not "rat"
  CHECK(stem_of("rates") == "rate");
  CHECK(stem_of("gas") == "gas");
  CHECK(stem_of("cd28s") == "cd28s");
  CHECK(stem_of("bring") == "bring");  // no vowel is left before -ing
}

TEST_CASE("content words leave out stop words, single letters and negations") {
  CHECK(content_words("The gene does not increase a risk of cancers in mice.") ==
        list{"gene", "increas", "risk", "cancer", "mice"});
  CHECK(is_negation("without"));
  CHECK_FALSE(is_stop_word("not"));
}

TEST_CASE("Jaccard, worked by hand: two of four distinct words are shared") {
  CHECK(jaccard({"a", "b", "b", "c"}, {"c", "b", "d"}) == 0.5);
  CHECK(jaccard({"c", "b", "d"}, {"a", "b", "b", "c"}) == 0.5);
  CHECK(jaccard({}, {}) == 0.0);
  CHECK(jaccard({"a"}, {}) == 0.0);
  CHECK(jaccard({"x", "y"}, {"y", "x", "x"}) == 1.0);
}

TEST_CASE("sentences end at their mark, not at abbreviations, numbers and initials") {
  CHECK(sentences_of("We measured it. It rose by 2.5 fold! Why?  (Nobody knows.) End") ==
        list{"We measured it.", "It rose by 2.5 fold!", "Why?", "(Nobody knows.)", "End"});
  CHECK(sentences_of("As Smith et al. Found, e.g. In Fig. 3, E. coli grows vs. Others. Done.") ==
        list{"As Smith et al. Found, e.g. In Fig. 3, E. coli grows vs. Others.", "Done."});
  CHECK(sentences_of("No. 5 was used. The answer is no. Then we stopped.") ==
        list{"No. 5 was used.", "The answer is no.", "Then we stopped."});
  CHECK(sentences_of("it ends. but goes on") == list{"it ends. but goes on"});
  CHECK(sentences_of("A title\n\nThe text.\n\n\n") == list{"A title", "The text."});
  CHECK(sentences_of("He said \"stop.\" She did.") == list{"He said \"stop.\"", "She did."});
  CHECK(sentences_of("  \n ").empty());
}

TEST_CASE(
    "any bytes can be taken apart, and no sentence loses or invents a byte that is no space") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  std::string const alphabet =
      "aBn't.!? \n\"()'\xe2\x80\x99\x80\xff"
      "1,";
  auto const without_space = [](std::string_view text) {
    std::string kept;
    for (char const c : text)
      if (c != ' ' && c != '\n')
        kept += c;
    return kept;
  };
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto length = random() % 40; length > 0; --length)
      text += alphabet[random() % alphabet.size()];
    std::string joined;
    for (auto const& sentence : sentences_of(text)) {
      CHECK_FALSE(sentence.empty());
      joined += sentence;
    }
    CHECK(without_space(joined) == without_space(text));
    for (auto const& word : words_of(text))
      CHECK_FALSE(word.empty());
    content_words(text);
  }
}

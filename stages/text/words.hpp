#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

/// Words of a text in order: runs of letters and digits (ASCII, in lower case) and of bytes from
/// 0x80 on, as compute::hashed_ngrams takes them; a "n't" at the end of a word becomes the word
/// "not" (can't: can not; won't: will not), also with the apostrophe U+2019.
std::vector<std::string> words_of(std::string_view text);

/// The words that carry meaning, in order: without stop words, single letters and negations, each
/// reduced to its stem.
std::vector<std::string> content_words(std::string_view text);

/// Whether a word in lower case carries no meaning of its own ("the", "with"), or is one letter.
bool is_stop_word(std::string_view word);

/// Whether a word in lower case turns what stands near it into its opposite: not, no, without,
/// lack, failed, unable, ... Negations are neither stop words nor content words.
bool is_negation(std::string_view word);

/// A word in lower case without its endings: steps 1a to 1c and 5a of Porter 1980 ("An algorithm
/// for suffix stripping": plurals, -ed, -ing, y, e), and -ion after s or t where three letters or
/// more stay before it, so that "inhibits", "inhibited", "inhibiting" and "inhibition" are one.
/// Words with anything but letters and words of up to three letters stay as they are.
std::string stem_of(std::string word);

/// A number for a word, the same on every machine: FNV-1a, 64 bits. (Two of a million words share
/// one with probability 3e-8.)
std::uint64_t word_key(std::string_view word);

/// Of two sets of words (any order, repeats count once): |both| / |either|; 0 when both are empty.
double jaccard(std::vector<std::string> a, std::vector<std::string> b);

/// Sentences of running text, without surrounding space. They end at ".", "!" or "?" (with closing
/// quotes and brackets) before a space and something that can begin one, and at empty lines.
/// Abbreviations ("e.g.", "et al.", "Fig."), decimal points and initials do not end one.
std::vector<std::string> sentences_of(std::string_view text);

}  // namespace nsai::stages

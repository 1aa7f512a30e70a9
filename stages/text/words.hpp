#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

/// Words of a text in order: runs of letters and digits (ASCII, in lower case) and of bytes from 0x80
/// on, as compute::hashed_ngrams takes them; a "n't" at the end of a word becomes the word "not".
std::vector<std::string> words_of(std::string_view text);

/// The words that carry meaning: without stop words, each reduced to its stem (plural and verb
/// endings of English). Negations are no content words.
std::vector<std::string> content_words(std::string_view text);

/// Of two sets of words (any order, repeats count once): |both| / |either|; 0 when both are empty.
double jaccard(std::vector<std::string> a, std::vector<std::string> b);

/// Sentences of running text, without surrounding space. Abbreviations ("e.g.", "et al.", "Fig."),
/// decimal points and initials do not end one.
std::vector<std::string> sentences_of(std::string_view text);

}  // namespace nsai::stages

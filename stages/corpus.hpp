#pragma once

#include <istream>
#include <map>
#include <string>
#include <vector>

#include "stages/stage.hpp"
#include "stages/text/tfidf.hpp"

namespace nsai::stages {

/// One document of a corpus in SciFact's format.
struct abstract {
  std::string id;
  std::string title;
  std::vector<std::string> sentences;
};

/// The texts of the data set that is in `inputs.dataset`: only ids travel in the context, with the
/// place of the files (`inputs.dataset.source`), from where every stage reads the texts that it
/// needs.
class corpus {
 public:
  explicit corpus(std::vector<abstract> documents);

  std::vector<abstract> const& documents() const { return documents_; }  // in the order of the file
  abstract const* find(std::string const& id) const;                     // null: there is none

 private:
  std::vector<abstract> documents_;
  std::map<std::string, std::size_t> by_id_;
};

/// Documents of JSON lines. Broken (also: longer than 16 MiB, or nested too deep) and repeated
/// lines are skipped (data_load counts them).
std::vector<abstract> read_corpus(std::istream& in);

/// Throws shape_error when the context has no data set or its file cannot be read; an empty corpus
/// where the data set has none.
corpus load_corpus(context const& ctx, stage_env const& env);

/// Title and sentences with a space between them.
std::string text_of(abstract const& document);

/// Those of each document, in the order of the corpus.
std::vector<std::string> texts_of(corpus const& documents);

/// An index of those texts, position by position.
tfidf_index index_of(corpus const& documents);

}  // namespace nsai::stages

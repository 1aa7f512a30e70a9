#include "stages/corpus.hpp"

#include <sstream>

#include "messages/bounded_json.hpp"
#include "stages/data_lines.hpp"
#include "stages/sample_data.hpp"
#include "stages/scifact.hpp"

namespace nsai::stages {
namespace {

/// A line of a corpus; empty where data_load counts it as broken.
std::optional<abstract> abstract_of(std::string const& line) {
  auto const document =
      nests_too_deep(line) ? json(json::value_t::discarded) : json::parse(line, nullptr, false);
  if (!document.is_object() || !document.contains("doc_id") || !document.contains("abstract"))
    return std::nullopt;
  abstract a;
  try {
    a.id = id_of(document.at("doc_id"));
    read_json(document.at("abstract"), a.sentences);
  } catch (shape_error const&) {
    return std::nullopt;
  }
  if (auto const title = document.find("title"); title != document.end() && title->is_string())
    a.title = title->get<std::string>();
  return a;
}

}  // namespace

corpus::corpus(std::vector<abstract> documents) : documents_(std::move(documents)) {
  for (std::size_t i = 0; i < documents_.size(); ++i)
    by_id_.try_emplace(documents_[i].id, i);
}

abstract const* corpus::find(std::string const& id) const {
  auto const found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &documents_[found->second];
}

std::vector<abstract> read_corpus(std::istream& in) {
  std::vector<abstract> documents;
  std::set<std::string> seen;
  for (data_lines lines{in}; lines.next();)
    if (auto a = abstract_of(lines.text()); a && seen.insert(a->id).second)
      documents.push_back(std::move(*a));
  return documents;
}

corpus load_corpus(context const& ctx, stage_env const& /*env*/) {
  auto const data = ctx.inputs.find("dataset");
  if (data == ctx.inputs.end() || !data->is_object())
    throw shape_error("inputs.dataset", "nothing is there", "a data_load stage before this one");
  dataset_source source;
  if (auto const found = data->find("source"); found != data->end()) {
    try {
      read_json(*found, source);
    } catch (shape_error const& e) {
      throw e.inside("inputs.dataset.source");
    }
  }
  if (source.sample) {
    std::istringstream in{std::string{sample_data::corpus}};
    return corpus{read_corpus(in)};
  }
  if (source.paths.corpus.empty())
    return corpus{{}};
  auto in = open_data_file(source.paths.corpus, "inputs.dataset.source.paths.corpus",
                           "a file of JSON lines that every node can reach");
  return corpus{read_corpus(in)};
}

std::string text_of(abstract const& document) {
  auto text = document.title;
  for (auto const& sentence : document.sentences)
    text += (text.empty() ? "" : " ") + sentence;
  return text;
}

std::vector<std::string> texts_of(corpus const& documents) {
  std::vector<std::string> texts;
  for (auto const& document : documents.documents())
    texts.push_back(text_of(document));
  return texts;
}

tfidf_index index_of(corpus const& documents) {
  auto const texts = texts_of(documents);
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  return tfidf_index{views};
}

}  // namespace nsai::stages

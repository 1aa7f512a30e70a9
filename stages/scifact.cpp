#include "stages/scifact.hpp"

#include <algorithm>
#include <cctype>

#include "messages/bounded_json.hpp"
#include "stages/data_lines.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_notes = 20;

json const& member(json const& object, char const* name) {
  if (!object.is_object())
    throw shape_error("", describe_json(object) + " is not allowed", "an object");
  auto const found = object.find(name);
  if (found == object.end())
    throw shape_error(name, "nothing was given", "a value");
  return *found;
}

json const* optional_member(json const& object, char const* name) {
  auto const found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(json const& value, char const* path) {
  if (!value.is_string())
    throw shape_error(path, describe_json(value) + " is not allowed", "a text");
  return value.get<std::string>();
}

std::vector<std::int64_t> sentences_of(json const& entry) {
  std::vector<std::int64_t> list;
  if (auto const* sentences = optional_member(entry, "sentences")) {
    read_json(*sentences, list);
    for (auto const position : list)
      if (position < 0)
        throw shape_error("sentences", std::to_string(position) + " is not allowed",
                          "positions from 0");
  }
  return list;
}

gold_claim claim_of(json const& line) {
  gold_claim claim;
  claim.id = id_of(member(line, "id"));
  claim.claim = text_of(member(line, "claim"), "claim");
  if (auto const* evidence = optional_member(line, "evidence")) {
    if (!evidence->is_object())
      throw shape_error("evidence", describe_json(*evidence) + " is not allowed", "an object");
    for (auto const& [document, rationales] : evidence->items()) {
      auto& list = claim.evidence[document];
      if (!rationales.is_array())
        throw shape_error("evidence." + document, describe_json(rationales) + " is not allowed",
                          "an array");
      for (auto const& entry : rationales)
        list.push_back({sentences_of(entry), verdict_of(member(entry, "label"))});
    }
  }
  if (auto const* cited = optional_member(line, "cited_doc_ids"))
    for (auto const& id : *cited)
      claim.cited_doc_ids.push_back(id_of(id));
  return claim;
}

prediction prediction_of(json const& line) {
  prediction p;
  p.id = id_of(member(line, "id"));
  auto const& evidence = member(line, "evidence");
  if (!evidence.is_object())
    throw shape_error("evidence", describe_json(evidence) + " is not allowed", "an object");
  for (auto const& [document, entry] : evidence.items())
    p.evidence[document] = {verdict_of(member(entry, "label")), sentences_of(entry)};
  return p;
}

}  // namespace

verdict verdict_of(json const& value) {
  auto text = value.is_string() ? value.get<std::string>() : std::string{};
  for (auto& c : text)
    c = c == ' ' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (text == "SUPPORT" || text == "SUPPORTS")
    return verdict::support;
  if (text == "CONTRADICT" || text == "CONTRADICTS" || text == "REFUTE" || text == "REFUTES")
    return verdict::contradict;
  if (text == "NEI" || text == "NOT_ENOUGH_INFO")
    return verdict::nei;
  throw shape_error("label", describe_json(value) + " is not allowed",
                    "SUPPORT, CONTRADICT (or REFUTE) or NEI");
}

std::string id_of(json const& value) {
  if (value.is_number_integer())
    return value.dump();
  if (value.is_string() && !value.get_ref<std::string const&>().empty())
    return value.get<std::string>();
  throw shape_error("id", describe_json(value) + " is not allowed", "a whole number or a text");
}

dataset_reader::dataset_reader(std::string name, std::int64_t limit) : limit_(limit) {
  data_.name = std::move(name);
  for (auto const* count :
       {"claims", "documents", "predictions", "outputs", "broken_lines", "duplicate_lines",
        "claims_without_evidence", "empty_evidence", "missing_documents",
        "missing_evidence_documents", "missing_cited_documents", "missing_predicted_documents",
        "unknown_claims", "claims_without_prediction"})
    data_.counts[count] = 0;
}

void dataset_reader::note(std::string text) {
  if (data_.notes.size() < most_notes)
    data_.notes.push_back(std::move(text));
  else if (data_.notes.size() == most_notes)
    data_.notes.push_back("further notes are left out; the counts have them all");
}

/// `take` gets the parsed line and where it stands; what it throws makes the line a broken one.
template <class Take>
void dataset_reader::each_line(std::istream& in, std::string const& name, Take const& take) {
  data_lines lines{in};
  for (std::int64_t number = 1; lines.next(); ++number) {
    auto const& line = lines.text();
    auto const at = name + ":" + std::to_string(number);
    if (lines.too_long()) {
      ++data_.counts["broken_lines"];
      note(at + ": longer than 16 MiB");
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    try {
      if (nests_too_deep(line))
        throw too_deep("");
      take(json::parse(line), at);
    } catch (json::exception const&) {
      ++data_.counts["broken_lines"];
      note(at + ": not JSON");
    } catch (shape_error const& e) {
      ++data_.counts["broken_lines"];
      note(at + ": " + e.what());
    }
  }
}

void dataset_reader::note_duplicate(std::string text) {
  ++data_.counts["duplicate_lines"];
  note(std::move(text));
}

bool dataset_reader::belongs_to_a_claim(std::string const& id, std::string const& at) {
  if (!have_claims_ || claim_ids_.contains(id))
    return true;
  if (!skipped_claims_.contains(id)) {
    ++data_.counts["unknown_claims"];
    note(at + ": claim " + id + " is not in the claims");
  }
  return false;
}

void dataset_reader::claims(std::istream& in, std::string const& name) {
  have_claims_ = true;
  each_line(in, name, [this](json const& line, std::string const& at) {
    auto claim = claim_of(line);
    if (claim_ids_.contains(claim.id) || skipped_claims_.contains(claim.id)) {
      note_duplicate(at + ": claim " + claim.id + " was there before; the first one counts");
      return;
    }
    if (limit_ > 0 && static_cast<std::int64_t>(data_.claims.size()) >= limit_) {
      skipped_claims_.insert(claim.id);
      return;
    }
    claim_ids_.insert(claim.id);
    data_.claims.push_back(std::move(claim));
  });
}

void dataset_reader::corpus(std::istream& in, std::string const& name) {
  have_corpus_ = true;
  std::set<std::string> seen;
  each_line(in, name, [&](json const& line, std::string const& at) {
    auto id = id_of(member(line, "doc_id"));
    std::vector<std::string> sentences;
    read_json(member(line, "abstract"), sentences);
    if (!seen.insert(id).second) {
      note_duplicate(at + ": document " + id + " was there before; the first one counts");
      return;
    }
    data_.documents.push_back(std::move(id));
  });
}

void dataset_reader::predictions(std::istream& in, std::string const& name) {
  std::set<std::string> seen;
  each_line(in, name, [&](json const& line, std::string const& at) {
    auto p = prediction_of(line);
    if (!belongs_to_a_claim(p.id, at))
      return;
    if (!seen.insert(p.id).second) {
      note_duplicate(at + ": claim " + p.id + " was predicted before; the first prediction counts");
      return;
    }
    data_.predictions.push_back(std::move(p));
  });
}

void dataset_reader::outputs(std::istream& in, std::string const& name) {
  std::set<std::string> seen;
  each_line(in, name, [&](json const& line, std::string const& at) {
    proposer_output o{id_of(member(line, "id")), text_of(member(line, "output"), "output")};
    if (!belongs_to_a_claim(o.id, at))
      return;
    if (!seen.insert(o.id).second) {
      note_duplicate(at + ": claim " + o.id + " had an output before; the first one counts");
      return;
    }
    data_.outputs.push_back(std::move(o));
  });
}

dataset dataset_reader::finish() {
  auto& counts = data_.counts;
  std::set<std::string> const documents(data_.documents.begin(), data_.documents.end());
  std::set<std::string> missing_evidence, missing_cited, missing_predicted, missing;
  auto const look = [&](std::string const& document, std::set<std::string>& list) {
    if (have_corpus_ && !documents.contains(document)) {
      list.insert(document);
      missing.insert(document);
    }
  };
  for (auto const& claim : data_.claims) {
    bool any = false;
    for (auto const& [document, rationales] : claim.evidence) {
      look(document, missing_evidence);
      any = any || !rationales.empty();
      if (rationales.empty())
        ++counts["empty_evidence"];
    }
    if (!any)
      ++counts["claims_without_evidence"];
    for (auto const& document : claim.cited_doc_ids)
      look(document, missing_cited);
  }
  std::set<std::string> predicted;
  for (auto const& p : data_.predictions) {
    predicted.insert(p.id);
    for (auto const& [document, entry] : p.evidence)
      look(document, missing_predicted);
  }
  if (!data_.predictions.empty())
    counts["claims_without_prediction"] =
        std::count_if(data_.claims.begin(), data_.claims.end(),
                      [&](auto const& c) { return !predicted.contains(c.id); });
  auto const size = [](auto const& list) { return static_cast<std::int64_t>(list.size()); };
  counts["claims"] = size(data_.claims);
  counts["documents"] = size(data_.documents);
  counts["predictions"] = size(data_.predictions);
  counts["outputs"] = size(data_.outputs);
  counts["missing_documents"] = size(missing);
  counts["missing_evidence_documents"] = size(missing_evidence);
  counts["missing_cited_documents"] = size(missing_cited);
  counts["missing_predicted_documents"] = size(missing_predicted);
  if (!missing.empty())
    note(std::to_string(missing.size()) +
         " documents that are named are not in the corpus, the first is " + *missing.begin());
  return std::move(data_);
}

}  // namespace nsai::stages

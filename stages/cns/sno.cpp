#include "stages/cns/sno.hpp"

#include <cmath>
#include <set>

#include "stages/context_data.hpp"
#include "stages/proposer_text.hpp"

namespace nsai::stages {

void to_json(json& j, share const& x) {
  j = x.value;
}

void from_json(json const& j, share& x) {
  auto const value = j.is_number() ? j.get<double>() : -1;
  if (!(value >= 0 && value <= 1))
    throw shape_error("", describe_json(j) + " is not allowed", "a number from 0 to 1");
  x.value = value;
}

narrative narrative_of_text(std::string const& question, std::string const& text) {
  auto const parts = parse_proposal(text);
  narrative made;
  std::set<std::string> seen;
  for (auto const& each : parts.claims) {
    if (!seen.insert(each.id).second)
      continue;
    sno s;
    s.id = question + "." + each.id;
    s.question = question;
    s.claim = each.text;
    s.document = each.document;
    if (!each.document.empty())
      s.evidence.push_back({each.document, "", 0.0});
    made.snos.push_back(std::move(s));
  }
  for (auto const& each : parts.relations)
    if (auto const kind = from_name<relation_kind>(each.kind))
      made.relations.push_back({question + "." + each.from, *kind, question + "." + each.to});
  return made;
}

std::optional<narrative> narrative_of(context const& ctx, dataset const& data) {
  narrative all;
  if (read_output(ctx, "snos", all.snos)) {
    read_output(ctx, "relations", all.relations);
    std::set<std::string> ids;
    for (std::size_t i = 0; i < all.snos.size(); ++i)
      if (!ids.insert(all.snos[i].id).second)
        throw shape_error("outputs.snos[" + std::to_string(i) + "].id",
                          "\"" + all.snos[i].id + "\" was there before", "each id once");
    return all;
  }
  if (data.outputs.empty())
    return std::nullopt;
  std::set<std::string> questions;
  for (auto const& each : data.outputs) {
    if (!questions.insert(each.id).second)
      continue;
    auto one = narrative_of_text(each.id, each.output);
    std::move(one.snos.begin(), one.snos.end(), std::back_inserter(all.snos));
    std::move(one.relations.begin(), one.relations.end(), std::back_inserter(all.relations));
  }
  return all;
}

std::map<std::string, std::size_t> statements_of(std::vector<sno> const& snos,
                                                 std::vector<gold_claim> const& claims) {
  std::map<std::string, std::string> texts;
  for (auto const& each : claims)
    texts.emplace(each.id, each.claim);
  std::map<std::string, std::size_t> statements;
  std::set<std::string> exact;
  for (std::size_t i = 0; i < snos.size(); ++i) {
    auto const& s = snos[i];
    if (s.question.empty())
      continue;
    auto const text = texts.find(s.question);
    auto const first = statements.emplace(s.question, i).second;
    if (text != texts.end() && text->second == s.claim && exact.insert(s.question).second && !first)
      statements[s.question] = i;
  }
  return statements;
}

std::string document_of(std::string const& source) {
  auto const colon = source.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == source.size() ||
      source.find_first_not_of("0123456789", colon + 1) != std::string::npos)
    return source;
  return source.substr(0, colon);
}

}  // namespace nsai::stages

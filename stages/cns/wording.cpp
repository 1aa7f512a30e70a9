#include <algorithm>
#include <map>
#include <set>

#include "stages/cns/synthesising.hpp"

namespace nsai::stages {
namespace {

/// A sentence as part of another: without the mark at its end.
std::string without_end(std::string text) {
  while (!text.empty() && std::string_view{" .;:,!?"}.find(text.back()) != std::string_view::npos)
    text.pop_back();
  return text;
}

/// And without the capital of its first word, unless that is an acronym or one letter.
std::string in_the_middle(std::string text) {
  auto const lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && lower(text[1]) &&
      text.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 1) >=
          std::min(text.find(' '), text.size()))
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

/// The one of the largest value, of equal ones the first; none: count.
template <class Value>
std::size_t first_largest(std::size_t count, Value const& value) {
  auto best = count;
  for (std::size_t i = 0; i < count; ++i)
    if (best == count || value(i) > value(best))
      best = i;
  return best;
}

}  // namespace

std::vector<wording> wordings_of(narrative const& on, std::vector<std::size_t> const& merged) {
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < merged.size(); ++i)
    place.emplace(on.snos[merged[i]].id, i);
  struct inner_relation {
    std::size_t from, to;
    relation_kind kind;
  };
  std::vector<inner_relation> inner;
  std::vector<std::set<std::size_t>> with(merged.size());
  for (auto const& r : on.relations) {
    auto const from = place.find(r.from), to = place.find(r.to);
    if (from == place.end() || to == place.end() || from == to)
      continue;
    inner.push_back({from->second, to->second, r.kind});
    with[from->second].insert(to->second);
    with[to->second].insert(from->second);
  }
  auto const confidence = [&](std::size_t i) { return on.snos[merged[i]].confidence.value; };
  auto const centre = first_largest(merged.size(), [&](std::size_t i) {
    return confidence(i) * static_cast<double>(1 + with[i].size());
  });
  if (centre == merged.size())
    return {};
  std::set<std::size_t> opposing, supporting;
  for (auto const& r : inner) {
    if (r.kind == relation_kind::supports) {
      if (r.to == centre)
        supporting.insert(r.from);
    } else if (r.to == centre || (r.from == centre && r.kind == relation_kind::contradicts)) {
      opposing.insert(r.to == centre ? r.from : r.to);
    } else if (r.from == centre) {
      opposing.insert(r.to);  // what X refutes speaks against it
    }
  }
  auto const best_of = [&](std::set<std::size_t> const& claims) -> std::string {
    std::vector<std::size_t> const list(claims.begin(), claims.end());
    auto const best =
        first_largest(list.size(), [&](std::size_t i) { return confidence(list[i]); });
    return best == list.size() ? std::string{} : on.snos[merged[list[best]]].claim;
  };
  auto const x = on.snos[merged[centre]].claim;
  auto const y = best_of(opposing), z = best_of(supporting);
  auto const head = without_end(x);
  auto const although = ", although " + in_the_middle(without_end(y));
  auto const given = ", given that " + in_the_middle(without_end(z));
  std::vector<wording> ways;
  if (!y.empty())
    ways.push_back({head + although + ".", {x, y}});
  if (!z.empty() && y.empty())
    ways.push_back({head + given + ".", {x, z}});
  if (!z.empty() && !y.empty())
    ways.push_back({head + given + although + ".", {x, z, y}});
  if (y.empty())
    ways.push_back({head + ".", {x}});
  return ways;
}

std::vector<sno_evidence> united_evidence(narrative const& on,
                                          std::vector<std::size_t> const& merged) {
  std::vector<sno_evidence> all;
  std::map<std::string, std::size_t> place;
  for (auto const i : merged)
    for (auto const& each : on.snos[i].evidence) {
      auto const known = place.emplace(each.source, all.size());
      if (known.second)
        all.push_back(each);
      else if (auto& before = all[known.first->second]; each.validity > before.validity)
        before.validity = each.validity;
    }
  return all;
}

double beta1_reduction(std::int64_t before, std::int64_t after) {
  return before == 0 ? 0.0 : static_cast<double>(before - after) / static_cast<double>(before);
}

}  // namespace nsai::stages

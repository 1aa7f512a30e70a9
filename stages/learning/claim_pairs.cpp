#include "stages/learning/claim_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "stages/learning/classification.hpp"

namespace nsai::stages {
namespace {

verdict label_in(gold_claim const& claim, std::string const& document) {
  auto const found = claim.evidence.find(document);
  return found == claim.evidence.end() || found->second.empty() ? verdict::nei
                                                                : found->second.front().label;
}

std::vector<std::string> documents_of(gold_claim const& claim) {
  std::vector<std::string> all;
  auto const add = [&](std::string const& id) {
    if (std::find(all.begin(), all.end(), id) == all.end())
      all.push_back(id);
  };
  for (auto const& id : claim.cited_doc_ids)
    add(id);
  for (auto const& entry : claim.evidence)
    add(entry.first);
  return all;
}

/// Pairs that hang together over claims or documents: the first member stands for all.
std::vector<std::vector<std::uint32_t>> groups_of(std::vector<claim_pair> const& pairs) {
  std::vector<std::uint32_t> parent(pairs.size());
  std::iota(parent.begin(), parent.end(), 0U);
  auto const root = [&](std::uint32_t i) {
    while (parent[i] != i)
      i = parent[i] = parent[parent[i]];
    return i;
  };
  std::map<std::string, std::uint32_t> claims, documents;
  for (std::uint32_t i = 0; i < pairs.size(); ++i)
    for (auto const other : {claims.try_emplace(pairs[i].claim_id, i).first->second,
                             documents.try_emplace(pairs[i].evidence->id, i).first->second}) {
      auto const a = root(i), b = root(other);
      parent[std::max(a, b)] = std::min(a, b);
    }
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_root;
  for (std::uint32_t i = 0; i < pairs.size(); ++i)
    by_root[root(i)].push_back(i);
  std::vector<std::vector<std::uint32_t>> groups;
  for (auto& entry : by_root)
    groups.push_back(std::move(entry.second));
  return groups;
}

}  // namespace

claim_pairs pairs_of(std::vector<gold_claim> const& claims, corpus const& texts) {
  claim_pairs all;
  auto& counts = all.counts;
  for (auto const* count : {"missing_documents", "empty_documents", "claims_without_pair"})
    counts[count] = 0;
  for (auto const& name : enum_names(verdict{}))
    counts[name] = 0;
  std::set<std::string> missing, empty;
  for (auto const& claim : claims) {
    auto const before = all.pairs.size();
    for (auto const& id : documents_of(claim)) {
      auto const* const document = texts.find(id);
      if (document == nullptr) {
        missing.insert(id);
      } else if (document->sentences.empty()) {
        empty.insert(id);
      } else {
        all.pairs.push_back({claim.id, claim.claim, document, label_in(claim, id)});
        ++counts[to_string(all.pairs.back().label)];
      }
    }
    counts["claims_without_pair"] += before == all.pairs.size() ? 1 : 0;
  }
  counts["claims"] = std::ssize(claims);
  counts["pairs"] = std::ssize(all.pairs);
  counts["missing_documents"] = std::ssize(missing);
  counts["empty_documents"] = std::ssize(empty);
  return all;
}

two_sides split_by_document(std::vector<claim_pair> const& pairs, double share,
                            std::uint64_t seed) {
  auto const classes = enum_names(verdict{}).size();
  std::vector<double> wanted(classes, 0.0);
  for (auto const& pair : pairs)
    wanted[static_cast<std::size_t>(pair.label)] += share;
  auto groups = groups_of(pairs);
  portable_random random{seed};
  random.shuffle(groups);
  two_sides sides;
  for (auto const& group : groups) {
    std::vector<double> has(classes, 0.0);
    for (auto const i : group)
      ++has[static_cast<std::size_t>(pairs[i].label)];
    // A group goes over when that brings the labels closer to what is wanted there.
    double gain = 0;
    for (std::size_t c = 0; c < classes; ++c)
      gain += std::abs(wanted[c]) - std::abs(wanted[c] - has[c]);
    auto& side = gain > 0 ? sides.second : sides.first;
    side.insert(side.end(), group.begin(), group.end());
    if (gain > 0)
      for (std::size_t c = 0; c < classes; ++c)
        wanted[c] -= has[c];
  }
  std::sort(sides.first.begin(), sides.first.end());
  std::sort(sides.second.begin(), sides.second.end());
  return sides;
}

}  // namespace nsai::stages

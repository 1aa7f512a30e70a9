#include "stages/cns/flagging.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "stages/cns/pair_batch.hpp"

namespace nsai::stages {
namespace {

/// Who supports and who refutes a claim.
struct claim_sides {
  std::set<std::size_t> supporting;
  std::set<std::size_t> refuting;
  bool bears_on_another = false;
};

class flag_search {
 public:
  flag_search(narrative const& on, std::set<std::string> const& documents,
              chirality_measure const& measure, antagonist_settings const& settings)
      : on_(on),
        documents_(documents),
        measure_(measure),
        settings_(settings),
        graph_(graph_of(on)),
        sides_(on.snos.size()) {
    for (auto const& r : on.relations) {
      auto const from = graph_.find(r.from), to = graph_.find(r.to);
      if (!from || !to || *from == *to || r.kind == relation_kind::contradicts)
        continue;
      auto& to_sides = sides_[*to];
      (r.kind == relation_kind::supports ? to_sides.supporting : to_sides.refuting).insert(*from);
      sides_[*from].bears_on_another = true;
    }
    for (auto const v : graph_.polarity_conflicts())
      conflicting_.insert(v);
  }

  flagged find(text_scorer& scorer, tfidf_index const& index, compute_hooks const& hooks) {
    contradictions(scorer, index, hooks);
    polarity();
    cycles();
    for (auto each : {&flag_search::no_evidence, &flag_search::weak_evidence,
                      &flag_search::single_source, &flag_search::uncited})
      for (std::size_t i = 0; i < on_.snos.size(); ++i)
        (this->*each)(i);
    return std::move(made_);
  }

 private:
  claim_flag& flag(flag_kind kind, flag_severity severity, std::vector<std::size_t> const& claims,
                   double score, std::string reason) {
    claim_flag f;
    f.id = "f" + std::to_string(made_.flags.size() + 1);
    f.kind = kind;
    f.severity = severity;
    for (auto const v : claims)
      f.claims.push_back(on_.snos[v].id);
    f.score = std::clamp(score, 0.0, 1.0);
    f.reason = std::move(reason);
    return made_.flags.emplace_back(std::move(f));
  }

  std::set<claim_graph::pair> candidates(tfidf_index const& index, compute_hooks const& hooks) {
    auto const opposed = graph_.opposed_pairs();
    std::set<claim_graph::pair> pairs(opposed.begin(), opposed.end());
    std::map<std::string, std::vector<std::size_t>> by_question;
    for (std::size_t i = 0; i < on_.snos.size(); ++i)
      if (!on_.snos[i].question.empty())
        by_question[on_.snos[i].question].push_back(i);
    for (auto const& each : by_question) {
      auto const& claims = each.second;
      auto const window = pair_window(claims.size());
      made_.pairs_beyond_limit += pairs_beyond(claims.size());
      for (std::size_t a = 0; a < claims.size(); ++a)
        for (auto b = a + 1; b < claims.size() && b - a <= window; ++b)
          pairs.emplace(claims[a], claims[b]);
    }
    for (std::size_t i = 0; i < on_.snos.size(); ++i) {
      if (i % 64 == 0)
        tell_progress(hooks, static_cast<double>(i) / static_cast<double>(on_.snos.size()));
      for (auto const& hit : index.nearest(on_.snos[i].claim, settings_.neighbours + 1))
        if (hit.text != i)
          pairs.emplace(std::min(hit.text, i), std::max(hit.text, i));
    }
    return pairs;
  }

  void contradictions(text_scorer& scorer, tfidf_index const& index, compute_hooks const& hooks) {
    auto const pairs = candidates(index, part_of(hooks, 0.0, 0.2));
    auto const opposed = graph_.opposed_pairs();
    pair_batch batch;
    for (auto const& pair : pairs) {
      batch.add(on_.snos[pair.first].claim, on_.snos[pair.second].claim);
      batch.add(on_.snos[pair.second].claim, on_.snos[pair.first].claim);
    }
    auto const scores = batch.score(scorer, part_of(hooks, 0.2, 1.0));
    made_.compared_pairs = std::ssize(pairs);
    std::size_t at = 0;
    for (auto const& pair : pairs) {
      auto const score = std::max(scores[at].contradicts, scores[at + 1].contradicts);
      at += 2;
      bool const said = std::binary_search(opposed.begin(), opposed.end(), pair);
      bool const reached = score >= settings_.contradiction_threshold;
      if (!said && !reached)
        continue;
      auto const& a = on_.snos[pair.first];
      auto const& b = on_.snos[pair.second];
      if (!said)
        made_.found.push_back({a.id, relation_kind::contradicts, b.id});
      bool const conflict = conflicting_.contains(pair.first) || conflicting_.contains(pair.second);
      auto const severity = score >= settings_.high_threshold || (reached && conflict)
                                ? flag_severity::high
                            : reached ? flag_severity::medium
                                      : flag_severity::low;
      flag(flag_kind::contradiction, severity, {pair.first, pair.second}, score,
           fmt::format("{} and {} contradict each other with {:.2f}{}", a.id, b.id, score,
                       said ? ", and a relation says so" : ""))
          .chirality =
          measure_.of(pair.first, pair.second, conflict ? polarity::conflicts : polarity::agrees);
    }
  }

  bool has_evidence(std::set<std::size_t> const& claims) const {
    return std::any_of(claims.begin(), claims.end(),
                       [this](std::size_t v) { return !on_.snos[v].evidence.empty(); });
  }

  void polarity() {
    for (auto const v : conflicting_) {
      auto const& sides = sides_[v];
      auto const s = sides.supporting.size(), r = sides.refuting.size();
      flag(flag_kind::polarity_conflict,
           has_evidence(sides.supporting) && has_evidence(sides.refuting) ? flag_severity::high
                                                                          : flag_severity::medium,
           {v}, 2.0 * static_cast<double>(std::min(s, r)) / static_cast<double>(s + r),
           fmt::format("{} is supported by {} and refuted by {}", on_.snos[v].id, s, r));
    }
  }

  void cycles() {
    auto const found = graph_.cycles(settings_.most_cycles);
    made_.all_cycles = found.complete;
    for (auto const& cycle : found.cycles) {
      bool refutes = false;
      std::string path = on_.snos[cycle.front()].id;
      for (std::size_t i = 0; i < cycle.size(); ++i) {
        auto const to = cycle[(i + 1) % cycle.size()];
        refutes = refutes || sides_[to].refuting.contains(cycle[i]);
        path += " > " + on_.snos[to].id;
      }
      flag(flag_kind::cycle, refutes ? flag_severity::high : flag_severity::medium, cycle, 1,
           path + (refutes ? ": it refutes itself" : ": it rests on itself"));
    }
  }

  void no_evidence(std::size_t i) {
    if (on_.snos[i].evidence.empty())
      flag(flag_kind::no_evidence,
           sides_[i].bears_on_another ? flag_severity::medium : flag_severity::low, {i}, 1,
           on_.snos[i].id + " has no evidence");
  }

  void weak_evidence(std::size_t i) {
    auto const& evidence = on_.snos[i].evidence;
    if (evidence.empty())
      return;
    double mean = 0;
    for (auto const& each : evidence)
      mean += each.validity / static_cast<double>(evidence.size());
    if (mean < settings_.weak_validity)
      flag(flag_kind::weak_evidence,
           mean < settings_.weak_validity / 2 ? flag_severity::medium : flag_severity::low, {i},
           1 - mean, fmt::format("{}: mean validity {:.2f}", on_.snos[i].id, mean));
  }

  void single_source(std::size_t i) {
    if (on_.snos[i].evidence.size() == 1 && sides_[i].bears_on_another)
      flag(flag_kind::single_source, flag_severity::low, {i}, 1,
           on_.snos[i].id + " rests on " + on_.snos[i].evidence.front().source + " alone");
  }

  void uncited(std::size_t i) {
    auto const& evidence = on_.snos[i].evidence;
    if (documents_.empty() || evidence.empty())
      return;
    std::string first;
    std::int64_t unknown = 0;
    for (auto const& each : evidence)
      if (auto const document = document_of(each.source); !documents_.contains(document)) {
        first = unknown++ == 0 ? document : first;
      }
    if (unknown > 0)
      flag(flag_kind::uncited, flag_severity::medium, {i},
           static_cast<double>(unknown) / static_cast<double>(evidence.size()),
           fmt::format("{}: document \"{}\" is not in the corpus", on_.snos[i].id, first));
  }

  narrative const& on_;
  std::set<std::string> const& documents_;
  chirality_measure const& measure_;
  antagonist_settings const& settings_;
  claim_graph graph_;
  std::vector<claim_sides> sides_;
  std::set<std::size_t> conflicting_;
  flagged made_;
};

}  // namespace

claim_graph graph_of(narrative const& on) {
  std::vector<std::string> ids;
  for (auto const& each : on.snos)
    ids.push_back(each.id);
  return {ids, on.relations};
}

flagged find_flags(narrative const& on, std::set<std::string> const& documents, text_scorer& scorer,
                   tfidf_index const& index, chirality_measure const& measure,
                   antagonist_settings const& settings, compute_hooks const& hooks) {
  return flag_search{on, documents, measure, settings}.find(scorer, index, hooks);
}

}  // namespace nsai::stages

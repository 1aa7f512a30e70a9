#include "stages/cns/synthesising.hpp"

#include <algorithm>
#include <set>

#include "stages/cns/pair_batch.hpp"
#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t tried_steps = 3;
constexpr std::size_t most_cycles_counted = 100;

/// One way to go on, before it is scored.
struct attempt_at_text {
  merge_step step;
  wording words;
  std::vector<sno_evidence> evidence;
  std::size_t first_pair = 0;  // of its parts in the batch
};

/// The work on one cluster.
class cluster_synthesis {
 public:
  cluster_synthesis(narrative const& on, claim_graph const& graph, claim_cluster cluster,
                    std::string id, synthesizer_settings const& settings)
      : on_(on), graph_(graph), cluster_(std::move(cluster)), settings_(settings) {
    made_.id = std::move(id);
    made_.beta1_before = made_.beta1_after = cluster_.beta1;
  }

  std::vector<std::size_t> const& claims() const { return cluster_.claims; }
  void add(claim_relation const& r) { relations_.push_back(r); }

  bool open() const { return open_; }
  synthesis const& made() const { return made_; }
  std::vector<std::size_t> const& merged() const { return merged_; }

  /// Steps of this round; none: it is over.
  void begin_round(std::stop_token const& stop) {
    steps_ = merge_steps(cluster_, merged_, stop);
    steps_.resize(std::min(steps_.size(), tried_steps));
    tries_.clear();
    if (steps_.empty())
      open_ = false;
    else
      ++made_.iterations;
  }

  void ask_model(std::vector<text_request>& requests) const {
    auto& request = requests.emplace_back();
    request.id = made_.id;
    std::set<std::string> inside;
    for (auto const v : steps_.front().claims) {
      request.parents.push_back(&on_.snos[v]);
      inside.insert(on_.snos[v].id);
    }
    for (auto const& r : relations_)
      if (inside.contains(r.from) && inside.contains(r.to))
        request.relations.push_back(r);
  }

  void take_text(std::string const& text, pair_batch& batch) {
    if (text.empty())
      return;
    auto parts = sentences_of(text);
    if (parts.empty())
      parts.push_back(text);
    add(steps_.front(), {text, std::move(parts)}, batch);
  }

  void compose(pair_batch& batch) {
    for (auto const& step : steps_)
      for (auto& words : wordings_of(on_, step.claims))
        add(step, std::move(words), batch);
  }

  void end_round(std::span<entailment const> scores, tfidf_index const& index) {
    auto best = value_;
    attempt_at_text const* chosen = nullptr;
    critic_scores chosen_scores;
    for (auto const& each : tries_) {
      auto const critics = criticise(critique_of(each, scores), index);
      auto const value = value_of(trust_of(critics), each.step.beta1);
      if (value > best + 1e-9) {
        best = value;
        chosen = &each;
        chosen_scores = critics;
      }
    }
    if (chosen == nullptr) {
      open_ = false;
      return;
    }
    value_ = best;
    merged_ = chosen->step.claims;
    made_.claim = chosen->words.text;
    made_.evidence = chosen->evidence;
    made_.critics = chosen_scores;
    made_.trust = trust_of(chosen_scores);
    made_.beta1_after = chosen->step.beta1;
    open_ = !(trusted() && (cluster_.beta1 == 0 || reduced())) &&
            made_.iterations < settings_.max_iterations;
  }

  void finish() {
    for (auto const v : merged_)
      made_.parents.push_back(on_.snos[v].id);
    made_.status = synthesis_status::needs_review;
    if (merged_.empty()) {
      made_.status = synthesis_status::failed;
      made_.reason = "no text was given for it";
    } else if (made_.trust < settings_.least_trust) {
      made_.status = synthesis_status::failed;
      made_.reason = "trust is too low";
    } else if (trusted() && reduced()) {
      made_.status = synthesis_status::auto_accepted;
    } else if (!trusted()) {
      made_.reason = "trust does not reach its target";
    } else {
      made_.reason = cluster_.beta1 == 0 ? "there was no loop to reduce, only a contradiction"
                                         : "the reduction of loops does not reach its target";
    }
  }

 private:
  bool trusted() const { return made_.trust >= settings_.trust_target; }
  bool reduced() const {
    return beta1_reduction(cluster_.beta1, made_.beta1_after) >= settings_.reduction_target;
  }

  double value_of(double trust, std::int64_t beta1) const {
    auto const reached = [](double value, double target) {
      return target <= 0 ? 1.0 : std::min(1.0, value / target);
    };
    return reached(beta1_reduction(cluster_.beta1, beta1), settings_.reduction_target) +
           reached(trust, settings_.trust_target);
  }

  void add(merge_step const& step, wording words, pair_batch& batch) {
    attempt_at_text made{step, std::move(words), united_evidence(on_, step.claims), batch.size()};
    std::string evidence;
    for (auto const& each : made.evidence)
      evidence += (evidence.empty() ? "" : " ") + each.content;
    for (auto const& part : made.words.parts)
      batch.add(evidence, part);
    tries_.push_back(std::move(made));
  }

  critique critique_of(attempt_at_text const& each, std::span<entailment const> scores) const {
    critique c;
    c.claim = each.words.text;
    c.evidence = each.evidence;
    std::set<std::size_t> inside(each.step.claims.begin(), each.step.claims.end()), near = inside;
    for (auto const v : each.step.claims)
      near.insert(graph_.neighbours()[v].begin(), graph_.neighbours()[v].end());
    for (auto const v : near)
      c.others.emplace_back(on_.snos[v].claim);
    auto const parts = each.words.parts.size();
    if (!each.evidence.empty())
      for (std::size_t i = 0; i < parts; ++i)
        c.entailment += scores[each.first_pair + i].entails / static_cast<double>(parts);
    tell_graph(inside, each.words.parts.front(), c);
    return c;
  }

  /// What the merged claim is in the rest of the cluster.
  void tell_graph(std::set<std::size_t> const& inside, std::string const& head, critique& c) const {
    std::set<std::string> names;
    std::string centre;
    for (auto const v : inside) {
      names.insert(on_.snos[v].id);
      if (centre.empty() && on_.snos[v].claim == head)
        centre = on_.snos[v].id;
    }
    std::vector<std::string> ids{made_.id};
    std::vector<claim_relation> left;
    for (auto const v : cluster_.claims)
      if (!inside.contains(v))
        ids.push_back(on_.snos[v].id);
    c.supporting = std::ssize(c.evidence);
    for (auto const& r : relations_) {
      bool const from = names.contains(r.from), to = names.contains(r.to);
      bool const bears = to && (!from || r.to == centre);
      if (bears || (from && !to && r.kind == relation_kind::contradicts))
        ++(r.kind == relation_kind::supports ? c.supporting : c.opposing);
      if (!(from && to))
        left.push_back({from ? made_.id : r.from, r.kind, to ? made_.id : r.to});
    }
    claim_graph const rest{ids, left};
    for (auto const& cycle : rest.cycles(most_cycles_counted).cycles)
      c.cycles += cycle.front() == 0 ? 1 : 0;  // from its lowest vertex: the merged one is 0
    for (auto const& pair : rest.opposed_pairs())
      c.contradictions += pair.first == 0 ? 1 : 0;
    for (auto const v : rest.polarity_conflicts())
      c.contradictions += v == 0 ? 1 : 0;
  }

  narrative const& on_;
  claim_graph const& graph_;
  claim_cluster cluster_;
  synthesizer_settings const& settings_;
  std::vector<claim_relation> relations_;
  std::vector<std::size_t> merged_;
  std::vector<merge_step> steps_;
  std::vector<attempt_at_text> tries_;
  synthesis made_;
  double value_ = -1;
  bool open_ = true;
};

/// Each cluster with the relations between its claims.
std::vector<cluster_synthesis> work_on(narrative const& on, claim_graph const& graph,
                                       synthesizer_settings const& settings) {
  std::vector<cluster_synthesis> work;
  for (auto& cluster : clusters_of(graph))
    work.emplace_back(on, graph, std::move(cluster), "s" + std::to_string(work.size() + 1),
                      settings);
  std::vector<std::size_t> cluster_of(graph.ids().size(), work.size());
  for (std::size_t k = 0; k < work.size(); ++k)
    for (auto const v : work[k].claims())
      cluster_of[v] = k;
  for (auto const& r : on.relations) {
    auto const from = graph.find(r.from), to = graph.find(r.to);
    if (from && to && cluster_of[*from] < work.size() && cluster_of[*from] == cluster_of[*to])
      work[cluster_of[*from]].add(r);
  }
  return work;
}

/// The graph with a synthesis in place of each merged claim; relations once, in order.
narrative after_of(narrative const& on, std::vector<synthesis> const& syntheses) {
  std::map<std::string, std::string> into;
  for (auto const& each : syntheses)
    if (each.status != synthesis_status::failed)
      for (auto const& parent : each.parents)
        into.emplace(parent, each.id);
  narrative after;
  for (auto const& each : on.snos)
    if (!into.contains(each.id))
      after.snos.push_back(each);
  for (auto const& each : syntheses)
    if (each.status != synthesis_status::failed)
      after.snos.push_back(
          {each.id, "", each.claim, "", each.evidence, each.trust, {each.parents}});
  std::set<std::tuple<std::string, relation_kind, std::string>> seen;
  for (auto const& r : on.relations) {
    auto const from = into.find(r.from), to = into.find(r.to);
    claim_relation moved{from == into.end() ? r.from : from->second, r.kind,
                         to == into.end() ? r.to : to->second};
    bool const within = moved.from == moved.to && r.from != r.to;
    if (!within && seen.emplace(moved.from, moved.kind, moved.to).second)
      after.relations.push_back(std::move(moved));
  }
  return after;
}

}  // namespace

synthesis_outcome synthesise(narrative const& on, text_scorer& scorer, tfidf_index const& index,
                             synthesizer_settings const& settings, text_source const& model,
                             compute_hooks const& hooks) {
  synthesis_outcome result;
  auto const graph = graph_of(on);
  auto work = work_on(on, graph, settings);
  for (std::int64_t round = 0; round < settings.max_iterations; ++round) {
    if (hooks.stop.stop_requested()) {
      result.stopped = true;
      return result;
    }
    if (hooks.progress)
      hooks.progress(static_cast<double>(round) / static_cast<double>(settings.max_iterations));
    std::vector<cluster_synthesis*> open;
    for (auto& each : work)
      if (each.open()) {
        each.begin_round(hooks.stop);
        if (each.open())
          open.push_back(&each);
      }
    if (open.empty())
      break;
    pair_batch batch;
    if (model) {
      std::vector<text_request> requests;
      for (auto const* each : open)
        each->ask_model(requests);
      auto const texts = model(requests);
      for (std::size_t i = 0; i < open.size(); ++i)
        open[i]->take_text(texts[i], batch);
    } else {
      for (auto* each : open)
        each->compose(batch);
    }
    auto const scores = batch.score(scorer, {hooks.stop, nullptr});
    for (auto* each : open) {
      tell_progress({hooks.stop, nullptr}, 0);
      each->end_round(scores, index);
    }
  }
  for (auto& each : work) {
    each.finish();
    result.syntheses.push_back(each.made());
  }
  result.after = after_of(on, result.syntheses);
  return result;
}

}  // namespace nsai::stages

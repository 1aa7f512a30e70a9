#pragma once

#include "scheduling/core_books.hpp"
#include "scheduling/node_survey.hpp"

namespace nsai::scheduling {

/// Questions that the books answer, and the few hands that everything needs (`rare`, `emit`). The
/// functions lie in the core_*.cpp files of their subjects.
struct core_queries : core_books {
  using core_books::core_books;

  job& at(job_id id);
  rare_facts& rare(job& j);
  rare_facts const* find_rare(job const& j) const;
  template <class E>
  void emit(E&& e) {
    out->emplace_back(std::forward<E>(e));
  }
  /// One to be filled in; until the next.
  template <class E>
  E& emit() {
    return std::get<E>(out->emplace_back(std::in_place_type<E>));
  }

  // Submissions
  std::optional<error_info> check_stage(std::string const& stage, std::string_view field) const;
  std::optional<submit_result> live_answer(submission const& s) const;
  submit_result numbers_of(job_id id) const;

  // Attempts
  std::string const& node_name(job const& j) const;
  std::optional<error_info> own_error(job const& j, attempt_outcome const& outcome) const;
  std::optional<error_info> past_infra_limits(job const& j, std::string const& last) const;
  timestamp ends_by(attempt_ref ref) const;
  std::optional<health_attempt> health_of(job const& j) const;
  bool is_alone_on_devices(job const& j) const;
  bool is_stopped_for_others(job const& j) const;
  bool may_claim(job const& j, choice const& c) const;
  bool is_victim(attempt_ref ref, job const& claimant, priority level) const;

  // Gangs and groups
  gang_facts const* gang_of(job const& j) const;
  job const& at_parent(job const& child) const;
  bool takes_turns(job const& j) const;
  bool has_attempt(job const& j) const;
  bool is_grouped(job const& j) const;
  group_book::name group_of(job const& j) const;
  bool is_member(job const& j) const { return j.array_child && gang_of(at_parent(j)) != nullptr; }
  /// Visits the members, by rank.
  template <class F>
  void for_members(job const& parent, F&& visit) {
    auto const count = parents.at(parent.id).children;
    for (std::uint64_t i = 0; i < count; ++i)
      visit(at({parent.id.value + 1 + i}));
  }

  // Nodes and tenants
  std::optional<std::string> find_node(std::string const& word) const;
  std::optional<error_info> find_nodes(std::vector<std::string> const& words,
                                       std::vector<std::string>& uuids) const;
  std::string name_of(std::string const& uuid) const;
  node_order const& order_for(std::string const& uuid) const;
  node_order order_to_change(std::string const& uuid) const;
  std::vector<maintenance_window> const& config_windows(std::string const& uuid) const;
  service service_of(std::string const& uuid) const;
  tenant_settings const& settings_of(std::string const& tenant) const;
  amounts charged(job const& j) const;

  // For people
  explanation why_no_turn(job const& j) const;
  std::string wait_for_dependency(job const& j) const;
  std::vector<job_id> unmet_dependencies(job const& j) const;
  std::vector<room_holder> holders(std::vector<node_state const*> const& nodes_there,
                                   shape const& s) const;
  node_survey survey(job const& j) const;
  std::string explain_reservation(reservation const& r) const;
  start_facts facts(job const& j) const;
};

}  // namespace nsai::scheduling

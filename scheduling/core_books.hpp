#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "scheduling/cluster.hpp"
#include "scheduling/core.hpp"
#include "scheduling/fair_share.hpp"
#include "scheduling/group_book.hpp"
#include "scheduling/health.hpp"
#include "scheduling/job_facts.hpp"
#include "scheduling/job_table.hpp"
#include "scheduling/placement.hpp"
#include "scheduling/quota_book.hpp"
#include "scheduling/ready_queues.hpp"
#include "scheduling/recurrence_book.hpp"
#include "scheduling/reservation.hpp"
#include "scheduling/service.hpp"
#include "scheduling/shapes.hpp"
#include "scheduling/spending.hpp"
#include "scheduling/timers.hpp"
#include "scheduling/token_bucket.hpp"

namespace nsai::scheduling {

/// Everything the core is: its tables, and what it has promised to look at later.
struct core_books {
  explicit core_books(core_settings given)
      : settings(std::move(given)),
        last_id(settings.last_used),
        jobs(settings.large_tables),
        shares(settings.half_life_ms),
        queues(&shares, settings.large_tables),
        places(nodes, {settings.placement, settings.share_between_tenants, settings.seed}) {}

  core_settings settings;
  timestamp now;
  effects* out = nullptr;
  submit_result answer;
  std::vector<submit_result> answers;  // of the batch
  std::uint32_t request = 0;           // position in the batch of the submission that is created
  job_id last_id;
  bool restoring = false;
  std::int64_t refused_outcomes = 0;
  std::int64_t running = 0;  // attempts' jobs, parents not counted

  mutable job_table jobs;
  terms_table terms;
  mutable shape_table shapes;
  fair_share shares;
  quota_book quotas;
  /// Whose jobs have found no place beside the models of which their quota is used up, until some
  /// node gains room.
  std::set<std::pair<tenant_index, shape_index>> no_other_models;
  std::vector<token_bucket> submit_rates;  // by tenant
  spending money;
  group_book groups;
  ready_queues queues;
  timers clock;
  recurrence_book recurrences;
  mutable cluster nodes;
  placement places;
  name_table tenants;
  name_table owners;
  name_table stage_names;
  std::vector<stage_facts> stages;  // by stage_index

  std::unordered_map<job_id, rare_facts> rares;
  std::unordered_map<job_id, parent_facts> parents;
  std::unordered_map<std::string, job_id> keys;         // tenant, newline, key
  std::unordered_map<std::string, job_id> uniques;      // tenant, newline, word
  std::set<job_id> deciding;                            // the supervisor was asked
  std::map<std::string, std::set<job_id>> unconfirmed;  // by uuid of the node
  timestamp adopt_until;
  std::map<job_id, std::vector<ended_job>>
      restored;                // until `restore_finished`, with ended dependencies
  std::deque<departed> ended;  // whose parents and dependents have not been told yet

  std::uint64_t capacity_epoch = 0;      // the cluster epoch of `learn_capacity`
  double mean_price = 0;                 // of a device on nodes with devices; 0: none has a price
  double mean_core_price = 0;            // of a core on the others
  timestamp standings_at;                // when all were refreshed last
  reservation_book reservations;         // in order of making
  bool rooms_gained = false;             // where room is kept, there is more of it
  std::int64_t preemptible_running = 0;  // attempts of jobs that may be preempted
  bool reserving_due = false;            // some have begun to wait since
  timestamp looked_at;                   // when it was looked last for whom room should be kept
  timestamp next_reserving;              // when it is looked again for whom room should be kept
  std::uint64_t room_epoch = 1;          // changes whenever some node may take more ahead
  std::uint32_t grants_since_aged = 0;
  priority served_since_aged = priority::offline;  // the most urgent level that got one of these
  health wellness;
  name_table places_of_health;               // node uuid, or that with the device's
  timestamp next_health;                     // when quarantines are looked at again; 0: never
  timestamp all_back_at;                     // after a restart: until then nodes may be missing
  timestamp next_rest_end;                   // 0: no node rests
  std::map<std::string, node_order> orders;  // by uuid, of nodes that are not there too
  timestamp next_service;  // when what nodes are ordered is looked at again; 0: never
  timestamp next_silence;  // when the silence of nodes is looked at again; 0: never
  timestamp heard_floor;   // the scheduler itself heard nothing before this
  timestamp no_loss_before;
  bool mass_silence = false;
  timestamp node_lost_at;  // the latest
  std::string node_lost;   // its uuid
  timestamp announced_wake;
};

}  // namespace nsai::scheduling

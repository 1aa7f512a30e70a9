#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "messages/values.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// Amounts of cpu (thousandths of a core), memory (MiB) and GPUs (devices; shares are fractions).
struct amounts {
  double cpu = 0;
  double memory_mb = 0;
  double gpus = 0;
};

/// Who is to be served next, by weighted dominant-resource fairness (Ghodsi et al., NSDI 2011) over
/// use that decays. The use of a resource grows by what is held, continuously, and halves in a half
/// life. A tenant's standing is the largest part of a resource of the cluster that it has used, by
/// its weight; the lowest standing has the turn. The owners of a tenant stand to each other in the
/// same way, with equal weights.
///
/// Use counts as if what is held now were held for another `horizon`. Without this, a tenant that
/// has used nothing yet would be given everything at once, and get nothing for as long afterwards.
class fair_share {
 public:
  explicit fair_share(std::int64_t half_life_ms);

  /// The time for all that follows; never earlier than before.
  void advance(timestamp now);
  /// Of the whole cluster. A resource of which there is none is not counted.
  void set_capacity(amounts const& all);
  /// Above 0.
  void set_weight(tenant_index tenant, double weight);
  /// An attempt of this length has ended.
  void note_duration(std::int64_t ms);

  void start(tenant_index tenant, owner_index owner, amounts const& held);
  void stop(tenant_index tenant, owner_index owner, amounts const& held);

  double standing(tenant_index tenant) const;
  double standing(tenant_index tenant, owner_index owner) const;
  /// The tenant has work that waits at one priority level more (or less). With what it holds this
  /// makes it an active one.
  void wait(tenant_index tenant);
  void wait_no_more(tenant_index tenant);
  /// The part of the cluster that is the tenant's among the active ones, 0 to 1.
  double entitled(tenant_index tenant) const {
    bool const known = tenant < tenants_.size();
    auto const weight = known ? tenants_[tenant].weight : 1;
    bool const active = known && tenants_[tenant].active > 0;
    return weight / (active ? active_weight_ : active_weight_ + weight);
  }
  /// It holds its part or more of the cluster, and others are active.
  bool is_above(tenant_index tenant) const {
    return (above(tenant / 64) >> (tenant % 64) & 1) != 0;
  }
  /// A bit for each of 64 tenants, the first of which is 64 × `word`.
  std::uint64_t above(std::size_t word) const {
    if (word >= above_.size())
      return 0;
    if (above_[word].as_of != entitlements_)
      learn_above(word);
    return above_[word].bits;
  }
  /// The dominant part of the cluster that the tenant holds now, 0 to 1.
  double held(tenant_index tenant) const {
    return tenant < parts_.size() ? parts_[tenant].held : 0;
  }
  amounts holding(tenant_index tenant) const;
  /// The dominant part of the cluster that the amounts are, 0 to 1.
  double part(amounts const& of) const { return dominant(parts(of)); }

  /// What was used, in amounts × seconds, decayed to the present.
  struct usage {
    tenant_index tenant = none;
    owner_index owner = none;
    amounts used;
  };
  std::vector<usage> all_usage() const;
  /// Adds what was used before, decayed to the present.
  void restore(usage const& before);
  amounts used(tenant_index tenant) const;

 private:
  using vector = std::array<double, 3>;
  /// What is used grows by rate × (e^(λt) - 1) / λ where everything is scaled by e^(λt), so that
  /// the order of two accounts whose rates do not change needs no look at the clock.
  struct account {
    vector base{};
    vector rate{};
  };
  struct owner_account {
    owner_index owner = none;
    account of;
  };
  struct tenant_account {
    account of;
    double weight = 1;
    std::uint32_t active = 0;           // levels it waits at, and attempts it holds
    std::vector<owner_account> owners;  // by number
  };

  /// Of the cluster; side by side, for the many quick looks at who is above.
  struct part_held {
    double held = 0;                // the dominant part of the tenant's `account::rate`
    mutable double above_from = 0;  // what it holds when it is above its part of the cluster
  };
  /// Who is above, with these `entitlements_`: then `above_from` of the tenants is as of these,
  /// too.
  struct above_word {
    std::uint64_t bits = 0;
    std::uint64_t as_of = 0;
  };

  static vector parts(amounts const& a) { return {a.cpu, a.memory_mb, a.gpus}; }
  tenant_account& at(tenant_index tenant);
  owner_account& at(tenant_account& tenant, owner_index owner);
  void join(tenant_account& tenant);
  void leave(tenant_account& tenant);
  void change(account& a, vector const& by, double sign) const;
  double dominant(vector const& of) const;
  double standing(account const& a) const;
  amounts used(account const& a) const;
  void hold(tenant_index tenant);
  void learn_above(std::size_t word) const;
  void set_scale();
  void rebase();

  double const decay_;  // λ, per second
  timestamp origin_;    // where e^(λt) is 1
  timestamp now_;
  double scale_ = 1;  // e^(λt) now
  double grown_ = 0;  // (e^(λt) - 1) / λ now
  double horizon_s_ = 60;
  vector capacity_{};
  double active_weight_ = 0;
  std::uint64_t entitlements_ = 1;  // grows when what tenants are entitled to may have changed
  std::vector<tenant_account> tenants_;
  std::vector<part_held> parts_;           // by tenant, as `tenants_`
  mutable std::vector<above_word> above_;  // by tenant / 64
};

}  // namespace nsai::scheduling

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/resources.hpp"

namespace nsai::scheduling {

/// What a tenant holds of those models of GPUs that it has a quota of. A quota is of all devices
/// that its pattern matches; one device may count for several. Which model a job gets is known when
/// it has it: so one whose pattern leaves it a choice takes what is left, and waits only when the
/// quotas of all its alternatives are used up.
class model_quotas {
 public:
  /// What is held has to be counted anew.
  void set(std::map<std::string, milli> const& quotas);
  bool empty() const { return all_.empty(); }
  /// An attempt holds these (sign 1), or no more (-1). `firm`: they count against the quota.
  void count(std::vector<device_grant> const& devices, bool firm, std::int64_t sign);
  void forget();
  std::map<std::string, milli> held() const;

  /// The patterns of which the request, so many times, may have no device now. Not all of them need
  /// be what it asks for.
  std::vector<std::string> used_up(resources const& r, std::int64_t times = 1) const;
  /// Whether it may have a device of some model that it asks for.
  bool has_room(resources const& r, std::int64_t times = 1) const;
  /// Why not, in words.
  std::string reason(resources const& r, std::int64_t times = 1) const;
  /// The quota because of which it never may, if there is one: its pattern and its value.
  std::optional<std::pair<std::string, milli>> never(resources const& r,
                                                     std::int64_t times = 1) const;
  /// More is held than a quota allows, borrowed devices included.
  bool is_above() const;
  /// With these, too, nothing that is held is more than its quota.
  bool is_within(resources const& r, std::int64_t times = 1) const;

  friend bool operator==(model_quotas const&, model_quotas const&) = default;

 private:
  struct entry {
    std::string pattern;
    std::int64_t quota = 0;  // milli, likewise below
    std::int64_t held = 0;
    std::int64_t firm = 0;  // of these, by jobs that do not borrow
    friend bool operator==(entry const&, entry const&) = default;
  };
  /// The first entry of each alternative that is `bad`; empty: some alternative has none.
  template <class Bad>
  std::vector<entry const*> in_the_way(resources const& r, Bad bad) const;

  std::vector<entry> all_;
};

}  // namespace nsai::scheduling

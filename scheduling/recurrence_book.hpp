#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduling/cron.hpp"

namespace nsai::scheduling {

/// What recurs, and when it is due next. However many of its times have passed unseen, it is due
/// once.
class recurrence_book {
 public:
  using name = std::pair<std::string, std::string>;  // tenant, name
  struct due {
    name of;
    timestamp next_at;  // the time after this one
  };

  /// From now on. `next_at` of 0: the first time after `now`.
  void set(name const& of, cron_times const& times, timestamp next_at, timestamp now);
  void erase(name const& of);
  /// Those whose time has come, in its order.
  std::vector<due> take_due(timestamp now);
  /// 0: there is none.
  timestamp next() const { return order_.empty() ? timestamp{} : order_.begin()->first; }
  /// 0: it is not known.
  timestamp next_of(name const& of) const;

 private:
  struct entry {
    cron_times times;
    timestamp next_at;
  };
  std::map<name, entry> entries_;
  std::set<std::pair<timestamp, name>> order_;
};

}  // namespace nsai::scheduling

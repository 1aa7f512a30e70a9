#pragma once

#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai {

/// A submission that is made again and again. Its times are minutes of UTC that match `cron`, the
/// five fields of crontab(5): minute, hour, day of month, month, day of week.
struct recurrence {
  static constexpr char const* type_name = "recurrence";
  std::string tenant_id;
  std::string name;  // unique among those of the tenant
  std::string cron;
  submission request;
  timestamp created_at;
  timestamp next_at;                     // when it is made next
  timestamp last_at;                     // when it was made last; 0: not yet
  job_id last_job;                       // that came of it; 0: none, or it was refused
  std::optional<error_info> last_error;  // why it was refused

  static constexpr auto fields() {
    using r = recurrence;
    return std::tuple{field{"tenant_id", &r::tenant_id},
                      field{"name", &r::name},
                      field{"cron", &r::cron},
                      field{"request", &r::request},
                      field{"created_at", &r::created_at},
                      field{"next_at", &r::next_at},
                      field{"last_at", &r::last_at},
                      field{"last_job", &r::last_job},
                      field{"last_error", &r::last_error}};
  }
  friend bool operator==(recurrence const&, recurrence const&) = default;
};

/// Client -> scheduler: from now on, this is submitted at every time that matches. Answered by
/// `recurrence_list` with the one that holds. The same once more changes nothing; another one under
/// a name that is in use is refused.
struct add_recurrence {
  static constexpr char const* type_name = "add_recurrence";
  std::string name;
  std::string cron;
  submission request;
  static constexpr auto fields() {
    return std::tuple{field{"name", &add_recurrence::name}, field{"cron", &add_recurrence::cron},
                      field{"request", &add_recurrence::request}};
  }
};

/// Client -> scheduler; answered by `answer`: all of them end, or (one is unknown) none. Jobs that
/// came of them stay.
struct cancel_recurrences {
  static constexpr char const* type_name = "cancel_recurrences";
  std::string tenant_id;
  std::vector<std::string> names;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &cancel_recurrences::tenant_id},
                      field{"names", &cancel_recurrences::names}};
  }
};

/// Client -> scheduler; answered by `recurrence_list`, by tenant and name.
struct list_recurrences {
  static constexpr char const* type_name = "list_recurrences";
  std::string tenant_id;  // empty: all tenants
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &list_recurrences::tenant_id}};
  }
};
struct recurrence_list {
  static constexpr char const* type_name = "recurrence_list";
  std::vector<recurrence> list;
  std::optional<error_info> error;
  static constexpr auto fields() {
    return std::tuple{field{"list", &recurrence_list::list},
                      field{"error", &recurrence_list::error}};
  }
};

}  // namespace nsai

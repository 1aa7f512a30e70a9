#include "messages/explanation.hpp"

namespace nsai {

std::vector<std::string> const& enum_names(wait_rule) {
  static std::vector<std::string> const list{
      "none",       "confirmation", "group",      "budget",      "quota",      "child",
      "no_node",    "stage",        "labels",     "gpu_model",   "size",       "service",
      "silent",     "unable",       "probation",  "quarantine",  "gpu_memory", "busy",
      "priority",   "fair_share",   "gang",       "reservation", "room_kept",  "dependency",
      "not_before", "array_limit",  "supervisor", "backoff"};
  return list;
}

explanation because(wait_rule rule, std::string reason) {
  explanation e;
  e.rule = rule;
  e.reason = std::move(reason);
  return e;
}

}  // namespace nsai

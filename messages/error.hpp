#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "messages/field_list.hpp"

namespace nsai {

/// Why something was refused or failed. `category` says who has to act:
///   usage        the caller: bad input (exit 2)            field says where
///   not_found    the caller: no such job, node or stage (exit 2)
///   refused      a rule: quota, permission, conflict, draining (exit 5)
///   unavailable  the operator: scheduler or store cannot be reached or written (exit 3)
///   stage        the job's own code: its error, signal, exit status, timeout or memory excess
///   dependency   a job that this one waited for did not succeed
///   budget       the job's own limit on its cost: it was stopped there
///   infra        node loss, hand-back, GPU hardware; the job is not blamed
///   timeout      the caller's own limit on waiting has passed (exit 4)
///   internal     our fault: nothing else fits (exit 1)
struct error_info {
  static constexpr char const* type_name = "error_info";
  std::string category;
  std::string code;  // one word for programs: "unknown_stage", "exit_status", "signal", "node_lost"
  std::string message;                      // a sentence for people: what came, what was expected
  std::optional<std::string> field;         // "constraints.timeout_ms"
  bool retryable = false;                   // an own failure that another attempt may cure
  std::optional<std::int32_t> exit_status;  // of a program that exited by itself
  std::optional<std::string> signal;        // "SIGSEGV"
  std::optional<std::int64_t> retry_after_ms;  // of what came too fast: it may come again then

  static constexpr auto fields() {
    return std::tuple{nsai::field{"category", &error_info::category},
                      nsai::field{"code", &error_info::code},
                      nsai::field{"message", &error_info::message},
                      nsai::field{"field", &error_info::field},
                      nsai::field{"retryable", &error_info::retryable},
                      nsai::field{"exit_status", &error_info::exit_status},
                      nsai::field{"signal", &error_info::signal},
                      nsai::field{"retry_after_ms", &error_info::retry_after_ms}};
  }
  friend bool operator==(error_info const&, error_info const&) = default;
};

/// An error that is about no field.
error_info error_of(std::string category, std::string code, std::string message);

/// Bad input at `field`: `came` is what was found, `expected` what belongs there.
error_info usage_error(std::string field, std::string const& came, std::string const& expected);
error_info usage_error(shape_error const& fault);

}  // namespace nsai

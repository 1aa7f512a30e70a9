#pragma once

#include <array>
#include <optional>

#include "messages/job.hpp"

namespace nsai::scheduling {

/// What can happen to a job, as far as its status is concerned.
enum class signal : std::uint8_t {
  release,  // nothing holds it back any more
  grant,    // an attempt was granted; of a parent: its first child's
  close,    // the attempt is over and another may follow
  succeed,
  fail,
  cancel,
  expire  // the deadline passed, or the last attempt timed out
};

struct transition {
  job_status from;
  signal by;
  job_status to;
};

/// Every transition there is; a pair that is not listed is refused.
inline constexpr std::array<transition, 14> transitions{{
    {job_status::pending, signal::release, job_status::queued},
    // A step whose result is taken over from an earlier run.
    {job_status::pending, signal::succeed, job_status::succeeded},
    {job_status::pending, signal::fail, job_status::failed},
    {job_status::pending, signal::cancel, job_status::canceled},
    {job_status::pending, signal::expire, job_status::timeout},
    {job_status::queued, signal::grant, job_status::running},
    // A parent fails while it is queued when a child fails before any child has started.
    {job_status::queued, signal::fail, job_status::failed},
    {job_status::queued, signal::cancel, job_status::canceled},
    {job_status::queued, signal::expire, job_status::timeout},
    {job_status::running, signal::close, job_status::pending},
    {job_status::running, signal::succeed, job_status::succeeded},
    {job_status::running, signal::fail, job_status::failed},
    {job_status::running, signal::cancel, job_status::canceled},
    {job_status::running, signal::expire, job_status::timeout},
}};

constexpr std::optional<job_status> next_status(job_status from, signal by) {
  for (auto const& t : transitions)
    if (t.from == from && t.by == by)
      return t.to;
  return std::nullopt;
}

/// The signal that leads to the terminal status `to`.
signal signal_to(job_status to);

/// The status after `by`; a pair that is not listed is a bug.
job_status advance(job_status from, signal by);

}  // namespace nsai::scheduling

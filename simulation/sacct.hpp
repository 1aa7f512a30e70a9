#pragma once

#include <string>
#include <string_view>

#include "simulation/openb.hpp"

namespace nsai::simulation {

/// Reads the accounting of Slurm: what `sacct --allusers --parsable2 --format=JobID,User,Account,
/// Submit,Start,End,ElapsedRaw,State,ReqTRES,AllocTRES,Timelimit` prints, with any further columns
/// in any order. Gives a workload; a cluster is not in there. Throws shape_error with FILE:LINE.
///
/// - JobID and Submit have to be there, and ElapsedRaw, Elapsed, or Start and End. Times are civil
///   times without a zone, or seconds (SLURM_TIME_FORMAT=%s); submissions count from the first one.
/// - Steps (12.batch, 12.0) are skipped, and so are jobs that never ran. Elements of arrays are
/// jobs.
/// - A job takes as long as it took, also if it failed. One that is still running counts with what
/// it
///   has run so far.
/// - tenant: the account; owner: the user. The priority is batch: Slurm's are numbers of another
/// kind.
/// - Needs: ReqTRES, else AllocTRES, of cpu, mem and gres/gpu with its model. A job on several
/// nodes
///   becomes as many equal jobs on one node each, which together need the same.
/// - Timelimit becomes the timeout, where the job kept it and it is not above 7 days.
imported import_sacct(std::string_view text, std::string const& file);

}  // namespace nsai::simulation

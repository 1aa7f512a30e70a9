// The executor looks after its GPUs.
#include <algorithm>
#include <map>

#include <spdlog/spdlog.h>

#include "actors/executor_state.hpp"
#include "actors/host_pool.hpp"
#include "devices/gpu_faults.hpp"

namespace nsai::actors {
namespace {

constexpr std::chrono::milliseconds look_every{1000};
/// A GPU that fails can make a look take long; registration and outcomes wait no longer than this.
constexpr std::chrono::seconds longest_look{10};

/// No question about a GPU takes so long unless its driver hangs.
constexpr std::chrono::seconds longest_silence{30};

/// Of GPU memory, in an idle stage host: CUDA's context and libraries take less.
constexpr std::int64_t most_idle_mb = 2048;

/// Who holds too much memory keeps it from its neighbours meanwhile.
constexpr std::int64_t grace_of_excess_ms = 2000;

std::string fault_sentence(device_grant const& device, std::string const& node,
                           std::string const& why) {
  return "GPU " + std::to_string(device.index) + " (" + device.uuid + ") of node " + node +
         " has failed: " + why;
}

/// What a stage told before it was stopped is no result.
void turn_into(attempt_outcome& outcome, attempt_result result, error_info error) {
  outcome.result = result;
  outcome.error = std::move(error);
  outcome.value = {};
  outcome.context = {};
}

/// Called by the watch.
std::vector<attempt_leader> leaders_of(workplace const& where) {
  auto list = where.leaders->all();
  if (where.hosts)
    for (auto const& host : where.hosts->hosts())
      if (host.running && host.pid != 0)
        list.push_back({*host.running, host.pid});
  return list;
}

}  // namespace

void executor_state::watch_gpus() {
  std::vector<gpu_info> real;
  std::vector<std::string> uuids;
  for (auto const& gpu : options_.node.gpus)
    if (!gpu.is_virtual) {
      real.push_back(gpu);
      uuids.push_back(gpu.uuid);
    }
  bool const finds = options_.find_gpus_every.count() > 0;
  has_looked_ = real.empty() || options_.gpu_library.empty();
  if (options_.gpu_library.empty() || (real.empty() && !finds))
    return;
  gpus_ = gpu_news{std::move(real)};
  watch_ = std::make_unique<gpu_watch>(
      gpu_watch::settings{options_.gpu_library, std::move(uuids), look_every,
                          options_.find_gpus_every},
      // The watch may outlive the node's end (gpu_watch); what runs there must not.
      [where = std::weak_ptr{options_.where}] {
        auto const there = where.lock();
        return there ? leaders_of(*there) : std::vector<attempt_leader>{};
      },
      [me = caf::actor_cast<caf::weak_actor_ptr>(self_)](gpu_look seen) {
        if (auto const there = caf::actor_cast<caf::strong_actor_ptr>(me))
          caf::anon_send(caf::actor_cast<caf::actor>(there), std::move(seen));
      });
  self_->delayed_send(self_, longest_look, late_look_atom::value, attempt_ref{});
}

/// The node registers with what the first look has shown.
void executor_state::looked(gpu_look const& seen) {
  for (auto const& x : seen.xids)
    if (devices::kind_of_xid(x.xid) == devices::xid_kind::hardware)
      spdlog::warn("GPU {}: {}", x.gpu, devices::xid_words(x.xid));
    else
      spdlog::info("GPU {}: {}", x.gpu, devices::xid_words(x.xid));
  auto const hosts =
      options_.where->hosts ? options_.where->hosts->hosts() : std::vector<host_view>{};
  auto const failed = gpus_.take(seen, gpus_in_use(hosts));
  if (!std::exchange(has_looked_, true)) {
    look_for_scheduler();
  } else if (!failed.empty() && session_ != 0) {
    send_beat();  // before the outcomes, which the scheduler takes for what they are then
  }
  for (auto const index : failed)
    give_up_gpu(index);
  limit_memory(seen.uses);
  trim_hosts(seen, hosts);
  settle_doubted(seen.number);
  report();
  try_start();
  if (seen.found && !shutting_)
    offer_newcomers(*seen.found);
  finish_if_empty();
}

/// What was not there before is offered with a new registration: it stands behind what was.
void executor_state::offer_newcomers(std::vector<devices::device> const& found) {
  auto& gpus = options_.node.gpus;
  std::vector<gpu_info> newcomers;
  std::map<unsigned, std::uint32_t> groups{{0, 0}};  // of NVLink: this look's numbers, and ours
  std::uint32_t last_group = 0;
  std::uint32_t next = 0;
  for (auto const& gpu : gpus) {
    last_group = std::max(last_group, gpu.link_group);
    next = std::max(next, gpu.index + 1);
    for (auto const& d : found)
      if (d.uuid == gpu.uuid && gpu.link_group != 0)
        groups.emplace(d.link_group, gpu.link_group);
  }
  for (auto const& d : found) {
    if (std::any_of(gpus.begin(), gpus.end(), [&](auto const& gpu) { return gpu.uuid == d.uuid; }))
      continue;
    auto const [group, is_new] = groups.emplace(d.link_group, last_group + 1);
    last_group += is_new ? 1 : 0;
    newcomers.push_back({next++, d.uuid, d.model, d.memory_mb, false, group->second});
  }
  if (newcomers.empty())
    return;
  std::vector<std::string> uuids;
  for (auto const& gpu : newcomers) {
    spdlog::info("node {} offers GPU {}, too: {}, {} MiB, {}", options_.node.name, gpu.index,
                 gpu.model, gpu.memory_mb, gpu.uuid);
    uuids.push_back(gpu.uuid);
    room_.add(gpu);
    gpu_workers_[gpu.index] = self_->spawn<caf::linked>(gpu_worker, options_.where,
                                                        caf::actor_cast<caf::actor>(self_), gpu);
    gpus.push_back(gpu);
  }
  gpus_.add(std::move(newcomers));
  watch_->watch_also(uuids);
  if (scheduler_)
    do_register();
}

/// With the default ref: of the first look.
void executor_state::look_is_late(attempt_ref ref) {
  if (!ref.job && !std::exchange(has_looked_, true))
    look_for_scheduler();
  auto const found = held_.find(ref);
  if (found == held_.end() || !found->second.doubted)
    return;
  conclude(ref, std::move(*found->second.doubted));
  report();
  try_start();
  finish_if_empty();
}

/// A driver that does not answer lets no job end either. What is asked of no GPU may take long (the
/// first time after the machine's start, say), and says nothing of any.
void executor_state::mind_silence() {
  auto const silent = watch_ ? watch_->silent() : std::nullopt;
  if (!silent || !silent->gpu || silent->lasts < longest_silence)
    return;
  auto const failed = gpus_.take_silence(*silent->gpu);
  if (!failed)
    return;
  if (session_ != 0)
    send_beat();  // before the outcomes
  give_up_gpu(*failed);
  report();
  try_start();
  finish_if_empty();
}

/// A stage's library may keep what it has allocated; nobody accounts for that between attempts.
/// Twice in a row: of a host that has just become idle the look may be older than that.
void executor_state::trim_hosts(gpu_look const& seen, std::vector<host_view> const& hosts) {
  std::set<pid_t> large;
  for (auto const& host : hosts) {
    if (host.busy || host.devices.empty() || host.pid == 0)
      continue;
    std::int64_t most = 0;
    for (auto const& r : seen.readings)
      for (auto const& p : r.processes.value_or(std::vector<devices::gpu_process>{}))
        most = p.pid == host.pid ? std::max(most, p.used_mb.value_or(0)) : most;
    if (most <= most_idle_mb || !large.insert(host.pid).second ||
        !large_idle_hosts_.contains(host.pid))
      continue;
    spdlog::info(
        "stage host {} is ended: it holds {} MiB of a GPU's memory while nothing runs there",
        host.pid, most);
    options_.where->hosts->end_idle(host.pid);
  }
  large_idle_hosts_ = std::move(large);
}

bool executor_state::is_watched(held const& h) const {
  return std::any_of(h.attempt.devices.begin(), h.attempt.devices.end(),
                     [&](device_grant const& d) { return gpus_.watches(d.index); });
}

/// Warm stage hosts keep memory, too.
std::set<std::uint32_t> executor_state::gpus_in_use(std::vector<host_view> const& hosts) const {
  std::set<std::uint32_t> list;
  for (auto const& [ref, h] : held_)
    for (auto const& device : h.attempt.devices)
      list.insert(device.index);
  for (auto const& host : hosts)
    list.insert(host.devices.begin(), host.devices.end());
  return list;
}

void executor_state::give_up_gpu(std::uint32_t index) {
  auto const why = gpus_.fault(index);
  spdlog::warn("node {}: GPU {} has failed: {}", options_.node.name, index, why);
  std::vector<attempt_ref> there;
  std::vector<device_grant> grants;
  for (auto& [ref, h] : held_)
    for (auto const& device : h.attempt.devices)
      if (device.index == index) {
        there.push_back(ref);
        h.gpu_fault = fault_sentence(device, options_.node.name, why);
      }
  for (auto const ref : there)
    stop_one(ref, held_.at(ref).control ? attempt_result::device_fault : attempt_result::returned);
  for (auto const& gpu : options_.node.gpus)
    if (gpu.index == index)
      grants.push_back({gpu.index, gpu.uuid, gpu.model, gpu.memory_mb, 1000, false});
  if (options_.where->hosts)
    options_.where->hosts->clear(std::move(grants), [] {});
}

/// By as much as was granted; what holds a whole GPU may use all of it.
void executor_state::limit_memory(std::vector<gpu_memory_use> const& uses) {
  std::map<attempt_ref, std::int64_t> sums;
  for (auto const& use : uses)
    sums[use.ref] += use.used_mb;
  for (auto const& [ref, used] : sums) {
    auto const found = held_.find(ref);
    if (found == held_.end())
      continue;
    auto& h = found->second;
    h.peak_gpu_memory_mb = std::max(h.peak_gpu_memory_mb, used);
    if (!h.gpu_excess.empty() || h.doubted)
      continue;
    // Seen twice: what a warm host is still freeing of the attempt before is not this one's.
    auto excess = excess_of(h.attempt, uses);
    if (!std::exchange(h.exceeded_before, !excess.empty()) || excess.empty())
      continue;
    h.gpu_excess = std::move(excess);
    spdlog::info("node {}: job {}, attempt {} is stopped: {}", options_.node.name, ref.job.value,
                 ref.attempt, h.gpu_excess);
    h.attempt.grace_ms = std::min(h.attempt.grace_ms, grace_of_excess_ms);
    stop_one(ref, attempt_result::failed);
  }
}

std::string executor_state::fault_under(held const& h) const {
  if (!h.gpu_fault.empty())
    return h.gpu_fault;
  for (auto const& device : h.attempt.devices)
    if (auto const why = gpus_.fault(device.index); !why.empty() && !h.settled_faults.contains(why))
      return fault_sentence(device, options_.node.name, why);
  return {};
}

/// What fails on a GPU may fail by the GPU, of which the next look tells.
bool executor_state::doubts(held& h, attempt_outcome& outcome) {
  if (!watch_ || outcome.result != attempt_result::failed || !is_watched(h) ||
      !h.gpu_excess.empty() || !fault_under(h).empty())
    return false;
  self_->delayed_send(self_, longest_look, late_look_atom::value, outcome.ref);
  h.doubted = std::move(outcome);
  h.doubted_until = watch_->look_soon();
  return true;
}

void executor_state::settle_doubted(std::uint64_t looks) {
  std::vector<attempt_outcome> list;
  for (auto& [ref, h] : held_)
    if (h.doubted && h.doubted_until <= looks)
      list.push_back(std::move(*h.doubted));
  for (auto& outcome : list)
    conclude(outcome.ref, std::move(outcome));
}

/// A program that ends in order when it is stopped has not done its work.
void executor_state::conclude(attempt_ref ref, attempt_outcome outcome) {
  auto const found = held_.find(ref);
  auto const& h = found->second;
  outcome.peak_gpu_memory_mb = h.peak_gpu_memory_mb;
  if (!h.gpu_excess.empty() &&
      (outcome.result == attempt_result::succeeded || outcome.result == attempt_result::failed))
    turn_into(outcome, attempt_result::failed,
              error_of("stage", "gpu_memory_exceeded", h.gpu_excess));
  bool const stopped = !h.gpu_fault.empty() && (outcome.result == attempt_result::succeeded ||
                                                outcome.result == attempt_result::device_fault);
  if (stopped || outcome.result == attempt_result::failed)
    if (auto why = fault_under(h); !why.empty())
      turn_into(outcome, attempt_result::device_fault,
                error_of("infra", "gpu_fault", std::move(why)));
  held_.erase(found);
  settle(std::move(outcome));
}

}  // namespace nsai::actors

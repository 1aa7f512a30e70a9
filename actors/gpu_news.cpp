#include "actors/gpu_news.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <spdlog/spdlog.h>

#include "devices/gpu_faults.hpp"

namespace nsai::actors {
namespace {

constexpr int looks_until_sound = 5;    // a GPU that comes and goes has not come back
constexpr int looks_until_settled = 5;  // no grant from before it was told is on its way any more
constexpr int looks_between_bursts = 60;
constexpr int looks_between_numbers = 10;    // temperature and such go along at most so often
constexpr std::int64_t least_foreign = 256;  // MiB; less is the driver's and the display's
constexpr std::int64_t foreign_step = 128;   // MiB; less is no change

/// What strangers hold.
struct strangers {
  std::int64_t mb = 0;
  std::vector<std::int64_t> pids;
};

/// Nothing: whose the memory is cannot be told apart.
std::optional<strangers> by_processes(devices::reading const& r,
                                      std::vector<std::int64_t> const& own) {
  strangers found;
  std::int64_t own_mb = 0;
  bool all_told = true;
  bool own_told = true;
  for (auto const& p : *r.processes) {
    bool const is_own = std::binary_search(own.begin(), own.end(), p.pid);
    auto& told = is_own ? own_told : all_told;
    told = told && p.used_mb.has_value();
    (is_own ? own_mb : found.mb) += p.used_mb.value_or(0);
    if (!is_own)
      found.pids.push_back(p.pid);
  }
  auto const rest = std::max<std::int64_t>(0, r.memory_used_mb - own_mb);
  if (!found.pids.empty() && all_told)
    return found;
  if (!own_told || (found.pids.empty() && rest >= least_foreign))
    return std::nullopt;
  found.mb = found.pids.empty() ? 0 : rest;
  return found;
}

bool differs(std::optional<std::int64_t> const& a, std::optional<std::int64_t> const& b,
             std::int64_t least) {
  return a.has_value() != b.has_value() || (a && std::abs(*a - *b) >= least);
}

}  // namespace

gpu_news::gpu_news(std::vector<gpu_info> gpus) {
  add(std::move(gpus));
}

void gpu_news::add(std::vector<gpu_info> gpus) {
  for (auto& info : gpus) {
    watched gpu;
    gpu.state.index = info.index;
    gpu.info = std::move(info);
    gpu.looks_since_numbers = looks_between_numbers;
    gpus_.push_back(std::move(gpu));
  }
}

gpu_news::watched const* gpu_news::find(std::uint32_t index) const {
  auto const at = std::find_if(gpus_.begin(), gpus_.end(),
                               [&](watched const& g) { return g.info.index == index; });
  return at == gpus_.end() ? nullptr : &*at;
}

std::string gpu_news::fault(std::uint32_t index) const {
  auto const* const gpu = find(index);
  return gpu == nullptr ? std::string{} : gpu->state.fault;
}

std::string gpu_news::settled_fault(std::uint32_t index) const {
  auto const* const gpu = find(index);
  return gpu == nullptr || gpu->looks_since_fault < looks_until_settled ? std::string{}
                                                                        : gpu->state.fault;
}

std::vector<std::uint32_t> gpu_news::take(gpu_look const& seen,
                                          std::set<std::uint32_t> const& in_use) {
  std::vector<std::uint32_t> failed;
  for (std::size_t i = 0; i < std::min(gpus_.size(), seen.readings.size()); ++i) {
    auto& gpu = gpus_[i];
    auto const& r = seen.readings[i];
    ++gpu.looks_since_xid;
    for (auto const& x : seen.xids)
      if (x.gpu == r.gpu && devices::kind_of_xid(x.xid) == devices::xid_kind::hardware)
        note_xid(gpu, x.xid);
    if (judge(gpu, r))
      failed.push_back(gpu.info.index);
    if (!r.unreachable.empty() || r.memory_mb == 0)
      continue;  // it told nothing
    note_processes(gpu, r);
    note_strangers(gpu, r, seen, in_use.contains(gpu.info.index));
    note_numbers(gpu, r);
  }
  return failed;
}

std::optional<std::uint32_t> gpu_news::take_silence(std::size_t position) {
  if (position >= gpus_.size() || std::exchange(gpus_[position].is_silent, true))
    return std::nullopt;
  auto& gpu = gpus_[position];
  gpu.state.fault = "its driver does not answer";
  gpu.looks_since_fault = gpu.sound_looks = 0;
  return gpu.info.index;
}

/// Errors come in bursts; the same after a while is another.
void gpu_news::note_xid(watched& gpu, unsigned xid) {
  auto& times = gpu.xids[xid];
  if (times == 0 || gpu.looks_since_xid > looks_between_bursts)
    ++times;
  gpu.looks_since_xid = 0;
  gpu.xid_fault =
      devices::xid_words(xid) + (times > 1 ? ", " + std::to_string(times) + " times" : "");
}

/// Whether it has failed just now: by a fault that it did not have before, since what was found may
/// have been taken for settled meanwhile (`nsai resume`). What is known already stays told until
/// the GPU is sound again.
bool gpu_news::judge(watched& gpu, devices::reading const& r) {
  constexpr std::size_t many = 100;  // an error that is counted up is another each time
  auto& fault = gpu.state.fault;
  std::string latest;
  bool is_new = false;
  if (gpu.faults.size() > many)
    gpu.faults.clear();
  for (auto const& now : {gpu.xid_fault, devices::fault_in(r)})
    if (!now.empty()) {
      bool const was_known = !gpu.faults.insert(now).second;
      latest = was_known && !latest.empty() ? latest : now;
      is_new = is_new || !was_known;
    }
  ++gpu.looks_since_fault;
  bool const was_silent = std::exchange(gpu.is_silent, false);
  if (is_new || (was_silent && !latest.empty())) {
    fault = latest;
    gpu.looks_since_fault = 0;
  }
  bool const tells = r.unreachable.empty() && r.memory_mb > 0;
  if (!latest.empty()) {
    gpu.sound_looks = 0;
  } else if (!fault.empty() && tells && ++gpu.sound_looks >= looks_until_sound) {
    fault.clear();
    gpu.faults.clear();
  }
  return is_new;
}

/// Twice in a row: a process that ends while it is looked at can hide the others for one look.
void gpu_news::note_processes(watched& gpu, devices::reading const& r) {
  gpu.hidden_looks = r.processes ? 0 : gpu.hidden_looks + 1;
  bool const hidden = gpu.hidden_looks > 1;
  if (hidden && !gpu.state.processes_hidden)
    spdlog::warn("GPU {}: the driver shows no processes: limits of GPU memory are unsupported here",
                 gpu.info.index);
  gpu.state.processes_hidden = hidden;
}

/// Where processes are not shown, memory can be theirs only while nothing of this node is there;
/// for two looks, since the driver takes a while to free what has ended.
void gpu_news::note_strangers(watched& gpu, devices::reading const& r, gpu_look const& seen,
                              bool in_use) {
  bool const was_in_use = std::exchange(gpu.was_in_use, in_use);
  std::optional<strangers> found;
  if (r.processes) {
    found = by_processes(r, seen.own);
  } else if (!in_use && !was_in_use) {
    auto const before = gpu.before_mb.value_or(r.memory_used_mb);
    found = strangers{std::min(before, r.memory_used_mb), {}};
  }
  gpu.before_mb = r.memory_used_mb;
  if (!found)
    return;
  if (found->mb < least_foreign)
    found = strangers{};
  auto& state = gpu.state;
  bool const is_news = (found->mb == 0) != (state.foreign_mb == 0) ||
                       std::abs(found->mb - state.foreign_mb) >= foreign_step ||
                       found->pids != state.foreign_pids;
  if (!is_news)
    return;
  state.foreign_mb = found->mb;
  state.foreign_pids = std::move(found->pids);
}

void gpu_news::note_numbers(watched& gpu, devices::reading const& r) {
  constexpr std::int64_t degrees = 5;
  constexpr std::int64_t watts = 25;
  constexpr std::int64_t percents = 10;
  auto const power_w =
      r.power_mw ? std::optional{(*r.power_mw + 500) / 1000} : std::optional<std::int64_t>{};
  auto& state = gpu.state;
  if (++gpu.looks_since_numbers < looks_between_numbers ||
      !(differs(state.temperature_c, r.temperature_c, degrees) ||
        differs(state.power_w, power_w, watts) ||
        differs(state.utilisation_percent, r.utilisation_percent, percents)))
    return;
  gpu.looks_since_numbers = 0;
  state.temperature_c = r.temperature_c;
  state.power_w = power_w;
  state.utilisation_percent = r.utilisation_percent;
}

std::vector<gpu_state> gpu_news::news() {
  std::vector<gpu_state> list;
  for (auto& gpu : gpus_)
    if (gpu.told != gpu.state) {
      gpu.told = gpu.state;
      list.push_back(gpu.state);
    }
  return list;
}

std::vector<gpu_state> gpu_news::all() {
  forget_told();
  return news();
}

void gpu_news::forget_told() {
  for (auto& gpu : gpus_)
    gpu.told.reset();
}

}  // namespace nsai::actors

// What tenants hold and have used, and whose turn that makes it (fair_share.hpp).
#include <algorithm>
#include <cmath>

#include "scheduling/core_state.hpp"

namespace nsai::scheduling {
namespace {

// Standings drift only by what is held; a second of it is nothing beside the horizon.
constexpr std::int64_t refresh_every_ms = 1000;

double price_of(node_info const& node) {
  return static_cast<double>(node.price_per_hour_usd.value);
}

bool counts(node_state const& node) {
  return node.status != node_status::lost && !node.leaving;
}

}  // namespace

tenant_settings const& core::state::settings_of(std::string const& tenant) const {
  static tenant_settings const usual;
  auto found = settings.tenants.find(tenant);
  if (found == settings.tenants.end())
    found = settings.tenants.find("*");
  return found == settings.tenants.end() ? usual : found->second;
}

std::optional<error_info> core::state::check_priority(submission const& s) const {
  auto const most = settings_of(s.tenant_id).max_priority;
  if (s.priority >= most)
    return std::nullopt;
  auto error = usage_error("priority",
                           "\"" + to_string(s.priority) + "\" is more than tenant " + s.tenant_id +
                               " may ask for (tenants." + s.tenant_id +
                               ".max_priority in the scheduler's config)",
                           to_string(most) + " or less urgent");
  error.category = "refused";
  error.code = "max_priority";
  return error;
}

tenant_index core::state::tenant_of(std::string const& name) {
  auto const before = tenants.size();
  auto const index = tenants.intern(name);
  if (tenants.size() > before)
    shares.set_weight(index, static_cast<double>(settings_of(name).weight.value) / 1000);
  return index;
}

amounts core::state::charged(job const& j) const {
  auto const& r = shapes[j.shape].key.resources;
  double const factor = j.price_factor;
  return {static_cast<double>(r.cpu.value) * factor, static_cast<double>(r.memory_mb) * factor,
          static_cast<double>(j.charged_gpus) * factor};
}

/// From now on the attempt counts for its tenant and owner. A device counts by the larger of its
/// share and its part of the memory, and everything by the price of the node where it has one: as
/// much as the mean device (or core, on a node without devices) costs.
void core::state::charge(job& j, node_state const& node, holding const& h) {
  std::int64_t milli_devices = 0;
  for (auto const& held : h.devices) {
    if (held.share_milli >= 1000) {
      milli_devices += 1000;
      continue;
    }
    for (auto const& device : node.devices)
      if (device.info.index == held.index)
        milli_devices += device.charge_of(held.share_milli, held.memory_mb);
  }
  j.charged_gpus = static_cast<float>(milli_devices) / 1000;
  auto const price = price_of(node.info);
  auto const mean = node.devices.empty()
                        ? mean_core_price * static_cast<double>(node.info.cpus.value)
                        : mean_price * static_cast<double>(node.devices.size());
  j.price_factor = price > 0 && mean > 0 ? static_cast<float>(price / mean) : 1;
  shares.start(j.tenant, j.owner, charged(j));
}

void core::state::discharge(job const& j) {
  shares.stop(j.tenant, j.owner, charged(j));
  queues.refresh(j.tenant, j.owner);
}

void core::state::learn_capacity() {
  capacity_epoch = nodes.epoch;
  amounts all;
  double device_price = 0;
  double core_price = 0;
  double devices_with_price = 0;
  double cores_with_price = 0;
  std::as_const(nodes).for_each([&](node_index, node_state const& node) {
    if (!counts(node))
      return;
    auto const cores = static_cast<double>(node.info.cpus.value);
    auto const devices = static_cast<double>(node.devices.size());
    all.cpu += cores;
    all.memory_mb += static_cast<double>(node.info.memory_mb);
    all.gpus += devices;
    if (price_of(node.info) <= 0)
      return;
    (devices > 0 ? device_price : core_price) += price_of(node.info);
    (devices > 0 ? devices_with_price : cores_with_price) += devices > 0 ? devices : cores;
  });
  mean_price = devices_with_price > 0 ? device_price / devices_with_price : 0;
  mean_core_price = cores_with_price > 0 ? core_price / cores_with_price : 0;
  shares.set_capacity(all);
}

void core::state::refresh_standings() {
  bool const other_cluster = capacity_epoch != nodes.epoch;
  if (other_cluster)
    learn_capacity();
  if (!other_cluster && now - standings_at < refresh_every_ms)
    return;
  standings_at = now;
  queues.refresh();
}

void core::state::handle(usage_restored const& e) {
  shares.restore({tenant_of(e.tenant_id), owners.intern(e.owner), e.used});
}

std::vector<tenant_record> core::state::tenant_records() const {
  auto const thousandths = [](double x) { return milli{std::llround(x * 1000)}; };
  constexpr double seconds = 3600;
  std::vector<tenant_record> list(tenants.size());
  for (tenant_index i = 0; i < list.size(); ++i) {
    auto& r = list[i];
    auto const& given = settings_of(tenants[i]);
    auto const used = shares.used(i);
    r.tenant_id = tenants[i];
    r.weight = given.weight;
    r.max_priority = given.max_priority;
    r.share = thousandths(shares.held(i));
    r.entitled = thousandths(shares.entitled(i));
    r.cpu_hours = thousandths(used.cpu / 1000 / seconds);
    r.memory_gib_hours = thousandths(used.memory_mb / 1024 / seconds);
    r.gpu_hours = thousandths(used.gpus / seconds);
  }
  jobs.for_each([&](job const& j) {
    if (j.composite)
      return;
    list[j.tenant].running += j.status == job_status::running ? 1 : 0;
    list[j.tenant].queued += j.status == job_status::queued ? 1 : 0;
  });
  std::sort(list.begin(), list.end(),
            [](auto const& a, auto const& b) { return a.tenant_id < b.tenant_id; });
  return list;
}

void core::state::check_shares() const {
  std::vector<amounts> sums(tenants.size());
  jobs.for_each([&](job const& j) {
    if (j.composite || j.node == none)
      return;
    auto const mine = charged(j);
    sums[j.tenant].cpu += mine.cpu;
    sums[j.tenant].memory_mb += mine.memory_mb;
    sums[j.tenant].gpus += mine.gpus;
  });
  auto const equal = [](double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::max({1.0, std::abs(a), std::abs(b)});
  };
  for (tenant_index i = 0; i < sums.size(); ++i) {
    auto const books = shares.holding(i);
    NSAI_ASSERT(equal(books.cpu, sums[i].cpu) && equal(books.memory_mb, sums[i].memory_mb) &&
                equal(books.gpus, sums[i].gpus));
  }
}

std::vector<used_amounts> core::state::usage() const {
  std::vector<used_amounts> list;
  for (auto const& each : shares.all_usage())
    list.push_back({tenants[each.tenant], owners[each.owner], each.used});
  return list;
}

}  // namespace nsai::scheduling

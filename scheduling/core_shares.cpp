// What tenants hold and have used, and whose turn that makes it (fair_share.hpp).
#include <algorithm>
#include <cmath>

#include "scheduling/core_state.hpp"
#include "scheduling/tenant_rules.hpp"

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

tenant_settings const& core_queries::settings_of(std::string const& tenant) const {
  static tenant_settings const usual;
  static std::string const any = "*";
  if (settings.tenants.empty())
    return usual;
  auto found = settings.tenants.find(tenant);
  if (found == settings.tenants.end())
    found = settings.tenants.find(any);
  return found == settings.tenants.end() ? usual : found->second;
}

/// Whether the tenant may have such jobs at all, and as many more that wait, beside `before` of the
/// same batch.
std::optional<error_info> core::state::check_tenant(submission const& s,
                                                    std::int64_t before) const {
  auto const refusal = [](std::string code, std::string const& field, std::string const& came,
                          std::string const& expected) {
    auto error = usage_error(field, came, expected);
    error.category = "refused";
    error.code = std::move(code);
    return error;
  };
  auto const& given = settings_of(s.tenant_id);
  auto const key = [&s] { return "tenants." + s.tenant_id + "."; };
  if (s.priority < given.max_priority)
    return refusal("max_priority", "priority",
                   "\"" + to_string(s.priority) + "\" is more than tenant " + s.tenant_id +
                       " may ask for (" + key() + "max_priority in the scheduler's config)",
                   to_string(given.max_priority) + " or less urgent");
  for (std::size_t i = 0; i < s.pipeline.size(); ++i)
    if (auto const& own = s.pipeline[i].priority; own && *own < given.max_priority)
      return refusal("max_priority", "pipeline[" + std::to_string(i) + "].priority",
                     "\"" + to_string(*own) + "\" is more than tenant " + s.tenant_id +
                         " may ask for (" + key() + "max_priority in the scheduler's config)",
                     to_string(given.max_priority) + " or less urgent");
  auto const tenant = tenants.find(s.tenant_id);
  std::optional<quota_book> alone;  // of a tenant that nobody has seen yet
  if (tenant == none)
    alone.emplace().set(0, given.quota);
  auto const& book = alone ? *alone : quotas;
  auto const index = tenant == none ? 0 : tenant;
  auto const too_large = [&](resources const& r, constraints const& c, std::string_view path) {
    auto const bound = book.never(index, {r, c.preemptible, s.nodes});
    return bound ? std::optional{refusal("quota", std::string(path) + "resources",
                                         std::string(s.nodes > 1 ? "a gang" : "one job") +
                                             " needs more than tenant " + s.tenant_id +
                                             " may hold (" + key() + "quota." + bound->key + ")",
                                         "at most " + bound->value)}
                 : std::nullopt;
  };
  for (std::size_t i = 0; i < s.pipeline.size(); ++i)
    if (auto fault = too_large(s.pipeline[i].resources, s.pipeline[i].constraints,
                               "pipeline[" + std::to_string(i) + "]."))
      return fault;
  if (s.pipeline.empty())
    if (auto fault = too_large(s.resources, s.constraints, ""))
      return fault;
  auto const more = before + jobs_of(s);
  if (more > book.room_to_wait(index))
    return refusal("quota", "jobs",
                   std::to_string(book.waiting(index)) + " jobs of tenant " + s.tenant_id +
                       " wait already, and " + std::to_string(more) + " more are too many (" +
                       key() + "quota.queued)",
                   "at most " + std::to_string(*given.quota.queued) + " that wait");
  return std::nullopt;
}

void core::state::keep_shape(job const& j) {
  shapes.keep(j.shape);
  if (j.composite)
    return;
  no_other_models.erase({j.tenant, j.shape});  // the number of a shape may stand for another one
  quotas.join(j.tenant);
  join_group(j);
}

tenant_index core::state::tenant_of(std::string const& name) {
  auto const before = tenants.size();
  auto const index = tenants.intern(name);
  if (tenants.size() > before)
    use_settings(*this, index, settings_of(name));
  return index;
}

amounts core_queries::charged(job const& j) const {
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
      if (device.index == held.index)
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
    r.quota = given.quota;
    r.submit_rate = given.submit_rate;
    r.budget_usd = given.budget_usd;
    r.spent_usd = money.spent(i, now);
    r.running = quotas.running(i);
    r.queued = quotas.waiting(i);
    r.gpus_by_model = quotas.held_by_model(i);
    r.share = thousandths(shares.held(i));
    r.entitled = thousandths(shares.entitled(i));
    r.cpu_hours = thousandths(used.cpu / 1000 / seconds);
    r.memory_gib_hours = thousandths(used.memory_mb / 1024 / seconds);
    r.gpu_hours = thousandths(used.gpus / seconds);
  }
  std::sort(list.begin(), list.end(),
            [](auto const& a, auto const& b) { return a.tenant_id < b.tenant_id; });
  return list;
}

void core::state::check_shares() const {
  struct plain {
    std::int64_t live = 0, running = 0, cpu = 0, memory_mb = 0, gpus = 0;
  };
  std::vector<amounts> sums(tenants.size());
  std::vector<plain> plains(tenants.size());
  jobs.for_each([&](job const& j) {
    auto& p = plains[j.tenant];
    p.live += j.composite ? 0 : 1;
    if (!has_attempt(j))
      return;
    auto const& r = shapes[j.shape].key.resources;
    ++p.running;
    p.cpu += r.cpu.value;
    p.memory_mb += r.memory_mb;
    p.gpus += r.gpu_count * r.gpu_share.value;
    if (j.node == none)
      return;  // unconfirmed: it counts for the quota, and for the share once its node has spoken
    auto const mine = charged(j);
    sums[j.tenant].cpu += mine.cpu;
    sums[j.tenant].memory_mb += mine.memory_mb;
    sums[j.tenant].gpus += mine.gpus;
  });
  auto anew = quotas;
  count_devices(*this, anew);
  NSAI_ASSERT(quotas.holds_devices_as(anew));
  auto const equal = [](double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::max({1.0, std::abs(a), std::abs(b)});
  };
  for (tenant_index i = 0; i < sums.size(); ++i) {
    auto const& p = plains[i];
    NSAI_ASSERT(quotas.holds(i, p.live, p.running, p.cpu, p.memory_mb, p.gpus));
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

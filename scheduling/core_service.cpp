// Nodes in and out of service: what people order, windows, and the end that a node announced.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"

namespace nsai::scheduling {
namespace {

constexpr std::int64_t longest_deadline_ms = 366LL * 24 * 60 * 60 * 1000;
constexpr std::size_t most_windows = 100;
constexpr std::size_t longest_reason = 500;

std::string quoted(std::string const& word) {
  return "\"" + word.substr(0, 80) + "\"";
}

}  // namespace

node_order const& core_queries::order_for(std::string const& uuid) const {
  static node_order const nothing;
  auto const found = orders.find(uuid);
  return found == orders.end() ? nothing : found->second;
}

std::vector<maintenance_window> const& core_queries::config_windows(std::string const& uuid) const {
  static std::vector<maintenance_window> const none_known;
  auto const* const node = nodes.find(uuid);
  return node != nullptr ? node->info.maintenance : none_known;
}

service core_queries::service_of(std::string const& uuid) const {
  auto const* const node = nodes.find(uuid);
  return service_at(order_for(uuid), config_windows(uuid),
                    node != nullptr ? node->leaves_at : timestamp{}, now);
}

node_order core_queries::order_to_change(std::string const& uuid) const {
  auto order = order_for(uuid);
  order.uuid = uuid;
  order.name = name_of(uuid);
  return order;
}

std::string core_queries::name_of(std::string const& uuid) const {
  auto const* const node = nodes.find(uuid);
  return node != nullptr ? node->info.name : order_for(uuid).name;
}

/// Names come before uuids, nodes that are there before those that are lost or known by an order
/// only.
std::optional<std::string> core_queries::find_node(std::string const& word) const {
  std::optional<std::string> lost;
  std::optional<std::string> there;
  nodes.for_each([&](node_index, node_state const& node) {
    if (node.info.name == word)
      (node.status == node_status::lost ? lost : there) = node.info.uuid;
  });
  if (there || lost)
    return there ? there : lost;
  if (nodes.find(word) != nullptr || orders.contains(word))
    return word;
  for (auto const& [uuid, order] : orders)
    if (order.name == word)
      return uuid;
  return std::nullopt;
}

std::optional<error_info> core_queries::find_nodes(std::vector<std::string> const& words,
                                                   std::vector<std::string>& uuids) const {
  if (words.empty())
    return usage_error("nodes", "nothing was given", "the names of one or more nodes");
  for (auto const& word : words) {
    auto const uuid = find_node(word);
    if (!uuid) {
      auto fault = error_of("not_found", "unknown_node", "node " + quoted(word) + " is not known");
      fault.field = "node";
      return fault;
    }
    if (std::find(uuids.begin(), uuids.end(), *uuid) == uuids.end())
      uuids.push_back(*uuid);
  }
  return std::nullopt;
}

std::optional<error_info> core::state::refuse_drain(drain_ordered const& e) const {
  if (e.deadline_ms && (*e.deadline_ms < 0 || *e.deadline_ms > longest_deadline_ms))
    return usage_error("deadline_ms", std::to_string(*e.deadline_ms) + " is not allowed",
                       "0 to " + std::to_string(longest_deadline_ms) + " (366 days)");
  if (e.reason.size() > longest_reason)
    return usage_error("reason", std::to_string(e.reason.size()) + " bytes are not allowed",
                       "at most " + std::to_string(longest_reason));
  if (!e.window)
    return std::nullopt;
  if (e.deadline_ms)
    return usage_error("deadline_ms", "a window was given too",
                       "one of the two: a window stops what is left at its beginning");
  if (e.window->until <= e.window->from)
    return usage_error("window.until",
                       to_rfc3339(e.window->until) + " is not after " + to_rfc3339(e.window->from),
                       "a time after the beginning of the window");
  if (e.window->until <= now)
    return usage_error("window.until", to_rfc3339(e.window->until) + " lies in the past",
                       "a time after " + to_rfc3339(now));
  return std::nullopt;
}

void core::state::handle(node_order_restored const& e) {
  restoring = true;
  orders[e.order.uuid] = e.order;
}

void core::state::handle(drain_ordered const& e) {
  answer = {};
  std::vector<std::string> uuids;
  answer.error = refuse_drain(e);
  if (!answer.error)
    answer.error = find_nodes(e.nodes, uuids);
  for (auto const& uuid : uuids)
    if (!answer.error && e.window && order_for(uuid).windows.size() >= most_windows)
      answer.error = error_of(
          "refused", "too_many_windows",
          "node " + name_of(uuid) + " has " + std::to_string(most_windows) + " windows already");
  if (answer.error)
    return;
  for (auto const& uuid : uuids) {
    auto order = order_to_change(uuid);
    if (e.window) {
      maintenance_window const w{std::max(e.window->from, now), e.window->until};
      if (std::find(order.windows.begin(), order.windows.end(), w) == order.windows.end())
        order.windows.push_back(w);
    } else {
      if (!order.since)
        order.since = now;
      order.deadline = e.deadline_ms ? now + *e.deadline_ms : timestamp{};
      if (!e.reason.empty())
        order.reason = e.reason;
    }
    change_order(std::move(order));
  }
  look_at_service();
}

void core::state::handle(resume_ordered const& e) {
  answer = {};
  std::vector<std::string> uuids;
  answer.error = find_nodes(e.nodes, uuids);
  auto const is_withheld = [&](std::string const& uuid) {
    auto const* const node = nodes.find(uuid);
    return node != nullptr && node->is_withheld();
  };
  for (auto const& uuid : uuids)
    if (!answer.error && !service_of(uuid).draining && order_for(uuid).windows.empty() &&
        !is_withheld(uuid))
      answer.error =
          error_of("refused", "not_draining", "node " + name_of(uuid) + " does not drain");
  if (answer.error)
    return;
  for (auto const& uuid : uuids) {
    bool const withheld = is_withheld(uuid);
    if (withheld)
      release_places(uuid);
    auto order = order_to_change(uuid);
    if (withheld && !service_of(uuid).draining)
      continue;  // its windows stay
    if (!service_of(uuid).draining) {
      order.windows.clear();
    } else {
      order.since = order.deadline = {};
      order.reason.clear();
      std::erase_if(order.windows, [&](auto const& w) { return w.from <= now; });
      // What still holds then is a window of the node's config.
      if (service_at(order, config_windows(uuid), {}, now).draining)
        order.dismissed = now;
    }
    change_order(std::move(order));
  }
  look_at_service();
}

void core::state::change_order(node_order order) {
  auto const uuid = order.uuid;
  if (orders.contains(uuid) ? orders.at(uuid) == order : order.is_over())
    return;
  emit(node_order_changed{order});
  if (order.is_over())
    orders.erase(uuid);
  else
    orders[uuid] = std::move(order);
}

/// Of a node whose name another has taken: its data directory is gone, and the order with it.
void core::state::forget_order(std::string const& uuid) {
  if (!orders.contains(uuid))
    return;
  node_order over;
  over.uuid = uuid;
  change_order(std::move(over));
}

/// Drops windows that are over, and what was dismissed of windows that are.
void core::state::tidy_orders() {
  std::vector<node_order> changed;
  for (auto const& [uuid, order] : orders) {
    auto tidy = order;
    std::erase_if(tidy.windows, [&](auto const& w) { return w.until <= now; });
    auto const* const node = nodes.find(uuid);
    if (node != nullptr &&
        std::none_of(node->info.maintenance.begin(), node->info.maintenance.end(),
                     [&](auto const& w) { return w.from <= tidy.dismissed && w.until > now; }))
      tidy.dismissed = {};
    if (tidy != order)
      changed.push_back(std::move(tidy));
  }
  for (auto& order : changed)
    change_order(std::move(order));
}

void core::state::look_at_service() {
  tidy_orders();
  next_service = {};
  bool bounded = false;
  nodes.for_each([&](node_index index, node_state& node) {
    serve(index);
    bounded = bounded || node.horizon;
  });
  if (bounded) {
    // What a node has time for becomes less; which shapes are possible at all is judged anew, now
    // and then.
    constexpr std::int64_t judged_every_ms = 1000;
    ++nodes.epoch;
    take_earlier(next_service, now + judged_every_ms);
  }
  for (auto const& [uuid, order] : orders) {
    if (nodes.index_of(uuid) != none)
      continue;  // served above
    auto const s = service_of(uuid);
    take_earlier(next_service, s.changes_at);
    if (s.is_past_deadline(now))
      hand_back_all(uuid);
  }
}

/// Puts into effect what holds for the node now. May be repeated.
void core::state::serve(node_index index) {
  auto& node = nodes[index];
  auto const s = service_of(node.info.uuid);
  bool const drained_before = node.draining;
  bool const changed = node.draining != s.draining || node.horizon != s.horizon;
  node.draining = s.draining;
  node.horizon = s.horizon;
  // Each by itself: a node that stays past its own end has a horizon in the past.
  for (auto const at : {s.changes_at, s.horizon})
    if (at > now)
      take_earlier(next_service, at);
  if (changed)
    ++nodes.epoch;
  if (s.draining && !drained_before) {
    node.told_drained = false;
    tell_node(happening::node_draining, node, s.drain.reason);
  } else if (!s.draining && drained_before) {
    tell_node(happening::node_resumed, node);
  }
  if (s.is_past_deadline(now))
    hand_back_all(node.info.uuid);
  if (changed && !s.draining)
    gained_room(index);
  tell_if_drained(index);
}

/// What has not come back after a restart of the scheduler is marked too: its node hears of it when
/// it registers.
void core::state::hand_back_all(std::string const& uuid) {
  if (auto const index = nodes.index_of(uuid); index != none)
    for (auto const ref : nodes[index].held())
      if (!nodes[index].find(ref)->superseded)
        hand_back(at(ref.job));
  if (auto const waiting = unconfirmed.find(uuid); waiting != unconfirmed.end())
    for (auto const id : waiting->second)
      hand_back(at(id));
}

/// The mark is durable before the stop leaves. It stays with the attempt, whatever becomes of the
/// drain and the scheduler before the attempt has ended; so whatever it ends with is no failure.
void core::state::hand_back(job& j) {
  if (is_member(j)) {
    hand_back_gang(at(j.parent));
    return;
  }
  if (j.handed_back)
    return;
  j.handed_back = true;
  tell_change(j);
  stop_attempt(j);
}

void core::state::tell_if_drained(node_index index) {
  auto& node = nodes[index];
  if (!node.draining || node.told_drained || node.status == node_status::lost ||
      node.attempts() > 0)
    return;
  node.told_drained = true;
  tell_node(happening::node_drained, node);
}

void core::state::describe_service(std::string const& uuid, node_record& to) const {
  auto const s = service_of(uuid);
  if (s.draining)
    to.drain = s.drain;
  to.maintenance = windows_ahead(order_for(uuid), config_windows(uuid), now);
}

/// Nodes that are known by what is ordered for them only: they can be resumed.
void core::state::list_absent(std::vector<node_record>& to) const {
  for (auto const& [uuid, order] : orders) {
    if (nodes.find(uuid) != nullptr || (!order.since && order.windows.empty()))
      continue;
    node_record r;
    r.uuid = uuid;
    r.name = order.name;
    r.status = node_status::lost;
    describe_service(uuid, r);
    to.push_back(std::move(r));
  }
}

}  // namespace nsai::scheduling

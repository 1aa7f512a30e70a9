// Places for gangs: several nodes at once.
#include <algorithm>

#include "scheduling/assert.hpp"
#include "scheduling/placement.hpp"

namespace nsai::scheduling {
namespace {

bool has_any(node_state const& node, std::vector<std::string> const& models) {
  return std::any_of(node.devices.begin(), node.devices.end(), [&](auto const& device) {
    return std::any_of(models.begin(), models.end(), [&](auto const& model) {
      return gpu_model_matches(model, device.info().model);
    });
  });
}

bool contains(std::vector<node_index> const& list, node_index index) {
  return std::find(list.begin(), list.end(), index) != list.end();
}

}  // namespace

std::size_t placement::count_fitting(shape& s) const {
  std::size_t count = 0;
  std::as_const(*nodes_).for_each(
      [&](node_index, node_state const& node) { count += is_free_for_all(s, node) ? 1 : 0; });
  return count;
}

/// The members ask for the same and get nodes of their own, so what one takes changes nothing for
/// another: the best nodes are those with the best ratings.
std::vector<place> placement::find_apart(shape& s, std::vector<node_index> const& kept,
                                         std::vector<std::string> const& models) {
  auto const wanted = static_cast<std::size_t>(s.key.nodes);
  learn_needs(s);
  auto const draw = next_draw();
  std::vector<node_index> fitting;
  std::as_const(*nodes_).for_each([&](node_index index, node_state const& node) {
    if (is_free_for_all(s, node) || (node.is_kept && contains(kept, index) && fits(s, node)))
      fitting.push_back(index);
  });
  s.fitted = fitting.size();
  if (!models.empty())
    std::erase_if(fitting, [&](node_index index) { return has_any((*nodes_)[index], models); });
  if (fitting.size() < wanted)
    return {};

  struct candidate {
    rating at;
    node_index node;
    bool operator<(candidate const& other) const {
      return at != other.at ? at < other.at : node < other.node;
    }
  };
  auto rates = score();
  std::vector<candidate> best;
  for (auto const index : fitting)
    best.push_back({settings_.policy == placement_policy::random
                        ? static_cast<rating>((draw ^ index) * 0x9e3779b97f4a7c15ULL)
                        : rates.rate(s, nodes_->room_of(index)),
                    index});
  std::sort(best.begin(), best.end());
  auto const first = std::find_if(best.begin(), best.end(), [&](candidate const& each) {
    return !(*nodes_)[each.node].ports.empty();
  });
  if (first == best.end())
    return {};  // rank 0 would have nowhere to listen
  std::rotate(best.begin(), first, first + 1);
  best.resize(wanted);
  // Behind rank 0 by the order in which they were registered: neighbours mostly come together.
  std::sort(best.begin() + 1, best.end(),
            [](candidate const& a, candidate const& b) { return a.node < b.node; });
  std::vector<place> found;
  for (auto const& each : best)
    found.push_back(
        s.wants_gpu() ? place_at(s, each.node, score().choose(s, nodes_->room_of(each.node), draw))
                      : place{each.node, {}});
  return found;
}

}  // namespace nsai::scheduling

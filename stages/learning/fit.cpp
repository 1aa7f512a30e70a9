#include "stages/learning/fit.hpp"

#include <algorithm>
#include <cmath>

#include "stages/learning/classification.hpp"

namespace nsai::stages {
namespace {

std::vector<std::uint32_t> largest(std::vector<float> const& logits, std::size_t classes) {
  std::vector<std::uint32_t> all;
  for (auto row = logits.begin(); row != logits.end(); row += static_cast<std::ptrdiff_t>(classes))
    all.push_back(static_cast<std::uint32_t>(
        std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row));
  return all;
}

}  // namespace

std::vector<std::uint32_t> epoch_order(std::span<std::uint32_t const> labels, std::size_t classes,
                                       bool balance, std::uint64_t seed, std::uint32_t epoch) {
  portable_random random{seed * 0xd1342543de82ef95U + epoch};
  std::vector<std::vector<std::uint32_t>> of_class(classes);
  for (std::uint32_t i = 0; i < labels.size(); ++i)
    of_class[labels[i]].push_back(i);
  std::size_t most = 0;
  for (auto const& rows : of_class)
    most = std::max(most, rows.size());
  std::vector<std::uint32_t> order;
  for (auto& rows : of_class) {
    random.shuffle(rows);
    auto const count = balance && !rows.empty() ? most : rows.size();
    for (std::size_t i = 0; i < count; ++i)
      order.push_back(rows[i % rows.size()]);
  }
  random.shuffle(order);
  return order;
}

fit_state fit(fit_state from, examples const& train, examples const& dev, std::size_t classes,
              fit_options const& options, compute& device, fit_hooks const& hooks) {
  if (from.history.empty())
    from.network = fresh_network({train.inputs.columns, options.hidden, classes}, options.seed);
  auto const trainer = device.train(from.network, train);
  auto const first = static_cast<std::uint32_t>(from.history.size());
  double loss = 0;
  for (std::uint32_t epoch = first; epoch < options.epochs; ++epoch) {
    auto const order = epoch_order(train.labels, classes, options.balance, options.seed, epoch);
    auto const steps = (order.size() + options.batch_size - 1) / options.batch_size;
    double sum = 0;
    for (std::size_t s = 0; s < steps; ++s) {
      if (hooks.step)
        hooks.step(epoch, s, steps, loss);
      auto const begin = s * options.batch_size;
      auto const rows = std::span{order}.subspan(
          begin, std::min<std::size_t>(options.batch_size, order.size() - begin));
      loss = trainer->step(rows, options.learning_rate);
      sum += loss * static_cast<double>(rows.size());
    }
    auto const scores =
        classify(dev.labels, largest(trainer->logits(dev.inputs), classes), classes);
    from.history.push_back(
        {sum / static_cast<double>(order.size()), scores.accuracy, scores.macro_f1});
    from.network = trainer->state();
    if (hooks.epoch_done)
      hooks.epoch_done(from);
  }
  return from;
}

std::vector<std::uint32_t> predict(network_state const& network, matrix_view inputs,
                                   compute& device) {
  auto state = network;
  state.first_moments.resize(state.parameters.size());
  state.second_moments.resize(state.parameters.size());
  auto const classes = network.shape.classes;
  examples const none{{inputs.data, 0, inputs.columns}, {}};  // nothing is learned
  return largest(device.train(std::move(state), none)->logits(inputs), classes);
}

std::vector<std::uint32_t> nearest_centroid(examples const& train, matrix_view rows,
                                            std::size_t classes) {
  auto const columns = train.inputs.columns;
  std::vector<std::vector<double>> centroids(classes, std::vector<double>(columns, 0.0));
  for (std::size_t r = 0; r < train.inputs.rows; ++r)
    for (std::size_t c = 0; c < columns; ++c)
      centroids[train.labels[r]][c] += train.inputs.row(r)[c];
  for (auto& centroid : centroids) {
    double length = 0;
    for (auto const x : centroid)
      length += x * x;
    for (auto& x : centroid)
      x = length > 0 ? x / std::sqrt(length) : 0;
  }
  std::vector<std::uint32_t> nearest;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    std::vector<double> cosines(classes, 0.0);
    for (std::size_t k = 0; k < classes; ++k)
      for (std::size_t c = 0; c < columns; ++c)
        cosines[k] += centroids[k][c] * rows.row(r)[c];
    nearest.push_back(static_cast<std::uint32_t>(std::max_element(cosines.begin(), cosines.end()) -
                                                 cosines.begin()));
  }
  return nearest;
}

std::uint32_t majority(std::span<std::uint32_t const> labels, std::size_t classes) {
  std::vector<std::int64_t> counts(classes, 0);
  for (auto const label : labels)
    ++counts[label];
  return static_cast<std::uint32_t>(std::max_element(counts.begin(), counts.end()) -
                                    counts.begin());
}

}  // namespace nsai::stages

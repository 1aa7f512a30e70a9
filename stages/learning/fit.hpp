#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "stages/compute.hpp"

namespace nsai::stages {

struct fit_options {
  std::uint32_t epochs = 10;
  std::uint32_t batch_size = 16;
  float learning_rate = 0.002F;
  std::uint64_t seed = 1;
  bool balance = true;  // every epoch shows each class as often as the most frequent one
  std::uint32_t hidden = 32;
};

/// One epoch of training: the mean loss of its examples, each before its step, and how well the
/// network does on the dev examples after it.
struct epoch_record {
  double train_loss = 0;
  double dev_accuracy = 0;
  double dev_macro_f1 = 0;
};

/// Where training stands after some whole epochs; everything that it goes on from.
struct fit_state {
  network_state network;
  std::vector<epoch_record> history;  // one an epoch done
};

/// The rows of one epoch, in the order in which they are shown; it depends on nothing but these
/// arguments, so that training can go on after any epoch.
std::vector<std::uint32_t> epoch_order(std::span<std::uint32_t const> labels, std::size_t classes,
                                       bool balance, std::uint64_t seed, std::uint32_t epoch);

struct fit_hooks {
  /// Before every step: may throw compute_stopped.
  std::function<void(std::uint32_t epoch, std::size_t step, std::size_t steps, double loss)> step;
  std::function<void(fit_state const& now)> epoch_done;
};

/// Trains on from `from` (no epochs done: a fresh network) to the last epoch. On one device a state
/// that was written and read again goes on exactly as if it had not been.
fit_state fit(fit_state from, examples const& train, examples const& dev, std::size_t classes,
              fit_options const& options, compute& device, fit_hooks const& hooks);

/// The class of the largest logit of each row; of equal ones the first.
std::vector<std::uint32_t> predict(network_state const& network, matrix_view inputs,
                                   compute& device);

/// The class whose centroid (mean of its training rows) has the largest cosine with each row.
std::vector<std::uint32_t> nearest_centroid(examples const& train, matrix_view rows,
                                            std::size_t classes);

/// The most frequent label; of equal ones the first.
std::uint32_t majority(std::span<std::uint32_t const> labels, std::size_t classes);

}  // namespace nsai::stages

#include "stages/compute.hpp"

#include <bit>
#include <cmath>
#include <random>

#include "messages/field_list.hpp"

namespace nsai::stages {
namespace {

[[noreturn]] void refuse(char const* field, std::string const& came, std::string const& expected) {
  throw shape_error(field, came + " is not allowed", expected);
}

}  // namespace

std::string gpu_code_of_this_build() {
  return NSAI_GPU_CODE;
}

int cuda_major_of_this_build() {
  return NSAI_CUDA_MAJOR;
}

void check_similarity(matrix_view queries, matrix_view corpus, std::size_t k) {
  if (queries.columns == 0 || queries.columns != corpus.columns)
    refuse("corpus",
           std::to_string(corpus.columns) + " columns beside the queries' " +
               std::to_string(queries.columns),
           "as many, and at least one");
  if (corpus.rows == 0 || corpus.rows > 0xffffffffU)
    refuse("corpus", std::to_string(corpus.rows) + " rows", "1 to 4294967295");
  if (k == 0 || k > most_neighbours)
    refuse("k", std::to_string(k), "1 to " + std::to_string(most_neighbours));
}

void check_ngrams(std::span<std::string_view const> texts, ngram_shape shape) {
  constexpr std::size_t longest_text = std::size_t{1} << 31U;
  for (auto const& text : texts)
    if (text.size() > longest_text)
      refuse("texts", "one of " + std::to_string(text.size()) + " bytes", "at most 2147483648");
  if (!std::has_single_bit(shape.buckets) || shape.buckets > 1U << 24U)
    refuse("buckets", std::to_string(shape.buckets), "a power of two up to 16777216");
  if (shape.longest == 0 || shape.longest > longest_ngram)
    refuse("longest", std::to_string(shape.longest), "1 to " + std::to_string(longest_ngram));
}

void check_inputs(network_shape shape, matrix_view inputs) {
  if (inputs.columns != shape.inputs)
    refuse("inputs", std::to_string(inputs.columns) + " columns", std::to_string(shape.inputs));
}

void check_training(network_state const& from, examples const& on) {
  if (from.shape.inputs == 0 || from.shape.hidden == 0 || from.shape.classes == 0)
    refuse("network", "a layer of none", "at least one input, hidden unit and class");
  auto const count = from.shape.parameters();
  for (auto const* each : {&from.parameters, &from.first_moments, &from.second_moments})
    if (each->size() != count)
      refuse("network", std::to_string(each->size()) + " parameters or moments",
             std::to_string(count) + " of each for its shape");
  check_inputs(from.shape, on.inputs);
  if (on.labels.size() != on.inputs.rows)
    refuse("labels",
           std::to_string(on.labels.size()) + " beside " + std::to_string(on.inputs.rows) +
               " examples",
           "one each");
  for (auto const label : on.labels)
    if (label >= from.shape.classes)
      refuse("labels", std::to_string(label), "less than " + std::to_string(from.shape.classes));
}

void check_batch(std::span<std::uint32_t const> rows, examples const& on) {
  if (rows.empty())
    refuse("rows", "a batch of none", "at least one");
  for (auto const row : rows)
    if (row >= on.inputs.rows)
      refuse("rows", std::to_string(row), "less than " + std::to_string(on.inputs.rows));
}

void tell_progress(compute_hooks const& hooks, double fraction) {
  if (hooks.stop.stop_requested())
    throw compute_stopped{};
  if (hooks.progress)
    hooks.progress(fraction);
}

network_state fresh_network(network_shape shape, std::uint64_t seed) {
  network_state net;
  net.shape = shape;
  net.parameters.assign(shape.parameters(), 0.0F);
  net.first_moments.assign(shape.parameters(), 0.0F);
  net.second_moments.assign(shape.parameters(), 0.0F);
  // The bits of the generator, not a distribution of the library: those differ between libraries.
  std::mt19937_64 random{seed};
  auto const fill = [&](std::size_t from, std::size_t count, std::size_t fan_in) {
    double const bound = std::sqrt(6.0 / static_cast<double>(fan_in));
    for (std::size_t i = 0; i < count; ++i)
      net.parameters[from + i] = static_cast<float>(
          bound * (2.0 * static_cast<double>(random() >> 11U) * 0x1.0p-53 - 1.0));
  };
  fill(0, shape.hidden * shape.inputs, shape.inputs);
  fill(shape.hidden * (shape.inputs + 1), shape.classes * shape.hidden, shape.hidden);
  return net;
}

}  // namespace nsai::stages

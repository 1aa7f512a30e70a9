#include "stages/cpu_trainer.hpp"

#include <algorithm>
#include <cmath>

#include "stages/adam.hpp"

namespace nsai::stages {
namespace {

/// to (rows × columns) += a (rows × inner) · b (inner × columns): the innermost loop runs along
/// rows of `b` and `to`, which the compiler makes vectors of.
void add_product(float const* a, float const* b, float* to, std::size_t rows, std::size_t inner,
                 std::size_t columns) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t i = 0; i < inner; ++i) {
      float const factor = a[r * inner + i];
      if (factor == 0)
        continue;  // features are sparse, and half of the hidden units are 0
      float const* const from = b + i * columns;
      float* const row = to + r * columns;
      for (std::size_t c = 0; c < columns; ++c)
        row[c] += factor * from[c];
    }
}

std::vector<float> transposed(float const* m, std::size_t rows, std::size_t columns) {
  std::vector<float> t(rows * columns);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c)
      t[c * rows + r] = m[r * columns + c];
  return t;
}

class cpu_trainer final : public trainer {
 public:
  cpu_trainer(network_state from, examples const& on) : net_(std::move(from)), on_(on) {
    check_training(net_, on_);
  }

  float step(std::span<std::uint32_t const> rows, float learning_rate) override {
    check_batch(rows, on_);
    auto const x = gather(rows);
    auto const [inputs, hidden, classes] = net_.shape;
    forward(x);
    auto const [loss, slopes] = loss_of(batch_labels_);
    std::vector<float> gradient(net_.parameters.size(), 0.0F);
    float* const g1 = gradient.data();
    float* const gb1 = g1 + hidden * inputs;
    float* const g2 = gb1 + hidden;
    float* const gb2 = g2 + classes * hidden;
    add_product(transposed(slopes.data(), x.rows, classes).data(), hidden_.data(), g2, classes,
                x.rows, hidden);
    std::vector<float> back(x.rows * hidden, 0.0F);
    add_product(slopes.data(), w2(), back.data(), x.rows, classes, hidden);
    for (std::size_t i = 0; i < back.size(); ++i)
      back[i] = hidden_[i] > 0 ? back[i] : 0.0F;
    // W1's slopes come as inputs × hidden, so that zeros of the features are skipped.
    std::vector<float> turned(inputs * hidden, 0.0F);
    add_product(transposed(x.data, x.rows, inputs).data(), back.data(), turned.data(), inputs,
                x.rows, hidden);
    for (std::size_t i = 0; i < inputs; ++i)
      for (std::size_t h = 0; h < hidden; ++h)
        g1[h * inputs + i] = turned[i * hidden + h];
    for (std::size_t r = 0; r < x.rows; ++r) {
      for (std::size_t h = 0; h < hidden; ++h)
        gb1[h] += back[r * hidden + h];
      for (std::size_t c = 0; c < classes; ++c)
        gb2[c] += slopes[r * classes + c];
    }
    auto const step = adam_step::of(++net_.steps, learning_rate);
    for (std::size_t i = 0; i < gradient.size(); ++i)
      step.apply(gradient[i], net_.parameters[i], net_.first_moments[i], net_.second_moments[i]);
    return loss;
  }

  std::vector<float> logits(matrix_view x) override {
    check_inputs(net_.shape, x);
    forward(x);
    return logits_;
  }

  network_state state() const override { return net_; }

 private:
  float const* w1() const { return net_.parameters.data(); }
  float const* b1() const { return w1() + net_.shape.hidden * net_.shape.inputs; }
  float const* w2() const { return b1() + net_.shape.hidden; }
  float const* b2() const { return w2() + net_.shape.classes * net_.shape.hidden; }

  matrix_view gather(std::span<std::uint32_t const> rows) {
    batch_.clear();
    batch_labels_.clear();
    for (auto const row : rows) {
      auto const* const from = on_.inputs.row(row);
      batch_.insert(batch_.end(), from, from + on_.inputs.columns);
      batch_labels_.push_back(on_.labels[row]);
    }
    return {batch_.data(), rows.size(), on_.inputs.columns};
  }

  void forward(matrix_view x) {
    auto const [inputs, hidden, classes] = net_.shape;
    hidden_.resize(x.rows * hidden);
    logits_.resize(x.rows * classes);
    for (std::size_t r = 0; r < x.rows; ++r) {
      std::copy_n(b1(), hidden, hidden_.data() + r * hidden);
      std::copy_n(b2(), classes, logits_.data() + r * classes);
    }
    auto const w1t = transposed(w1(), hidden, inputs);
    add_product(x.data, w1t.data(), hidden_.data(), x.rows, inputs, hidden);
    for (auto& h : hidden_)
      h = h < 0 ? 0.0F : h;
    auto const w2t = transposed(w2(), classes, hidden);
    add_product(hidden_.data(), w2t.data(), logits_.data(), x.rows, hidden, classes);
  }

  /// The mean loss, and its slope at every logit.
  std::pair<float, std::vector<float>> loss_of(std::vector<std::uint32_t> const& labels) const {
    auto const classes = net_.shape.classes;
    std::vector<float> slopes(logits_.size());
    double loss = 0;
    for (std::size_t r = 0; r < labels.size(); ++r) {
      float const* const row = logits_.data() + r * classes;
      float const top = *std::max_element(row, row + classes);
      float sum = 0;
      for (std::size_t c = 0; c < classes; ++c)
        sum += std::exp(row[c] - top);
      loss += std::log(sum) + top - row[labels[r]];
      for (std::size_t c = 0; c < classes; ++c)
        slopes[r * classes + c] = (std::exp(row[c] - top) / sum - (c == labels[r] ? 1.0F : 0.0F)) /
                                  static_cast<float>(labels.size());
    }
    return {static_cast<float>(loss / static_cast<double>(labels.size())), std::move(slopes)};
  }

  network_state net_;
  examples on_;
  std::vector<float> batch_;
  std::vector<std::uint32_t> batch_labels_;
  std::vector<float> hidden_;  // of the last batch, after relu
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<trainer> make_cpu_trainer(network_state from, examples const& on) {
  return std::make_unique<cpu_trainer>(std::move(from), on);
}

}  // namespace nsai::stages

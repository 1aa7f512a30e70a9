#include "stages/cuda/gpu_trainer.hpp"

#include <numeric>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/kernels.hpp"

namespace nsai::stages::cuda {
namespace {

using side = cublas::side;

class gpu_trainer final : public trainer {
 public:
  gpu_trainer(network_state const& from, examples const& on)
      : shape_(from.shape), steps_(from.steps), on_(on), blas_(stream_) {
    check_training(from, on);
    parameters_ = copied<float>(from.parameters);
    m_ = copied<float>(from.first_moments);
    v_ = copied<float>(from.second_moments);
    inputs_ = copied<float>({on.inputs.data, on.inputs.rows * on.inputs.columns});
    labels_ = copied<std::uint32_t>(on.labels);
    gradient_ = device_buffer<float>(shape_.parameters());
    stream_.wait("the network and its examples");  // `from` need not live longer
  }

  float step(std::span<std::uint32_t const> rows, float learning_rate) override {
    check_batch(rows, on_);
    auto const count = rows.size();
    make_room(count);
    batch_rows_.upload(rows, stream_, "a batch's row numbers");
    gather(inputs_.data(), labels_.data(), batch_rows_.data(), count, shape_.inputs, batch_.data(),
           batch_labels_.data(), stream_);
    forward(batch_.data(), count);
    cross_entropy(logits_.data(), batch_labels_.data(), losses_.data(), count, shape_.classes,
                  stream_);
    backward(count);
    adam(adam_step::of(++steps_, learning_rate), gradient_.data(), parameters_.data(), m_.data(),
         v_.data(), shape_.parameters(), stream_);
    std::vector<float> losses(count);
    losses_.download(losses, stream_, "a batch's losses");
    return static_cast<float>(std::accumulate(losses.begin(), losses.end(), 0.0) /
                              static_cast<double>(count));
  }

  std::vector<float> logits(matrix_view x) override {
    check_inputs(shape_, x);
    if (x.rows == 0)
      return {};
    make_room(x.rows);
    batch_.upload({x.data, x.rows * x.columns}, stream_, "inputs");
    forward(batch_.data(), x.rows);
    std::vector<float> all(x.rows * shape_.classes);
    logits_.download(all, stream_, "logits");
    return all;
  }

  network_state state() const override {
    network_state net{shape_, steps_, {}, {}, {}};
    for (auto const& [from, to] :
         {std::pair{&parameters_, &net.parameters}, std::pair{&m_, &net.first_moments},
          std::pair{&v_, &net.second_moments}}) {
      to->resize(shape_.parameters());
      from->download(*to, stream_, "the network");
    }
    return net;
  }

 private:
  template <class T>
  device_buffer<T> copied(std::span<T const> from) {
    device_buffer<T> to(from.size());
    if (!from.empty())
      to.upload(from, stream_, "the network and its examples");
    return to;
  }

  float* w1() const { return parameters_.data(); }
  float* b1() const { return w1() + shape_.hidden * shape_.inputs; }
  float* w2() const { return b1() + shape_.hidden; }
  float* b2() const { return w2() + shape_.classes * shape_.hidden; }

  /// For batches of up to `count` rows.
  void make_room(std::size_t count) {
    if (count <= room_)
      return;
    batch_ = device_buffer<float>(count * shape_.inputs);
    batch_rows_ = device_buffer<std::uint32_t>(count);
    batch_labels_ = device_buffer<std::uint32_t>(count);
    hidden_ = device_buffer<float>(count * shape_.hidden);
    back_ = device_buffer<float>(count * shape_.hidden);
    logits_ = device_buffer<float>(count * shape_.classes);
    losses_ = device_buffer<float>(count);
    room_ = count;
  }

  /// hidden = relu(x · W1^T + b1), logits = hidden · W2^T + b2.
  void forward(float const* x, std::size_t rows) {
    fill_rows(b1(), hidden_.data(), rows, shape_.hidden, stream_);
    blas_.multiply({rows, shape_.inputs, shape_.hidden, side::as_it_is, side::turned, 1}, x, w1(),
                   hidden_.data());
    clip_below_zero(hidden_.data(), rows * shape_.hidden, stream_);
    fill_rows(b2(), logits_.data(), rows, shape_.classes, stream_);
    blas_.multiply({rows, shape_.hidden, shape_.classes, side::as_it_is, side::turned, 1},
                   hidden_.data(), w2(), logits_.data());
  }

  /// `logits_` holds the loss's slopes by now.
  void backward(std::size_t rows) {
    float* const g1 = gradient_.data();
    float* const gb1 = g1 + shape_.hidden * shape_.inputs;
    float* const g2 = gb1 + shape_.hidden;
    float* const gb2 = g2 + shape_.classes * shape_.hidden;
    blas_.multiply({shape_.classes, rows, shape_.hidden, side::turned, side::as_it_is},
                   logits_.data(), hidden_.data(), g2);
    sum_rows(logits_.data(), gb2, rows, shape_.classes, stream_);
    blas_.multiply({rows, shape_.classes, shape_.hidden}, logits_.data(), w2(), back_.data());
    pass_where_active(hidden_.data(), back_.data(), rows * shape_.hidden, stream_);
    blas_.multiply({shape_.hidden, rows, shape_.inputs, side::turned, side::as_it_is}, back_.data(),
                   batch_.data(), g1);
    sum_rows(back_.data(), gb1, rows, shape_.hidden, stream_);
  }

  network_shape shape_;
  std::uint64_t steps_;
  examples on_;
  stream stream_;
  cublas blas_;
  device_buffer<float> parameters_, m_, v_, gradient_;
  device_buffer<float> inputs_;
  device_buffer<std::uint32_t> labels_;

  std::size_t room_ = 0;  // rows that what follows has room for
  device_buffer<float> batch_, hidden_, back_, logits_, losses_;
  device_buffer<std::uint32_t> batch_rows_, batch_labels_;
};

}  // namespace

std::unique_ptr<trainer> make_gpu_trainer(network_state from, examples const& on) {
  return std::make_unique<gpu_trainer>(from, on);
}

}  // namespace nsai::stages::cuda

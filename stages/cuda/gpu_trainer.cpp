#include "stages/cuda/gpu_trainer.hpp"

#include <algorithm>
#include <numeric>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/kernels.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr auto transposed = cublas::transposed;

class gpu_trainer final : public trainer {
 public:
  gpu_trainer(network_state const& from, examples const& on, std::size_t room)
      : shape_(from.shape), steps_(from.steps), on_(on), blas_(stream_) {
    check_training(from, on);
    parameters_ = copied<float>(from.parameters);
    m_ = copied<float>(from.first_moments);
    v_ = copied<float>(from.second_moments);
    gradient_ = device_buffer<float>(shape_.parameters());
    auto const network_bytes = 4 * shape_.parameters() * sizeof(float);
    auto const left = room - std::min(room, network_bytes);
    auto const inputs = on.inputs.rows * on.inputs.columns;
    all_there_ = inputs * sizeof(float) + on.labels.size_bytes() <= left / 2;
    if (all_there_) {
      inputs_ = copied<float>({on.inputs.data, inputs});
      labels_ = copied<std::uint32_t>(on.labels);
    }
    auto const row_bytes = (shape_.inputs + 2 * shape_.hidden + shape_.classes + 3) * sizeof(float);
    most_rows_ = std::clamp<std::size_t>(left / 2 / row_bytes, 1, 65'536);
    stream_.wait("the network and its examples");  // `from` need not live longer
  }

  float step(std::span<std::uint32_t const> rows, float learning_rate) override {
    check_batch(rows, on_);
    auto const count = rows.size();
    make_room(count);
    take_batch(rows);
    forward(count);
    cross_entropy(logits_.as_rows(count, shape_.classes), batch_labels_.first(count),
                  losses_.first(count), stream_);
    backward(count);
    adam(adam_step::of(++steps_, learning_rate), gradient_.all(), parameters_.all(), m_.all(),
         v_.all(), stream_);
    std::vector<float> losses(count);
    download<float>(losses_.first(count), losses, stream_, "a batch's losses");
    return static_cast<float>(std::accumulate(losses.begin(), losses.end(), 0.0) /
                              static_cast<double>(count));
  }

  std::vector<float> logits(matrix_view x) override {
    check_inputs(shape_, x);
    std::vector<float> all(x.rows * shape_.classes);
    for (std::size_t first = 0; first < x.rows; first += most_rows_) {
      auto const count = std::min(most_rows_, x.rows - first);
      make_room(count);
      upload({x.row(first), count * x.columns}, batch_.first(count * x.columns), stream_, "inputs");
      forward(count);
      auto const size = count * shape_.classes;
      download<float>(logits_.first(size), std::span{all}.subspan(first * shape_.classes, size),
                      stream_, "logits");
    }
    return all;
  }

  network_state state() const override {
    network_state net{shape_, steps_, {}, {}, {}};
    for (auto const& [from, to] :
         {std::pair{&parameters_, &net.parameters}, std::pair{&m_, &net.first_moments},
          std::pair{&v_, &net.second_moments}}) {
      to->resize(shape_.parameters());
      download<float>(from->all(), *to, stream_, "the network");
    }
    return net;
  }

 private:
  template <class T>
  device_buffer<T> copied(std::span<T const> from) {
    device_buffer<T> to(from.size());
    if (!from.empty())
      upload(from, to.all(), stream_, "the network and its examples");
    return to;
  }

  /// The layers of the network, or of its gradient.
  struct layers {
    device_matrix<float> w1;
    device_span<float> b1;
    device_matrix<float> w2;
    device_span<float> b2;
  };
  layers layers_of(device_buffer<float> const& all) const {
    auto const& s = shape_;
    auto const w1 = s.hidden * s.inputs;
    auto const w2 = s.classes * s.hidden;
    return {all.all().part(0, w1).as_rows(s.hidden, s.inputs), all.all().part(w1, s.hidden),
            all.all().part(w1 + s.hidden, w2).as_rows(s.classes, s.hidden),
            all.all().part(w1 + s.hidden + w2, s.classes)};
  }

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

  void take_batch(std::span<std::uint32_t const> rows) {
    auto const count = rows.size();
    if (all_there_) {
      upload(rows, batch_rows_.first(count), stream_, "a batch's row numbers");
      gather(inputs_.as_rows(on_.inputs.rows, shape_.inputs), labels_.all(),
             batch_rows_.first(count), batch_.as_rows(count, shape_.inputs),
             batch_labels_.first(count), stream_);
      return;
    }
    here_.clear();
    labels_here_.clear();
    for (auto const row : rows) {
      here_.insert(here_.end(), on_.inputs.row(row), on_.inputs.row(row) + shape_.inputs);
      labels_here_.push_back(on_.labels[row]);
    }
    upload<float>(here_, batch_.first(here_.size()), stream_, "a batch");
    upload<std::uint32_t>(labels_here_, batch_labels_.first(count), stream_, "a batch's labels");
  }

  /// hidden = relu(x · W1^T + b1), logits = hidden · W2^T + b2, of the first rows of the batch.
  void forward(std::size_t rows) {
    auto const net = layers_of(parameters_);
    auto const hidden = hidden_.as_rows(rows, shape_.hidden);
    auto const logits = logits_.as_rows(rows, shape_.classes);
    fill_rows(net.b1, hidden, stream_);
    blas_.multiply(batch_.as_rows(rows, shape_.inputs), transposed(net.w1), hidden, 1);
    clip_below_zero(hidden.elements(), stream_);
    fill_rows(net.b2, logits, stream_);
    blas_.multiply(hidden, transposed(net.w2), logits, 1);
  }

  /// `logits_` holds the loss's slopes by now.
  void backward(std::size_t rows) {
    auto const slopes = layers_of(gradient_);
    auto const batch = batch_.as_rows(rows, shape_.inputs);
    auto const hidden = hidden_.as_rows(rows, shape_.hidden);
    auto const back = back_.as_rows(rows, shape_.hidden);
    auto const logits = logits_.as_rows(rows, shape_.classes);
    blas_.multiply(transposed(logits), hidden, slopes.w2);
    sum_rows(logits, slopes.b2, stream_);
    blas_.multiply(logits, layers_of(parameters_).w2, back);
    pass_where_active(hidden.elements(), back.elements(), stream_);
    blas_.multiply(transposed(back), batch, slopes.w1);
    sum_rows(back, slopes.b1, stream_);
  }

  network_shape shape_;
  std::uint64_t steps_;
  examples on_;
  stream stream_;
  cublas blas_;
  device_buffer<float> parameters_, m_, v_, gradient_;
  bool all_there_ = false;  // the examples are on the device; else each batch is copied
  device_buffer<float> inputs_;
  device_buffer<std::uint32_t> labels_;
  std::vector<float> here_;  // what is copied now
  std::vector<std::uint32_t> labels_here_;

  std::size_t most_rows_ = 1;  // that are looked at together
  std::size_t room_ = 0;       // rows that what follows has room for
  device_buffer<float> batch_, hidden_, back_, logits_, losses_;
  device_buffer<std::uint32_t> batch_rows_, batch_labels_;
};

}  // namespace

std::unique_ptr<trainer> make_gpu_trainer(network_state from, examples const& on,
                                          std::size_t room) {
  return std::make_unique<gpu_trainer>(from, on, room);
}

}  // namespace nsai::stages::cuda

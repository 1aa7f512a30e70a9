#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::stages {

/// Rows of floats, one after the other; row r begins at data + r * columns.
struct matrix_view {
  float const* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;

  float const* row(std::size_t r) const { return data + r * columns; }
};

/// What a long operation tells, and how it is stopped. A stopped one throws `compute_stopped`.
struct compute_hooks {
  std::stop_token stop;
  std::function<void(double fraction)> progress;
};
struct compute_stopped {};

/// Who has to act on an error of a device.
enum class fault_class : std::uint8_t {
  retry,      // another attempt may have more luck: no memory left, a driver that is too old here
  fail_job,   // the job's own doing: bad arguments, an address out of bounds in a kernel
  quarantine  // the hardware's: ECC, NVLink
};

class device_error : public std::runtime_error {
 public:
  device_error(std::string const& what, fault_class who, bool sticky)
      : std::runtime_error(what), who_(who), sticky_(sticky) {}
  fault_class who() const { return who_; }
  /// The process can use the device no more.
  bool sticky() const { return sticky_; }

 private:
  fault_class who_;
  bool sticky_;
};

/// How products of floats are rounded: fp32 keeps 24 bits of each factor, tf32 11 (on a GPU's
/// matrix units; the CPU twin takes it for fp32).
enum class precision : std::uint8_t { fp32, tf32 };

/// Of each query the k rows of the corpus with the largest cosine similarity, best first; of equal
/// ones the lower index first. Where the corpus has fewer than k rows, k is their number.
struct neighbours {
  std::size_t k = 0;
  std::vector<float> scores;           // queries × k
  std::vector<std::uint32_t> indices;  // queries × k
};
inline constexpr std::size_t most_neighbours = 1024;

/// Word n-grams of 1 to `longest` words, hashed into `buckets` (a power of two) features.
struct ngram_shape {
  std::uint32_t buckets = 4096;
  std::uint32_t longest = 2;
};
inline constexpr std::uint32_t longest_ngram = 4;

/// A classifier with one hidden layer: classes from W2 · relu(W1 · x + b1) + b2.
struct network_shape {
  std::size_t inputs = 0;
  std::size_t hidden = 0;
  std::size_t classes = 0;

  std::size_t parameters() const { return hidden * (inputs + 1) + classes * (hidden + 1); }
};

/// Everything that training goes on from. The parameters lie as W1 (hidden × inputs), b1, W2
/// (classes × hidden), b2.
struct network_state {
  network_shape shape;
  std::uint64_t steps = 0;
  std::vector<float> parameters;
  std::vector<float> first_moments;   // Adam's m
  std::vector<float> second_moments;  // Adam's v
};

/// Weights uniform in ±sqrt(6 / inputs of the layer) (He et al. 2015, "Delving deep into
/// rectifiers"), biases 0; equal seeds give equal networks everywhere.
network_state fresh_network(network_shape shape, std::uint64_t seed);

/// What is learned from: a label below `classes` for each row of inputs.
struct examples {
  matrix_view inputs;
  std::span<std::uint32_t const> labels;
};

/// Trains with the mean cross-entropy of softmax and Adam (Kingma and Ba 2015, algorithm 1 with
/// beta1 0.9, beta2 0.999, epsilon 1e-8).
class trainer {
 public:
  virtual ~trainer() = default;
  /// One step on these rows of the examples. Returns their mean loss before it.
  virtual float step(std::span<std::uint32_t const> rows, float learning_rate) = 0;
  /// inputs.rows × classes, before softmax.
  virtual std::vector<float> logits(matrix_view inputs) = 0;
  virtual network_state state() const = 0;
};

/// What a device really does.
struct device_rates {
  std::string device;                // its name
  double copy_gb_per_s = 0;          // within its memory; bytes read and written, 1e9 a GB
  double upload_gb_per_s = 0;        // from the machine's memory; 0: it is the machine
  double download_gb_per_s = 0;      // back to it
  double fp32_tflops = 0;            // square matrix products; 0: not measured
  double tf32_tflops = 0;            // on the matrix units
  double bf16_tflops = 0;            //
  double launch_us = 0;              // one empty kernel, from its launch to its end; 0: none
  std::vector<std::string> missing;  // why something was not measured
};

/// The operations that the numeric stages are made of: on the CPU, and by its twin on a GPU. The
/// results of both agree within 1e-4 of the larger magnitude (tf32: 5e-3), but for the order of
/// neighbours whose scores are closer than that. Bad arguments: shape_error.
class compute {
 public:
  virtual ~compute() = default;

  /// "cpu", or the GPU's model.
  virtual std::string device() const = 0;
  virtual bool on_gpu() const = 0;

  /// What is begun from now on holds about as many bytes of a GPU's memory, and works in as many
  /// parts as that takes; 0: as it likes, of what is free there. Some MiB are used whatever is
  /// given. Means nothing on a CPU.
  virtual void limit_memory(std::size_t bytes) = 0;

  /// The least that a job can do on a device: one empty kernel; nothing on a CPU.
  virtual void touch() = 0;

  /// Both have `columns` > 0 columns; 1 <= k <= most_neighbours. A row of zeros is similar to
  /// nothing: 0. Never holds queries × corpus.
  virtual neighbours most_similar(matrix_view queries, matrix_view corpus, std::size_t k,
                                  precision p, compute_hooks const& hooks) = 0;

  /// Euclidean distances, points.rows × points.rows.
  virtual std::vector<float> distances(matrix_view points, compute_hooks const& hooks) = 0;

  /// texts × buckets. Words are runs of letters and digits (ASCII, in lower case) and of bytes from
  /// 0x80 on. An n-gram's hash is FNV-1a (32 bits) of its words with one space between them; the
  /// lowest bits give the bucket, the highest the sign (Weinberger et al. 2009, "Feature hashing
  /// for large scale multitask learning"). Rows have length 1, or are zeros.
  virtual std::vector<float> hashed_ngrams(std::span<std::string_view const> texts,
                                           ngram_shape shape, compute_hooks const& hooks) = 0;

  /// The examples must live as long as the trainer.
  virtual std::unique_ptr<trainer> train(network_state from, examples const& on) = 0;

  virtual device_rates rates(compute_hooks const& hooks) = 0;
};

/// The CPU twins; one for the process.
compute& cpu_compute();

/// What GPU code this build has: "CUDA 13.0: sm_80, sm_90, PTX"; empty: none, the CPU twins alone.
std::string gpu_code_of_this_build();
/// The major version of its CUDA, which a driver has to run; 0: none.
int cuda_major_of_this_build();

// What both twins check and use alike.
void check_similarity(matrix_view queries, matrix_view corpus, std::size_t k);
void check_ngrams(std::span<std::string_view const> texts, ngram_shape shape);
void check_training(network_state const& from, examples const& on);
void check_inputs(network_shape shape, matrix_view inputs);
void check_batch(std::span<std::uint32_t const> rows, examples const& on);
void tell_progress(compute_hooks const& hooks, double fraction);  // throws compute_stopped

}  // namespace nsai::stages

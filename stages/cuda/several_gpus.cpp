#include "stages/cuda/several_gpus.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "stages/cuda/kernels.hpp"

namespace nsai::stages::cuda {
namespace {

// Fewer are not worth another context, nor another copy of the corpus.
constexpr std::size_t least_queries = 64;
constexpr std::size_t least_texts = 64;

/// What the parts tell of themselves becomes what is told of the whole.
class together {
 public:
  together(compute_hooks const& of, std::size_t parts)
      : of_(of), fractions_(parts), stops_with_(of.stop, [this] { stop_.request_stop(); }) {}

  compute_hooks for_part(std::size_t number) {
    return {stop_.get_token(), [this, number](double fraction) {
              std::lock_guard const lock{mutex_};
              fractions_[number] = fraction;
              if (of_.progress)
                of_.progress(std::accumulate(fractions_.begin(), fractions_.end(), 0.0) /
                             static_cast<double>(fractions_.size()));
            }};
  }
  /// Of the exception that is caught now.
  void failed() {
    std::lock_guard const lock{mutex_};
    if (!fault_)
      fault_ = std::current_exception();
    stop_.request_stop();
  }
  void check() const {
    if (fault_)
      std::rethrow_exception(fault_);
  }

 private:
  compute_hooks const& of_;
  std::mutex mutex_;
  std::vector<double> fractions_;
  std::exception_ptr fault_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> stops_with_;
};

}  // namespace

several_gpus::several_gpus(int count) {
  gpus_.push_back(std::make_unique<one_gpu>(0));
  gpus_.resize(static_cast<std::size_t>(std::max(1, count)));
}

std::string several_gpus::device() const {
  return std::to_string(gpus_.size()) + " x " + first().device();
}

void several_gpus::limit_memory(std::size_t bytes) {
  limit_ = bytes;
  for (auto const& gpu : gpus_)
    if (gpu)
      gpu->limit_memory(bytes);
}

void several_gpus::in_parts(std::size_t items, std::size_t multiple, compute_hooks const& hooks,
                            part const& work) {
  auto const steps = (items + multiple - 1) / multiple;
  auto const each = (steps + gpus_.size() - 1) / gpus_.size() * multiple;
  auto const parts = each == 0 ? 1 : std::max<std::size_t>(1, (items + each - 1) / each);
  together all{hooks, parts};
  auto const run = [&](std::size_t number) {
    try {
      auto& gpu = gpus_[number];
      if (!gpu) {
        gpu = std::make_unique<one_gpu>(static_cast<int>(number));
        gpu->limit_memory(limit_);
      }
      auto const first = number * each;
      work(*gpu, first, std::min(each, items - first), all.for_part(number));
    } catch (...) {
      all.failed();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t number = 1; number < parts; ++number)
      others.emplace_back(run, number);
    run(0);
  }
  all.check();
}

neighbours several_gpus::most_similar(matrix_view queries, matrix_view corpus, std::size_t k,
                                      precision p, compute_hooks const& hooks) {
  check_similarity(queries, corpus, k);
  neighbours all;
  all.k = std::min(k, corpus.rows);
  all.scores.resize(queries.rows * all.k);
  all.indices.resize(queries.rows * all.k);
  in_parts(
      queries.rows, least_queries, hooks,
      [&](one_gpu& on, std::size_t first, std::size_t count, compute_hooks const& of_part) {
        auto const found =
            on.most_similar({queries.row(first), count, queries.columns}, corpus, k, p, of_part);
        std::copy(found.scores.begin(), found.scores.end(), all.scores.data() + first * all.k);
        std::copy(found.indices.begin(), found.indices.end(), all.indices.data() + first * all.k);
      });
  return all;
}

std::vector<float> several_gpus::distances(matrix_view points, compute_hooks const& hooks) {
  auto const n = points.rows;
  std::vector<float> all(n * n);
  in_parts(n, distance_tile, hooks,
           [&](one_gpu& on, std::size_t first, std::size_t count, compute_hooks const& of_part) {
             on.distance_rows(points, first, std::span{all}.subspan(first * n, count * n), of_part);
           });
  return all;
}

std::vector<float> several_gpus::hashed_ngrams(std::span<std::string_view const> texts,
                                               ngram_shape shape, compute_hooks const& hooks) {
  check_ngrams(texts, shape);
  std::vector<float> all(texts.size() * shape.buckets);
  in_parts(texts.size(), least_texts, hooks,
           [&](one_gpu& on, std::size_t first, std::size_t count, compute_hooks const& of_part) {
             auto const part = on.hashed_ngrams(texts.subspan(first, count), shape, of_part);
             std::copy(part.begin(), part.end(), all.data() + first * shape.buckets);
           });
  return all;
}

}  // namespace nsai::stages::cuda

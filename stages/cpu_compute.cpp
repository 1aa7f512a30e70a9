#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>

#include "stages/compute.hpp"
#include "stages/cpu_trainer.hpp"
#include "stages/ngram_hash.hpp"

namespace nsai::stages {
namespace {

/// Rows that are worked on together: they stay in the nearest cache.
constexpr std::size_t block = 64;

float dot(float const* a, float const* b, std::size_t n) {
  // Eight sums, so that additions neither wait for each other nor round in one long chain.
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t j = 0; j < 8; ++j)
      sums[j] += a[i + j] * b[i + j];
  for (; i < n; ++i)
    sums[i % 8] += a[i] * b[i];
  return std::accumulate(std::begin(sums), std::end(sums), 0.0F);
}

std::vector<float> with_length_one(matrix_view m) {
  std::vector<float> rows(m.data, m.data + m.rows * m.columns);
  for (std::size_t r = 0; r < m.rows; ++r) {
    float* const row = rows.data() + r * m.columns;
    float const length = std::sqrt(dot(row, row, m.columns));
    if (length > 0)
      std::for_each(row, row + m.columns, [&](float& x) { x /= length; });
  }
  return rows;
}

struct candidate {
  float score;
  std::uint32_t index;
};
bool better(candidate a, candidate b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/// The best k so far as a heap whose front is the worst of them.
class best_k {
 public:
  explicit best_k(std::size_t k) : k_(k) { kept_.reserve(k); }

  void offer(candidate c) {
    if (kept_.size() < k_) {
      kept_.push_back(c);
      std::push_heap(kept_.begin(), kept_.end(), better);
    } else if (better(c, kept_.front())) {
      std::pop_heap(kept_.begin(), kept_.end(), better);
      kept_.back() = c;
      std::push_heap(kept_.begin(), kept_.end(), better);
    }
  }
  std::vector<candidate> const& sorted() {
    std::sort_heap(kept_.begin(), kept_.end(), better);
    return kept_;
  }

 private:
  std::size_t k_;
  std::vector<candidate> kept_;
};

double seconds_of(std::function<void()> const& work) {
  auto const begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class cpu final : public compute {
 public:
  std::string device() const override { return "cpu"; }
  bool on_gpu() const override { return false; }
  void limit_memory(std::size_t) override {}
  void touch() override {}

  neighbours most_similar(matrix_view queries, matrix_view corpus, std::size_t k, precision,
                          compute_hooks const& hooks) override {
    check_similarity(queries, corpus, k);
    neighbours found;
    found.k = std::min(k, corpus.rows);
    found.scores.resize(queries.rows * found.k);
    found.indices.resize(queries.rows * found.k);
    auto const q = with_length_one(queries);
    auto const c = with_length_one(corpus);
    auto const d = queries.columns;
    for (std::size_t first = 0; first < queries.rows; first += block) {
      tell_progress(hooks, static_cast<double>(first) / static_cast<double>(queries.rows));
      auto const count = std::min(block, queries.rows - first);
      std::vector<best_k> best(count, best_k{found.k});
      for (std::size_t at = 0; at < corpus.rows; at += block) {
        if (hooks.stop.stop_requested())
          throw compute_stopped{};
        for (std::size_t r = 0; r < count; ++r)
          for (std::size_t j = at; j < std::min(at + block, corpus.rows); ++j)
            best[r].offer({dot(q.data() + (first + r) * d, c.data() + j * d, d),
                           static_cast<std::uint32_t>(j)});
      }
      for (std::size_t r = 0; r < count; ++r) {
        auto to = (first + r) * found.k;
        for (auto const& each : best[r].sorted()) {
          found.scores[to] = each.score;
          found.indices[to++] = each.index;
        }
      }
    }
    return found;
  }

  std::vector<float> distances(matrix_view points, compute_hooks const& hooks) override {
    auto const n = points.rows;
    std::vector<float> all(n * n, 0.0F);
    for (std::size_t first = 0; first < n; first += block) {
      tell_progress(hooks, static_cast<double>(first) / static_cast<double>(n));
      auto const end = std::min(first + block, n);
      for (std::size_t i = first; i < end; ++i)
        for (std::size_t j = i + 1; j < n; ++j) {
          float sum = 0;
          for (std::size_t c = 0; c < points.columns; ++c) {
            float const apart = points.row(i)[c] - points.row(j)[c];
            sum += apart * apart;
          }
          all[i * n + j] = all[j * n + i] = std::sqrt(sum);
        }
    }
    return all;
  }

  std::vector<float> hashed_ngrams(std::span<std::string_view const> texts, ngram_shape shape,
                                   compute_hooks const& hooks) override {
    check_ngrams(texts, shape);
    std::vector<float> all(texts.size() * shape.buckets, 0.0F);
    for (std::size_t t = 0; t < texts.size(); ++t) {
      if (t % block == 0)
        tell_progress(hooks, static_cast<double>(t) / static_cast<double>(texts.size()));
      float* const row = all.data() + t * shape.buckets;
      auto const* const text = texts[t].data();
      auto const length = static_cast<std::uint32_t>(texts[t].size());
      for (std::uint32_t at = 0; at < length; ++at)
        ngrams_from(text, length, at, shape.longest,
                    [&](std::uint32_t hash) { row[hash & (shape.buckets - 1)] += sign_of(hash); });
      float const size = std::sqrt(dot(row, row, shape.buckets));
      if (size > 0)
        std::for_each(row, row + shape.buckets, [&](float& x) { x /= size; });
    }
    return all;
  }

  std::unique_ptr<trainer> train(network_state from, examples const& on) override {
    return make_cpu_trainer(std::move(from), on);
  }

  device_rates rates(compute_hooks const& hooks) override {
    device_rates r;
    r.device = device();
    constexpr std::size_t floats = 32 * 1024 * 1024;
    std::vector<float> from(floats, 1.0F);
    std::vector<float> to(floats, 2.0F);
    double fastest = 1e9;
    for (int i = 0; i < 5; ++i) {
      tell_progress(hooks, i / 10.0);
      fastest = std::min(fastest, seconds_of([&] {
                           std::memcpy(to.data(), from.data(), floats * sizeof(float));
                         }));
    }
    r.copy_gb_per_s = 2.0 * sizeof(float) * floats / fastest / 1e9;
    constexpr std::size_t side = 512;
    matrix_view const m{from.data(), side, side};
    fastest = 1e9;
    for (int i = 0; i < 5; ++i) {
      tell_progress(hooks, 0.5 + i / 10.0);
      fastest = std::min(fastest, seconds_of([&] {
                           for (std::size_t a = 0; a < side; ++a)
                             for (std::size_t b = 0; b < side; ++b)
                               to[a * side + b] = dot(m.row(a), m.row(b), side);
                         }));
    }
    r.fp32_tflops = 2.0 * side * side * side / fastest / 1e12;
    r.missing = {"upload, download, launch and matrix units: this is a CPU"};
    return r;
  }
};

}  // namespace

compute& cpu_compute() {
  static cpu one;
  return one;
}

}  // namespace nsai::stages

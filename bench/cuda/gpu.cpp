// The GPU's operations beside what the card can do, measured in the same run: JSON lines.
//   bench_gpu [rates | similarity | distances | ngrams | training]...     (none: all)
#include "stages/gpu.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>

#include "messages/field_list.hpp"
#include "stages/cuda/kernels.hpp"
#include "stages/cuda/rates.hpp"
#include "stages/cuda/similarity.hpp"

namespace {

using namespace nsai;
using namespace nsai::stages;
using namespace nsai::stages::cuda;

constexpr int times = 7;

double median_s(int count, std::function<void()> const& work) {
  std::vector<double> all;
  for (int i = 0; i <= count; ++i) {
    auto const begin = std::chrono::steady_clock::now();
    work();
    auto const end = std::chrono::steady_clock::now();
    if (i > 0)
      all.push_back(std::chrono::duration<double>(end - begin).count());
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

double copy_gb_per_s(stream const& on) {
  std::size_t const bytes = std::size_t{1} << 30U;
  device_buffer<char> from(bytes);
  device_buffer<char> to(bytes);
  fill_with_noise({reinterpret_cast<float*>(from.all().data()), bytes / sizeof(float)}, 1, on);
  return 2.0 * static_cast<double>(bytes) /
         median_ms(on, times, [&] { copy_within(from.all(), to.all(), on); }) / 1e6;
}

void rates() {
  auto const r = gpu_compute().rates({});
  std::cout << json{{"what", "rates"},
                    {"device", r.device},
                    {"copy_gb_per_s", r.copy_gb_per_s},
                    {"upload_gb_per_s", r.upload_gb_per_s},
                    {"download_gb_per_s", r.download_gb_per_s},
                    {"fp32_tflops", r.fp32_tflops},
                    {"tf32_tflops", r.tf32_tflops},
                    {"bf16_tflops", r.bf16_tflops},
                    {"launch_us", r.launch_us},
                    {"missing", r.missing}}
            << std::endl;
}

/// The search with everything on the GPU, beside the same product alone, written as a whole.
void similarity_of(std::size_t columns, std::size_t k, precision p) {
  constexpr std::size_t queries = 32'768;
  constexpr std::size_t corpus = 131'072;
  stream on;
  device_buffer<float> q(queries * columns);
  device_buffer<float> c(corpus * columns);
  fill_with_noise(q.all(), 1, on);
  fill_with_noise(c.all(), 2, on);
  auto const qs = q.as_rows(queries, columns);
  auto const cs = c.as_rows(corpus, columns);
  normalise_rows(qs, on);
  normalise_rows(cs, on);
  double const flops = 2.0 * queries * corpus * static_cast<double>(columns);
  double product_ms = 0;
  cublas blas{on};
  {
    device_buffer<float> scores(queries * corpus);
    product_ms = median_ms(on, times, [&] {
      blas.multiply(qs, cublas::transposed(cs), scores.as_rows(queries, corpus), 0, p);
    });
  }
  similarity_search::tiles const t;
  device_buffer<float> scores(t.queries * t.corpus);
  device_buffer<float> best_scores(queries * k);
  device_buffer<std::uint32_t> best_indices(queries * k);
  similarity_search s{on, blas, p};
  double const ms = median_ms(on, times, [&] {
    for (std::size_t at = 0; at < corpus; at += t.corpus)
      s.merge_tile(
          qs, cs.band(at, std::min(t.corpus, corpus - at)), static_cast<std::uint32_t>(at),
          {best_scores.as_rows(queries, k), best_indices.as_rows(queries, k), std::min(at, k)},
          scores.all());
  });
  double const tiles_ms = median_ms(on, times, [&] {
    for (std::size_t at = 0; at < corpus; at += t.corpus)
      for (std::size_t row = 0; row < queries; row += t.queries)
        blas.multiply(qs.band(row, t.queries), cublas::transposed(cs.band(at, t.corpus)),
                      scores.as_rows(t.queries, t.corpus), 0, p);
  });
  std::cout << json{{"what", "similarity"},
                    {"queries", queries},
                    {"corpus", corpus},
                    {"columns", columns},
                    {"k", k},
                    {"precision", p == precision::fp32 ? "fp32" : "tf32"},
                    {"tflops", flops / ms / 1e9},
                    {"cublas_tflops", flops / product_ms / 1e9},
                    {"products_in_tiles_tflops", flops / tiles_ms / 1e9},
                    {"share_of_cublas", product_ms / ms}}
            << std::endl;
}

/// The whole call, from and to the machine's memory.
void similarity_call() {
  constexpr std::size_t queries = 16'384;
  constexpr std::size_t corpus = 131'072;
  constexpr std::size_t columns = 768;
  std::vector<float> q(queries * columns);
  std::vector<float> c(corpus * columns);
  for (std::size_t i = 0; i < c.size(); ++i)
    c[i] = static_cast<float>((i * 2'654'435'761U) % 65'521) / 32'760.5F - 1.0F;
  std::copy_n(c.begin() + 77, q.size(), q.begin());
  double const s = median_s(3, [&] {
    gpu_compute().most_similar({q.data(), queries, columns}, {c.data(), corpus, columns}, 10,
                               precision::fp32, {});
  });
  std::cout << json{{"what", "similarity, from and to the machine's memory"},
                    {"queries", queries},
                    {"corpus", corpus},
                    {"columns", columns},
                    {"seconds", s},
                    {"tflops", 2.0 * queries * corpus * columns / s / 1e12}}
            << std::endl;
}

void similarity() {
  for (auto const& [columns, k] :
       {std::pair<std::size_t, std::size_t>{768, 10}, {768, 100}, {384, 10}, {128, 10}})
    for (auto const p : {precision::fp32, precision::tf32})
      similarity_of(columns, k, p);
  similarity_call();
}

void distances() {
  constexpr std::size_t count = 32'768;
  stream on;
  double const copy = copy_gb_per_s(on);
  device_buffer<float> to(count * count);
  for (std::size_t const columns : {2, 8, 16, 32, 128, 384}) {
    device_buffer<float> points(count * columns);
    fill_with_noise(points.all(), 3, on);
    double const ms = median_ms(on, times, [&] {
      euclidean_distances(points.as_rows(count, columns), 0, to.as_rows(count, count), on);
    });
    double const bytes = 4.0 * (static_cast<double>(count) * count + count * columns);
    std::cout << json{{"what", "distances"},
                      {"points", count},
                      {"columns", columns},
                      {"gb_per_s", bytes / ms / 1e6},
                      {"copy_gb_per_s", copy},
                      {"share_of_copy", bytes / ms / 1e6 / copy},
                      {"tflops", 3.0 * count * count * columns / ms / 1e9}}
              << std::endl;
  }
}

void ngrams() {
  std::vector<std::string> texts;
  std::size_t bytes = 0;
  for (std::uint32_t t = 0; t < 8'192; ++t) {
    std::string text;
    for (std::uint32_t i = 0; text.size() < 1'500; ++i)
      text += "w" + std::to_string((t * 7'919 + i * i * 31) % 20'000) + " ";
    bytes += text.size();
    texts.push_back(std::move(text));
  }
  std::vector<std::string_view> const views(texts.begin(), texts.end());
  ngram_shape const shape{4'096, 2};
  double const gpu = median_s(3, [&] { gpu_compute().hashed_ngrams(views, shape, {}); });
  double const cpu = median_s(1, [&] { cpu_compute().hashed_ngrams(views, shape, {}); });
  std::cout << json{{"what", "n-grams, from and to the machine's memory"},
                    {"texts", texts.size()},
                    {"text_mb_per_s", static_cast<double>(bytes) / gpu / 1e6},
                    {"cpu_text_mb_per_s", static_cast<double>(bytes) / cpu / 1e6},
                    {"times_the_cpu", cpu / gpu}}
            << std::endl;
}

void training() {
  network_shape const shape{4'096, 512, 3};
  constexpr std::size_t count = 1'024;
  std::vector<float> inputs(count * shape.inputs, 0.0F);
  std::vector<std::uint32_t> labels(count);
  for (std::size_t r = 0; r < count; ++r) {
    labels[r] = static_cast<std::uint32_t>(r % shape.classes);
    // 200 features of 4,096, as texts have them.
    for (std::size_t i = 0; i < 200; ++i)
      inputs[r * shape.inputs + (r * 131 + i * i * 17) % shape.inputs] = 0.07F;
  }
  examples const on{{inputs.data(), count, shape.inputs}, labels};
  for (std::size_t const batch : {32, 256}) {
    std::vector<std::uint32_t> rows(batch);
    std::iota(rows.begin(), rows.end(), 5U);
    auto gpu = gpu_compute().train(fresh_network(shape, 1), on);
    auto cpu = cpu_compute().train(fresh_network(shape, 1), on);
    double const gpu_s = median_s(50, [&] { gpu->step(rows, 1e-3F); });
    double const cpu_s = median_s(3, [&] { cpu->step(rows, 1e-3F); });
    std::cout << json{{"what", "training step"},       {"inputs", shape.inputs},
                      {"hidden", shape.hidden},        {"batch", batch},
                      {"gpu_ms", gpu_s * 1e3},         {"cpu_ms", cpu_s * 1e3},
                      {"times_the_cpu", cpu_s / gpu_s}}
              << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, void (*)()> const kinds{{"rates", rates},
                                                {"similarity", similarity},
                                                {"distances", distances},
                                                {"ngrams", ngrams},
                                                {"training", training}};
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty())
    words = {"rates", "similarity", "distances", "ngrams", "training"};
  if (auto const why = why_no_gpu(); !why.empty()) {
    std::cerr << "bench_gpu: " << why << '\n';
    return 1;
  }
  for (auto const& word : words) {
    auto const found = kinds.find(word);
    if (found == kinds.end()) {
      std::cerr << "bench_gpu [rates | similarity | distances | ngrams | training]...\n";
      return 2;
    }
    try {
      found->second();
    } catch (std::exception const& e) {
      std::cout << json{{"what", word}, {"failed", e.what()}} << std::endl;
    }
  }
}

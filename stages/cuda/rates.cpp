#include "stages/cuda/rates.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/kernels.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr int times = 9;

/// The largest of `wish`, wish / 2, ... that needs no more bytes than there is room for.
std::size_t that_fits(std::size_t wish, std::size_t room,
                      std::function<std::size_t(std::size_t)> const& needed) {
  while (wish > 1024 && needed(wish) > room)
    wish /= 2;
  return wish;
}

void measure_copies(stream const& on, std::size_t room, device_rates& to) {
  auto const bytes =
      that_fits(std::size_t{1} << 30U, room, [](std::size_t each) { return 2 * each; });
  device_buffer<char> from(bytes);
  device_buffer<char> there(bytes);
  fill_with_noise({reinterpret_cast<float*>(from.all().data()), bytes / sizeof(float)}, 1, on);
  auto const per_ms = [](std::size_t moved, double ms) {
    return static_cast<double>(moved) / ms / 1e6;
  };
  to.copy_gb_per_s =
      per_ms(2 * bytes, median_ms(on, times, [&] { copy_within(from.all(), there.all(), on); }));
  auto const part = std::min<std::size_t>(bytes, 256U << 20U);
  pinned_buffer<char> here(part);
  to.upload_gb_per_s = per_ms(part, median_ms(on, times, [&] {
                                upload<char>(here.span(), there.first(part), on, "an upload");
                              }));
  to.download_gb_per_s = per_ms(part, median_ms(on, times, [&] {
                                  check(cudaMemcpyAsync(here.span().data(), there.all().data(),
                                                        part, cudaMemcpyDeviceToHost, on.get()),
                                        "a download");
                                }));
}

void measure_products(stream const& on, std::size_t room, compute_hooks const& hooks,
                      device_rates& to) {
  if (auto why = cublas::why_missing(); !why.empty()) {
    to.missing.push_back("matrix rates: " + why);
    return;
  }
  auto const side = that_fits(8192, room, [](std::size_t n) { return 3 * n * n * sizeof(float); });
  cublas blas{on};
  device_buffer<float> a(side * side);
  device_buffer<float> b(side * side);
  device_buffer<float> c(side * side);
  auto const rate = [&](std::function<void()> const& work) {
    auto const flops = 2.0 * static_cast<double>(side) * static_cast<double>(side * side);
    return flops / median_ms(on, times, work) / 1e9;
  };
  fill_with_noise(a.all(), 1, on);
  fill_with_noise(b.all(), 2, on);
  auto const product = [&](precision p) {
    blas.multiply(a.as_rows(side, side), b.as_rows(side, side), c.as_rows(side, side), 0, p);
  };
  to.fp32_tflops = rate([&] { product(precision::fp32); });
  tell_progress(hooks, 0.6);
  to.tf32_tflops = rate([&] { product(precision::tf32); });
  tell_progress(hooks, 0.8);
  auto const halves = [&](device_buffer<float> const& of) {
    return device_matrix<bfloat16>{reinterpret_cast<bfloat16*>(of.all().data()), side, side};
  };
  fill_with_noise(halves(a).elements(), 1, on);
  fill_with_noise(halves(b).elements(), 2, on);
  to.bf16_tflops = rate([&] { blas.multiply(halves(a), halves(b), halves(c)); });
}

double launch_us(stream const& on) {
  constexpr int launches = 1000;
  std::vector<double> us;
  for (int i = 0; i < launches; ++i) {
    auto const begin = std::chrono::steady_clock::now();
    launch_nothing(on);
    on.wait("an empty kernel");
    us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
                     .count());
  }
  std::nth_element(us.begin(), us.begin() + launches / 2, us.end());
  return us[launches / 2];
}

}  // namespace

double median_ms(stream const& on, int count, std::function<void()> const& work) {
  std::vector<double> all;
  for (int i = 0; i <= count; ++i) {
    event begin;
    event end;
    begin.record(on);
    work();
    end.record(on);
    auto const ms = end.ms_since(begin);
    if (i > 0)
      all.push_back(ms);
  }
  std::nth_element(all.begin(), all.begin() + count / 2, all.end());
  return all[static_cast<std::size_t>(count / 2)];
}

device_rates measure_rates(stream const& on, std::size_t room, compute_hooks const& hooks) {
  device_rates found;
  tell_progress(hooks, 0);
  found.launch_us = launch_us(on);
  measure_copies(on, room, found);
  tell_progress(hooks, 0.4);
  measure_products(on, room, hooks, found);
  return found;
}

}  // namespace nsai::stages::cuda

#include "stages/gpu_trials.hpp"

#include <cmath>

#include "stages/on_device.hpp"

namespace nsai::stages {
namespace {

class gpu_noop final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "gpu_noop";
    d.summary = on_its_device("launches one empty kernel: what a job costs at least");
    d.backend = "stage_host";
    d.brief = true;
    return d;
  }

  outcome run(context, json const&, stage_env& env) const override {
    auto& device = device_of(env);
    device.touch();
    return outcome::success({{"device", device_in_words(env, device)}});
  }
};

class gpu_probe final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "gpu_probe";
    d.summary =
        on_its_device("measures what its device really does: bandwidth, matrix rates, launches");
    d.backend = "stage_host";
    return d;
  }

  outcome run(context, json const&, stage_env& env) const override {
    auto& device = device_of(env);
    auto const found = device.rates(hooks_of(env, "measuring"));
    json result{{"device", device_in_words(env, device)}};
    auto const add = [&](char const* name, double rate) {
      result[name] = rate > 0 ? json(std::round(rate * 1000) / 1000) : json(nullptr);
    };
    add("copy_gb_per_s", found.copy_gb_per_s);
    add("upload_gb_per_s", found.upload_gb_per_s);
    add("download_gb_per_s", found.download_gb_per_s);
    add("fp32_tflops", found.fp32_tflops);
    add("tf32_tflops", found.tf32_tflops);
    add("bf16_tflops", found.bf16_tflops);
    add("launch_us", found.launch_us);
    result["missing"] = found.missing;
    return outcome::success(std::move(result));
  }
};

}  // namespace

std::unique_ptr<stage> make_gpu_noop() {
  return std::make_unique<gpu_noop>();
}

std::unique_ptr<stage> make_gpu_probe() {
  return std::make_unique<gpu_probe>();
}

}  // namespace nsai::stages

#include "scheduling/placement.hpp"

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission share(std::int64_t milli_share, std::string tenant = "a", std::int64_t memory_mb = 0) {
  auto s = fixture::gpu_job("A100", 1, memory_mb);
  s.resources.gpu_share.value = milli_share;
  s.resources.cpu.value = 100;
  s.tenant_id = std::move(tenant);
  return s;
}

}  // namespace

TEST_CASE("placement: jobs go where their GPU model is, and wait where none is") {
  fixture f;
  f.join(f.node("a100-node", 8, {"NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB"}));
  f.join(f.node("h100-node", 8, {"NVIDIA H100 PCIe"}, 81920));
  auto const a = f.submitted(f.gpu_job("A100"));
  auto const h = f.submitted(f.gpu_job("H100"));
  auto const either = f.submitted(f.gpu_job("A100|H100"));
  auto const b = f.submitted(f.gpu_job("B200"));
  CHECK(f.place_of(a) == "a100-node");
  CHECK(f.place_of(h) == "h100-node");
  CHECK(f.place_of(either) == "a100-node");
  CHECK(f.status(b) == job_status::queued);
  CHECK(f.reason(b) ==
        "no node has a GPU that matches B200 (models there: NVIDIA A100-SXM4-40GB, NVIDIA H100 "
        "PCIe)");
  auto const& device = f.granted(either).devices.at(0);
  CHECK(device.index == 1);
  CHECK(device.memory_mb == 40960);
  CHECK(device.share_milli == 1000);
  CHECK(device.is_virtual);
  f.join(f.node("b200-node", 8, {"NVIDIA B200"}));
  CHECK(f.place_of(b) == "b200-node");
}

TEST_CASE("placement: two halves of a GPU run together, a third waits until one ends") {
  fixture f;
  f.join(f.node("n", 8, {"A100"}));
  auto const first = f.submitted(share(500));
  auto const second = f.submitted(share(500));
  auto const third = f.submitted(share(500));
  CHECK(f.runs(first));
  CHECK(f.runs(second));
  CHECK_FALSE(f.runs(third));
  CHECK(f.reason(third) ==
        "no node has 0.5 of a GPU of A100 free: needs 0.5 of a GPU of A100; node n has 0 free");
  CHECK(f.granted(first).devices.at(0).memory_mb == 20480);
  CHECK(f.granted(first).devices.at(0).share_milli == 500);
  CHECK(f.record_of("n").gpus.at(0).share_used.value == 1000);
  f.end(first);
  CHECK(f.runs(third));
}

TEST_CASE("placement: a share is charged by its memory where that is the larger part") {
  fixture f;
  f.join(f.node("n", 8, {"A100"}));
  auto const first = f.submitted(share(100, "a", 30'720));
  auto const second = f.submitted(share(300, "a", 1'024));
  CHECK(f.runs(first));
  CHECK_FALSE(f.runs(second));
  CHECK(f.record_of("n").gpus.at(0).share_used.value == 750);
  CHECK(f.runs(f.submitted(share(250, "a", 10'240))));
}

TEST_CASE("placement: tenants share a GPU only where the settings allow it") {
  for (bool const allowed : {false, true}) {
    CAPTURE(allowed);
    core_settings settings;
    settings.share_between_tenants = allowed;
    fixture f{settings};
    f.join(f.node("n", 8, {"A100"}));
    auto const first = f.submitted(share(300, "a"));
    auto const other = f.submitted(share(300, "b"));
    auto const same = f.submitted(share(300, "a"));
    CHECK(f.runs(first));
    CHECK(f.runs(same));
    CHECK(f.runs(other) == allowed);
    f.end(first);
    CHECK(f.runs(other) == allowed);
    f.end(same);
    CHECK(f.runs(other));
  }
}

TEST_CASE("placement: an exclusive job takes no shared GPU and none shares with it") {
  fixture f;
  f.join(f.node("n", 8, {"A100"}));
  auto const part = f.submitted(share(100));
  auto const whole = f.submitted(f.gpu_job("A100"));
  CHECK(f.runs(part));
  CHECK_FALSE(f.runs(whole));
  f.end(part);
  CHECK(f.runs(whole));
  CHECK_FALSE(f.runs(f.submitted(share(100))));
}

TEST_CASE("placement: shares pile up on the GPU that is shared already") {
  fixture f;
  f.join(f.node("n1", 8, {"A100", "A100"}));
  f.join(f.node("n2", 8, {"A100"}));
  auto const first = f.submitted(share(300));
  auto const second = f.submitted(share(300));
  CHECK(f.place_of(first) == f.place_of(second));
  CHECK(f.granted(first).devices.at(0).index == f.granted(second).devices.at(0).index);
}

TEST_CASE("placement: CPU jobs keep away from GPUs while another node has room") {
  fixture f;
  f.join(f.node("gpu", 8, {"A100"}));
  f.join(f.node("plain", 1));
  auto const first = f.submitted(f.job());
  auto const second = f.submitted(f.job());
  CHECK(f.place_of(first) == "plain");
  CHECK(f.place_of(second) == "gpu");
}

TEST_CASE("placement: equal nodes are filled one after the other") {
  fixture f;
  f.join(f.node("n1", 2));
  f.join(f.node("n2", 2));
  CHECK(f.place_of(f.submitted(f.job())) == "n1");
  CHECK(f.place_of(f.submitted(f.job())) == "n1");
  CHECK(f.place_of(f.submitted(f.job())) == "n2");
}

TEST_CASE("placement: any GPU takes the smallest that serves") {
  fixture f;
  f.join(f.node("large", 8, {"H100"}, 81920));
  f.join(f.node("small", 8, {"T4"}, 16384));
  CHECK(f.place_of(f.submitted(f.gpu_job("", 1))) == "small");
  CHECK(f.place_of(f.submitted(f.gpu_job("", 1, 20'000))) == "large");
}

TEST_CASE("placement: labels and memory have to be there") {
  fixture f;
  auto n = f.node("n", 8);
  n.labels["zone"] = "a";
  f.join(n);
  auto s = f.job();
  s.resources.node_labels["zone"] = "b";
  auto const elsewhere = f.submitted(s);
  CHECK(f.reason(elsewhere) == "no node with the stage echo has the labels zone=b");
  s.resources.node_labels["zone"] = "a";
  CHECK(f.runs(f.submitted(s)));
  s.resources.memory_mb = 60'000;
  CHECK(f.runs(f.submitted(s)));
  auto const second = f.submitted(s);
  CHECK(f.reason(second) ==
        "all fitting nodes are busy: needs cpu 1, memory 60000 MiB; node n has cpu 6, memory 40000 "
        "MiB free");
  s.resources.memory_mb = 200'000;
  CHECK(f.reason(f.submitted(s)) ==
        "no node is large enough: needs cpu 1, memory 200000 MiB; node n has cpu 8, memory 100000 "
        "MiB");
}

TEST_CASE("placement: the reason tells a busy GPU from one that never comes") {
  fixture f;
  f.join(f.node("a100-node", 8, {"A100", "A100"}));
  f.submitted(f.gpu_job("A100"));
  auto const two = f.submitted(f.gpu_job("A100", 2, 40960));
  CHECK(f.reason(two) ==
        "no node has 2 GPUs of A100 with 40960 MiB free: needs 2 GPUs of A100 with 40960 MiB; node "
        "a100-node has 1 "
        "free");
  auto const three = f.submitted(f.gpu_job("A100", 3));
  CHECK(f.reason(three) ==
        "no node is large enough: needs cpu 1, 3 GPUs of A100; node a100-node has cpu 8, 2 such "
        "GPUs");
  auto s = f.job();
  s.resources.cpu.value = 7500;
  auto const busy = f.submitted(s);
  CHECK(f.reason(busy) ==
        "all fitting nodes are busy: needs cpu 7.5; node a100-node has cpu 7 free");
}

TEST_CASE("placement: a job that may have any GPU leaves the model that others are bound to") {
  fixture f;
  f.join(f.node("scarce", 8, {"T4", "T4"}, 16'384));
  f.join(f.node("plain", 8, {"A100", "A100"}));
  for (int i = 0; i < 20; ++i) {
    auto const bound = f.submitted(f.gpu_job("T4"));
    CHECK(f.place_of(bound) == "scarce");
    f.end(bound);
  }
  CHECK(f.place_of(f.submitted(f.gpu_job("", 1))) == "plain");
  CHECK(f.place_of(f.submitted(f.gpu_job("", 1))) == "plain");
  CHECK(f.place_of(f.submitted(f.gpu_job("T4"))) == "scarce");
  CHECK(f.place_of(f.submitted(f.gpu_job("", 1))) ==
        "scarce");  // nothing waits for a place that is there
}

TEST_CASE("placement: the settings choose the policy") {
  core_settings settings;
  settings.placement = placement_policy::spread;
  fixture f{settings};
  f.join(f.node("n1", 4));
  f.join(f.node("n2", 4));
  CHECK(f.place_of(f.submitted(f.job())) == "n1");
  CHECK(f.place_of(f.submitted(f.job())) == "n2");
  CHECK(f.place_of(f.submitted(f.job())) == "n1");
}

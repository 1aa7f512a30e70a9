// On a GPU, in a program of its own: after this nothing else could use CUDA in it.
#include <doctest/doctest.h>

#include "stages/cuda/kernels.hpp"
#include "stages/gpu.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::stages;

namespace {
bool const may_skip = (nsai::tests::all_may_skip(), true);
}

TEST_CASE("an address out of bounds is the job's fault, and the process has to go") {
  auto const why = why_no_gpu();
  if (nsai::tests::cannot_run(why.empty() ? "" : "no GPU: " + why))
    return;
  gpu_compute().touch();
  cuda::stream on;
  cuda::device_buffer<float> some(1024);
  try {
    // The GPU's address space has nothing at 4096.
    cuda::clip_below_zero({reinterpret_cast<float*>(4096), 1024}, on);
    on.wait("a kernel on an address of nobody");
    FAIL("the kernel went through");
  } catch (device_error const& e) {
    CHECK(e.who() == fault_class::fail_job);
    CHECK(e.sticky());
  }
  CHECK_THROWS_AS(gpu_compute().touch(), device_error);
}

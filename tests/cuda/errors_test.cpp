// Runs without a GPU.
#include "stages/cuda/errors.hpp"

#include <doctest/doctest.h>

using namespace nsai::stages;
using namespace nsai::stages::cuda;

TEST_CASE("errors of CUDA are told apart by who has to act") {
  CHECK(classify(cudaErrorMemoryAllocation) == fault_class::retry);
  CHECK(classify(cudaErrorDevicesUnavailable) == fault_class::retry);
  for (auto const code :
       {cudaErrorIllegalAddress, cudaErrorMisalignedAddress, cudaErrorAssert, cudaErrorInvalidValue,
        cudaErrorInvalidConfiguration, cudaErrorLaunchFailure, cudaErrorIllegalInstruction})
    CHECK(classify(code) == fault_class::fail_job);
  for (auto const code : {cudaErrorECCUncorrectable, cudaErrorNvlinkUncorrectable})
    CHECK(classify(code) == fault_class::quarantine);
}

TEST_CASE("a driver that is too old, or a GPU without code, keeps no GPU from other programs") {
  for (auto const code : {cudaErrorInsufficientDriver, cudaErrorCompatNotSupportedOnDevice,
                          cudaErrorNoKernelImageForDevice, cudaErrorUnsupportedPtxVersion})
    CHECK(classify(code) == fault_class::retry);
}

TEST_CASE("after a sticky error the process is of no more use to CUDA") {
  for (auto const code : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorAssert,
                          cudaErrorECCUncorrectable})
    CHECK(is_sticky(code));
  for (auto const code :
       {cudaErrorMemoryAllocation, cudaErrorInvalidValue, cudaErrorInvalidConfiguration})
    CHECK_FALSE(is_sticky(code));
}

TEST_CASE("an error says what was tried, its name and NVIDIA's words") {
  try {
    check(cudaErrorMemoryAllocation, "the copy of the corpus");
    FAIL("nothing was thrown");
  } catch (device_error const& e) {
    CHECK(std::string{e.what()} ==
          "the copy of the corpus: cudaErrorMemoryAllocation, out of memory");
    CHECK(e.who() == fault_class::retry);
    CHECK_FALSE(e.sticky());
  }
  CHECK_NOTHROW(check(cudaSuccess, "nothing"));
}

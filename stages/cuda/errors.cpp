#include "stages/cuda/errors.hpp"

#include <string>

namespace nsai::stages::cuda {

fault_class classify(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
    case cudaErrorNotReady:
    case cudaErrorDevicesUnavailable:
    case cudaErrorInitializationError:
    case cudaErrorSystemNotReady:
    case cudaErrorDeviceUninitialized:  // of a context that is gone: software
    case cudaErrorMpsClientTerminated:
#if CUDART_VERSION >= 12080
    case cudaErrorContained:  // also what a bad access to a peer gives: XIDs tell bad hardware
#endif
    case cudaErrorMpsConnectionFailed:
    case cudaErrorMpsServerNotReady:
    case cudaErrorLaunchTimeout:
    case cudaErrorOperatingSystem:
    // Of the machine's software, not of its GPUs: programs with another CUDA run there.
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorInvalidPtx:
    case cudaErrorJitCompilerNotFound:
    // Whether the GPU is gone its node finds out.
    case cudaErrorNoDevice:
    case cudaErrorUnknown:
      return fault_class::retry;
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
      return fault_class::quarantine;
    default:
      return fault_class::fail_job;
  }
}

bool is_sticky(cudaError_t code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorCudartUnloading:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorDeviceUninitialized:
    case cudaErrorUnknown:
    case cudaErrorInitializationError:
    case cudaErrorNoDevice:
#if CUDART_VERSION >= 12080
    case cudaErrorContained:
#endif
      return true;
    default:
      return false;
  }
}

error::error(cudaError_t code, char const* what)
    : device_error(
          std::string{what} + ": " + cudaGetErrorName(code) + ", " + cudaGetErrorString(code),
          classify(code), is_sticky(code)),
      code_(code) {}

}  // namespace nsai::stages::cuda

#include "stages/gpu.hpp"

namespace nsai::stages {

compute& gpu_compute() {
  throw device_error(why_no_gpu(), fault_class::retry, false);
}

std::string why_no_gpu() {
  return "this node's program was built without CUDA: its stages have their CPU twins only, and a "
         "job that was granted a real GPU does not fall back";
}

}  // namespace nsai::stages

#pragma once

/// Of functions that are compiled for the CPU and, where nvcc reads them, for GPUs too.
#ifdef __CUDACC__
#define NSAI_BOTH_SIDES __host__ __device__
#else
#define NSAI_BOTH_SIDES
#endif

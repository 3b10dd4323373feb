#pragma once

#include <cstdint>

namespace gemmule {

/// Kernels over one contiguous row of at least one element; y may be x. Sums have the order of kernels/reduction.h.
/// Three passes over the row: the greatest element, the exponentials with their sum, and the result.
struct ScanKernels {
  void (*softmax32)(const float* x, float* y, std::int64_t count);
  void (*softmax64)(const double* x, double* y, std::int64_t count);
  void (*logSoftmax32)(const float* x, float* y, std::int64_t count);
  void (*logSoftmax64)(const double* x, double* y, std::int64_t count);
};

}  // namespace gemmule

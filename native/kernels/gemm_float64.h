#pragma once

#include <cstdint>

namespace gemmule {

/// A block of `y = x * b` in float64: some rows of x by some columns of y.
struct Float64Block {
  /// [rows, depth], unit column stride.
  const double* x = nullptr;
  std::int64_t xStride = 0;
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  /// Packed panels of the block's columns: 8 numbers of every k, panel after panel; the last is filled up with zeros.
  const double* panels = nullptr;
  /// Numbers from a panel to the next.
  std::int64_t panelStride = 0;
  /// Numbers from a k to the next: 8 but where they are read from whole rows of a matrix that is not packed.
  std::int64_t depthStride = 8;
  std::int64_t columns = 0;
  /// Sums go on from what is in y, instead of from zero.
  bool accumulates = false;
  /// [rows, columns].
  double* y = nullptr;
  std::int64_t yStride = 0;
};

/// Matrix products in float64, as those of kernels/gemm.h in float32: every element of y is one chain of fused
/// multiply-adds over k in ascending order, and register tiles have as many registers: 12 x 16 on AVX-512, 6 x 8 on
/// AVX2 and NEON, 2 x 8 on the baseline.
struct Float64Kernels {
  void (*multiply)(const Float64Block& block);
};

}  // namespace gemmule

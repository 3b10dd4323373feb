#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace gemmule {

/// What happens to the sums of a product: `y = activation(sums + bias) + residual`.
struct GemmEpilogue {
  /// [columns] or nullptr.
  const float* bias = nullptr;
  /// [rows, columns] or nullptr.
  const float* residual = nullptr;
  std::int64_t residualStride = 0;
  Activation activation = Activation::kNone;
  /// [rows, columns].
  float* y = nullptr;
  std::int64_t yStride = 0;
};

/// A block of `y = activation(x * weight^T + bias) + residual`: some rows of x by some columns of y.
struct GemmBlock {
  /// [rows, depth], unit column stride.
  const float* x = nullptr;
  std::int64_t xStride = 0;
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  /// Packed panels of the block's columns (runtime/packed_weight.h): 16 weights of every k, panel after panel; float,
  /// or the upper halves of floats for bfloat16.
  const void* panels = nullptr;
  /// Weights from a panel to the next: 16 * depth where panels lie side by side.
  std::int64_t panelStride = 0;
  /// Weights from a k to the next: 16 but where they are read from whole rows of a matrix that is not packed.
  std::int64_t depthStride = 16;
  std::int64_t columns = 0;
  /// Sums go on from what is in y, instead of from zero.
  bool accumulates = false;
  GemmEpilogue epilogue;
};

/// Matrix products with packed weights.
///
/// Every element of y is one chain of fused multiply-adds over k in ascending order, whatever the tile, the instruction
/// set or the number of rows, so that a row's result does not depend on its neighbours. Register tiles: 12 x 32 on
/// AVX-512 (24 accumulators), 6 x 16 on AVX2 and NEON, 2 x 16 on the baseline; one or two rows take up to 64 columns at
/// once, since a single panel would leave the multipliers waiting for one another.
struct GemmKernels {
  void (*float32)(const GemmBlock& block);
  /// Weights in bfloat16, widened exactly as they are read; x and sums in float32.
  void (*bfloat16)(const GemmBlock& block);
  /// Rows of a register tile: blocks of a multiple of it waste nothing.
  int tileRows;
};

}  // namespace gemmule

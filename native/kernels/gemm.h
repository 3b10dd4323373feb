#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace gemmule {

/// A block of `y = activation(x * weight^T + bias) + residual`: some rows of x by some columns of y.
struct GemmBlock {
  /// [rows, depth], unit column stride.
  const float* x;
  std::int64_t xStride;
  std::int64_t rows;
  std::int64_t depth;
  /// Packed panels of the block's columns (runtime/packed_weight.h): 16 weights of every k, panel after panel.
  const float* panels;
  /// Floats from a panel to the next: 16 * depth where panels lie side by side.
  std::int64_t panelStride;
  std::int64_t columns;
  /// [columns] or nullptr.
  const float* bias;
  /// [rows, columns] or nullptr.
  const float* residual;
  std::int64_t residualStride;
  Activation activation;
  /// [rows, columns].
  float* y;
  std::int64_t yStride;
};

/// Matrix products with packed weights.
///
/// Every element of y is one chain of fused multiply-adds over k in ascending order, whatever the tile, the instruction
/// set or the number of rows, so that a row's result does not depend on its neighbours. Register tiles: 12 x 32 on
/// AVX-512 (24 accumulators), 6 x 16 on AVX2 and NEON, 2 x 16 on the baseline; one or two rows take 64 columns at once,
/// since a single panel would leave the multipliers waiting for one another.
struct GemmKernels {
  void (*float32)(const GemmBlock& block);
  /// Rows of a register tile: blocks of a multiple of it waste nothing.
  int tileRows;
};

}  // namespace gemmule

#pragma once

#include <cstdint>

#include "runtime/dtype.h"

namespace gemmule {

/// Some rows of `y = normalise(x + residual) * weight + bias`, to mean 0 and variance 1 over the columns.
struct LayerNormRows {
  /// [rows, columns], unit column stride.
  const float* x;
  std::int64_t xStride;
  /// As x, or null.
  const float* residual;
  std::int64_t residualStride;
  /// [columns] each; null for ones and zeros.
  const float* weight;
  const float* bias;
  float epsilon;
  std::int64_t rows;
  std::int64_t columns;
  /// [rows, columns]; may be x.
  float* y;
  std::int64_t yStride;
};

/// Row-wise kernels around embeddings and norms; each reads a row from the first-level cache after its first pass.
struct NormalizationKernels {
  /// Two passes: the mean, then the variance from the centred row. Both sums run over 16 lanes in ascending order and a
  /// fixed tree.
  void (*layerNorm)(const LayerNormRows& rows);
  /// `y += row` of a table in float32, float16 or bfloat16, widened exactly; with `first`, `y = row`.
  void (*addTableRow)(DType dtype, const void* row, std::int64_t columns, bool first, float* y);
};

}  // namespace gemmule

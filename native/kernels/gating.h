#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace gemmule {

/// Some rows of a gated activation: `y = activation(left half of x) * right half of x`.
struct GatedRows {
  /// [rows, 2 * width], unit column stride.
  const float* x;
  std::int64_t xStride;
  std::int64_t rows;
  std::int64_t width;
  Activation activation;
  /// [rows, width].
  float* y;
  std::int64_t yStride;
};

/// Gated activations: one pass, bound by the activation or by reading x.
struct GatingKernels {
  void (*gate)(const GatedRows& rows);
};

}  // namespace gemmule

#pragma once

#include <cstdint>

#include "kernels/gemm.h"

namespace gemmule {

/// A block of `y = activation(x * weight^T + bias) + residual` with x and weight rounded to bfloat16.
struct Bfloat16Block {
  /// [rows, 2 * pairs]: x rounded to bfloat16, zero beyond its end.
  const std::uint16_t* x = nullptr;
  std::int64_t rows = 0;
  /// Pairs of k.
  std::int64_t pairs = 0;
  /// Panels of the block's columns, each [pairs][16 columns][2] in bfloat16.
  const std::uint16_t* panels = nullptr;
  std::int64_t columns = 0;
  GemmEpilogue epilogue;
};

/// Products of bfloat16 numbers with float32 sums. Every element of y is one chain over pairs of k in ascending order:
/// the odd k is multiplied and added first, then the even one, each rounded to float32, as the instruction vdpbf16ps
/// does. So processors with it and without it give the same bits, but for sums below 1.2e-38, which the instruction
/// takes for zero. Register tiles: 12 x 32 on AVX-512, 4 x 16 on AVX2 and NEON, 2 x 16 on the baseline, whose
/// multiply-adds are not fused.
struct Bfloat16Kernels {
  void (*multiply)(const Bfloat16Block& block);
};

}  // namespace gemmule

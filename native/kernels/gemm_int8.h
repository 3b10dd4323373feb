#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm.h"

namespace gemmule {

/// Consecutive k that share a scale, in weights and in activations.
inline constexpr std::int64_t kInt8Group = 64;

/// How the quantised weights of a panel lie within a group of 64 k; each instruction set reads one of them.
///
/// A group of a panel is 16 float scales and then 1024 bytes:
enum class Int8Layout {
  /// [32 pairs of k][16 columns][2], weights as signed bytes; activations as int16. For multiply-adds of pairs (AVX2,
  /// AVX-512 without VNNI, SSE2, NEON): the sums are exact, which those of bytes would not be.
  kPairs = 0,
  /// [16 quadruples of k][16 columns][4], weights plus 128 as unsigned bytes; activations as signed bytes. For VNNI.
  kQuadruples = 1,
};

inline constexpr std::int64_t kInt8GroupBytes = 16 * 4 + 16 * kInt8Group;

/// Rows of activations to quantise.
struct Int8Rows {
  /// [rows, depth], unit column stride.
  const float* x = nullptr;
  std::int64_t xStride = 0;
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  /// [depth]: x is multiplied by it first; null for ones.
  const float* inputScale = nullptr;
  /// [rows, groups * 64]: int16 or int8, as the layout says; zeros beyond depth.
  void* quantized = nullptr;
  /// [rows, groups].
  float* scales = nullptr;
  /// [rows, groups]: minus 128 times the sum of the group, which takes the weights' 128 back. Only for kQuadruples.
  std::int32_t* corrections = nullptr;
};

/// A block of `y = activation(x * weight^T + bias) + residual` with quantised x and weight.
struct Int8Block {
  const void* quantized = nullptr;
  const float* scales = nullptr;
  const std::int32_t* corrections = nullptr;
  std::int64_t rows = 0;
  std::int64_t groups = 0;
  /// Panels of the block's columns, each `groups * kInt8GroupBytes` bytes.
  const std::byte* panels = nullptr;
  std::int64_t columns = 0;
  GemmEpilogue epilogue;
};

/// Products of 8-bit weights and 8-bit activations, whose meaning src/backend/reference/quantized.ts gives: exact
/// integer sums within a group of 64 k, then one float32 multiply-add a group in ascending order. So every instruction
/// set gives the same bits. Register tiles: 6 x 32 on AVX-512, 4 x 16 on AVX2 and NEON, 1 x 16 on the baseline.
struct Int8Kernels {
  Int8Layout layout;
  /// Symmetric, by the largest magnitude of each group, rounding half to even.
  void (*quantize)(const Int8Rows& rows);
  void (*multiply)(const Int8Block& block);
};

}  // namespace gemmule

#pragma once

#include <cstdint>

namespace gemmule {

/// Some rows of rotary position embedding: within every head, numbers i and i + half are turned by the angle of pair i.
struct RotaryRows {
  /// [rows, heads * headDim], unit column stride.
  const float* x;
  std::int64_t xStride;
  std::int64_t rows;
  std::int64_t heads;
  std::int64_t headDim;
  /// [rows]: which row of the table each row of x takes; in range.
  const std::int32_t* positions;
  std::int64_t positionStride;
  /// [*, 2 * half]: the cosines of the pairs, then their sines.
  const float* table;
  std::int64_t tableStride;
  /// Pairs of a head, at most headDim / 2; numbers behind them are copied.
  std::int64_t half;
  /// [rows, heads * headDim].
  float* y;
  std::int64_t yStride;
};

/// Rotary position embedding: one pass, four multiplications and two roundings of a sum a pair.
struct RotaryKernels {
  void (*rotate)(const RotaryRows& rows);
};

}  // namespace gemmule

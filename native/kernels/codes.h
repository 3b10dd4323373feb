#pragma once

#include <cstdint>

namespace gemmule {

/// The most queries that one pass over the rows serves.
inline constexpr int kCodeQueries = 4;

/// What stands for zero in a code byte.
inline constexpr int kCodeZero = 128;

/// Rows of code bytes and up to kCodeQueries queries.
struct CodeRows {
  /// [rows, columns], unit column stride, any alignment.
  const std::uint8_t* codes;
  std::int64_t rowStride;
  std::int64_t rows;
  std::int64_t columns;
  /// queries[q]: [columns]; less kCodeZero for `products`.
  const std::int16_t* centred[kCodeQueries];
  const std::uint8_t* bytes[kCodeQueries];
  int queries;
};

/// One pass over code bytes for search: bound by memory for one query. Sums are exact in int32 for up to 65,536
/// columns.
struct CodeKernels {
  /// y[q][row] = float(sum of centred[q][n] * (codes[row][n] - kCodeZero)) * scales[row].
  void (*products)(const CodeRows& rows, const float* scales, float* const* y);
  /// y[q][row] = bits that differ between bytes[q] and codes[row].
  void (*hamming)(const CodeRows& rows, std::int32_t* const* y);
};

}  // namespace gemmule

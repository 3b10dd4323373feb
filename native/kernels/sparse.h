#pragma once

#include <cstdint>

namespace gemmule {

/// The stored entries of one row of a sparse matrix, and the dense rows that they choose.
template <typename T>
struct SparseRow {
  /// [count]
  const T* values;
  /// [count], each a row of `dense`.
  const std::int32_t* columns;
  std::int64_t count;
  /// [n, width], contiguous.
  const T* dense;
  std::int64_t width;
};

/// Kernels of one row of a sparse matrix. Entries are added in their order, each with a multiplication and an addition
/// of its own, so that results are the same bits on every instruction set.
struct SparseKernels {
  /// y [width] = sum of value * dense[column].
  void (*combine32)(const SparseRow<float>& row, float* y);
  void (*combine64)(const SparseRow<double>& row, double* y);
  /// gram [width, width] = sum of value * dense[column]^T dense[column].
  void (*gram32)(const SparseRow<float>& row, float* gram);
  void (*gram64)(const SparseRow<double>& row, double* gram);
};

}  // namespace gemmule

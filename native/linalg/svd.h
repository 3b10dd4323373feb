#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/scratch.h"
#include "runtime/status.h"

namespace gemmule {

/// Singular value decompositions `a [m, n] = u * diag(s) * vt` of one shape by LAPACK's `?gesdd` (divide and conquer),
/// T being float or double. Everything is row-major; results are contiguous.
template <typename T>
class SingularValues {
 public:
  std::int64_t m = 0;
  std::int64_t n = 0;
  /// Elements from row to row and from column to column of a.
  std::int64_t rowStride = 0;
  std::int64_t columnStride = 0;
  /// Whether u and vt are square.
  bool full = false;

  std::int64_t rank() const { return std::min(m, n); }
  std::int64_t uSize() const { return m * (full ? m : rank()); }
  std::int64_t vtSize() const { return (full ? n : rank()) * n; }

  /// Asks LAPACK for its workspace and takes it for each of `lanes` lanes.
  Status prepare(Scratch& scratch, int lanes);

  /// One decomposition with the workspace of `lane`; LAPACK's `info`, 0 when all went well.
  int run(const T* a, T* u, T* s, T* vt, int lane) const;

  Status statusOf(int info) const;

 private:
  T* workspace_ = nullptr;
  int* integers_ = nullptr;
  std::int64_t workPerLane_ = 0;
  std::int64_t integersPerLane_ = 0;
  int lwork_ = 0;
};

extern template class SingularValues<float>;
extern template class SingularValues<double>;

}  // namespace gemmule

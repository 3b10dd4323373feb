#pragma once

#include <array>
#include <cstdint>

#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// Multiplications below which a range of work is not worth another thread's waking up: 20 to 40 microseconds of them,
/// twice of what that takes where the system runs on virtual processors.
inline constexpr std::int64_t kWorkPerLane = std::int64_t{1} << 21;

/// How BLAS can read a strided matrix: as it lies, transposed, or only after a copy.
struct MatrixLayout {
  bool transposed = false;
  bool packed = false;
  /// Elements from one row (when transposed: column) to the next.
  std::int64_t leading = 1;
};

/// Row-major products `c [m, n] = a [m, k] * b [k, n]` of one shape: a and b with any strides, c contiguous.
/// T is float, double (through BLAS) or int32_t (plain loops, wrapping).
template <typename T>
class MatrixProduct {
 public:
  /// Element [0, 0] of each matrix.
  struct Arrays {
    const T* a;
    const T* b;
    T* c;
  };

  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  /// Elements from row to row and from column to column.
  std::array<std::int64_t, 2> aStrides{};
  std::array<std::int64_t, 2> bStrides{};

  /// Multiplications in one product; saturates.
  std::int64_t work() const;

  /// Chooses how to read a and b, and takes scratch for copies by each of `lanes` lanes.
  Status prepare(Scratch& scratch, int lanes);

  /// One product, on the caller alone, with the scratch of `lane`.
  void run(const Arrays& arrays, int lane) const;

  /// One product, cut over the team. Cuts fall on multiples of BLAS's tiles, so every sum is the same as without them.
  void runParallel(ThreadTeam& team, const Arrays& arrays) const;

 private:
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };

  bool isSmall() const;
  Arrays packed(const Arrays& arrays, int lane) const;
  void runSmall(const Arrays& arrays) const;
  void runBlock(const Arrays& arrays, Range rows, Range columns) const;

  MatrixLayout aLayout_;
  MatrixLayout bLayout_;
  T* scratch_ = nullptr;
  std::int64_t scratchPerLane_ = 0;
};

extern template class MatrixProduct<float>;
extern template class MatrixProduct<double>;
extern template class MatrixProduct<std::int32_t>;

}  // namespace gemmule

#include "linalg/gemm.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "linalg/blas.h"
#include "linalg/copy_matrix.h"

namespace gemmule {
namespace {

constexpr std::int64_t kLargestBlasInt = std::numeric_limits<int>::max();
/// Products with fewer multiplications cost less in plain loops than the call of BLAS does.
constexpr std::int64_t kSmallWork = 256;
/// Cuts between threads fall on multiples of this: all of OpenBLAS's tile heights and widths divide it or its triple.
constexpr std::int64_t kTile = 192;

MatrixLayout layoutOf(std::int64_t rows, std::int64_t columns, const std::array<std::int64_t, 2>& strides,
                      bool mayTranspose) {
  const auto [rowStride, columnStride] = strides;
  const auto usable = [](std::int64_t inner, std::int64_t outer, std::int64_t innerStride, std::int64_t outerStride) {
    return (innerStride == 1 || inner == 1) && (outer == 1 || (outerStride >= inner && outerStride <= kLargestBlasInt));
  };
  if (usable(columns, rows, columnStride, rowStride)) return {false, false, rows == 1 ? columns : rowStride};
  if (mayTranspose && usable(rows, columns, rowStride, columnStride)) {
    return {true, false, columns == 1 ? rows : columnStride};
  }
  return {false, true, columns};
}

CBLAS_TRANSPOSE transposition(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

void gemm(const MatrixLayout& aLayout, const MatrixLayout& bLayout, int m, int n, int k, const float* a, const float* b,
          float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, transposition(aLayout.transposed), transposition(bLayout.transposed), m, n, k, 1.0f, a,
              static_cast<int>(aLayout.leading), b, static_cast<int>(bLayout.leading), 0.0f, c, ldc);
}

void gemm(const MatrixLayout& aLayout, const MatrixLayout& bLayout, int m, int n, int k, const double* a,
          const double* b, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, transposition(aLayout.transposed), transposition(bLayout.transposed), m, n, k, 1.0, a,
              static_cast<int>(aLayout.leading), b, static_cast<int>(bLayout.leading), 0.0, c, ldc);
}

/// `y = matrix * x`, or with `flip` `y = matrix^T * x`, for a matrix of rows x columns.
void gemv(const MatrixLayout& layout, bool flip, int rows, int columns, const float* matrix, const float* x, int incx,
          float* y) {
  const bool swap = layout.transposed;
  cblas_sgemv(CblasRowMajor, transposition(swap != flip), swap ? columns : rows, swap ? rows : columns, 1.0f, matrix,
              static_cast<int>(layout.leading), x, incx, 1.0f, y, 1);
}

void gemv(const MatrixLayout& layout, bool flip, int rows, int columns, const double* matrix, const double* x, int incx,
          double* y) {
  const bool swap = layout.transposed;
  cblas_dgemv(CblasRowMajor, transposition(swap != flip), swap ? columns : rows, swap ? rows : columns, 1.0, matrix,
              static_cast<int>(layout.leading), x, incx, 1.0, y, 1);
}

/// Both operands row-major. Unsigned arithmetic, so that overflow wraps.
void multiplyIntegers(const std::int32_t* a, std::int64_t lda, const std::int32_t* b, std::int64_t ldb, std::int32_t* c,
                      std::int64_t ldc, std::int64_t m, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kDepth = 64;
  constexpr std::int64_t kWidth = 512;
  for (std::int64_t left = 0; left < n; left += kWidth) {
    const std::int64_t width = std::min(kWidth, n - left);
    for (std::int64_t top = 0; top < k; top += kDepth) {
      const std::int64_t depth = std::min(kDepth, k - top);
      for (std::int64_t row = 0; row < m; ++row) {
        auto* __restrict sums = reinterpret_cast<std::uint32_t*>(c + row * ldc + left);
        for (std::int64_t inner = 0; inner < depth; ++inner) {
          const auto factor = static_cast<std::uint32_t>(a[row * lda + top + inner]);
          const auto* __restrict terms = reinterpret_cast<const std::uint32_t*>(b + (top + inner) * ldb + left);
          for (std::int64_t column = 0; column < width; ++column) sums[column] += factor * terms[column];
        }
      }
    }
  }
}

/// Where part `index` of `parts` of `count` items begins, on a multiple of the tile.
std::int64_t cut(std::int64_t count, std::int64_t parts, std::int64_t index) {
  if (index == parts) return count;
  const std::int64_t tiles = (count + kTile - 1) / kTile;
  return std::min(tiles * index / parts * kTile, count);
}

/// The number of row parts, out of divisors of `lanes`, whose blocks have the least border: what is read per block.
std::int64_t rowParts(std::int64_t m, std::int64_t n, std::int64_t lanes) {
  std::int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t parts = 1; parts <= lanes; ++parts) {
    if (lanes % parts != 0) continue;
    const double border = static_cast<double>(m) / parts + static_cast<double>(n) / (lanes / parts);
    if (border < least) least = border, best = parts;
  }
  return best;
}

}  // namespace

template <typename T>
std::int64_t MatrixProduct<T>::work() const {
  const double exact = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return exact < 9e18 ? m * n * k : std::numeric_limits<std::int64_t>::max();
}

template <typename T>
bool MatrixProduct<T>::isSmall() const {
  return work() < kSmallWork;
}

template <typename T>
Status MatrixProduct<T>::prepare(Scratch& scratch, int lanes) {
  if (m > kLargestBlasInt || n > kLargestBlasInt || k > kLargestBlasInt) {
    return Status::unsupported("matmul: no axis may be longer than 2147483647");
  }
  if (isSmall()) return Status::ok();
  ensureBlas();
  constexpr bool kMayTranspose = std::is_floating_point_v<T>;
  aLayout_ = layoutOf(m, k, aStrides, kMayTranspose);
  bLayout_ = layoutOf(k, n, bStrides, kMayTranspose);
  const std::int64_t aSize = aLayout_.packed ? m * k : 0;
  const std::int64_t bSize = bLayout_.packed ? k * n : 0;
  scratchPerLane_ = aSize + bSize;
  if (scratchPerLane_ == 0) return Status::ok();
  scratch_ = scratch.allocate<T>(lanes * scratchPerLane_);
  if (scratch_ == nullptr) return Status::outOfMemory("matmul: no memory for a contiguous copy of an operand");
  return Status::ok();
}

template <typename T>
typename MatrixProduct<T>::Arrays MatrixProduct<T>::packed(const Arrays& arrays, int lane) const {
  Arrays result = arrays;
  T* free = scratch_ + lane * scratchPerLane_;
  if (aLayout_.packed) {
    copyMatrix(arrays.a, m, k, aStrides, free);
    result.a = free;
    free += m * k;
  }
  if (bLayout_.packed) {
    copyMatrix(arrays.b, k, n, bStrides, free);
    result.b = free;
  }
  return result;
}

template <typename T>
void MatrixProduct<T>::runSmall(const Arrays& arrays) const {
  using Sum = std::conditional_t<std::is_integral_v<T>, std::uint32_t, T>;
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t column = 0; column < n; ++column) {
      const T* a = arrays.a + row * aStrides[0];
      const T* b = arrays.b + column * bStrides[1];
      Sum sum = 0;
      for (std::int64_t inner = 0; inner < k; ++inner) {
        sum += static_cast<Sum>(a[inner * aStrides[1]]) * static_cast<Sum>(b[inner * bStrides[0]]);
      }
      arrays.c[row * n + column] = static_cast<T>(sum);
    }
  }
}

/// Rows and columns of c, from operands that are packed if need be.
template <typename T>
void MatrixProduct<T>::runBlock(const Arrays& arrays, Range rows, Range columns) const {
  const std::int64_t height = rows.end - rows.begin;
  const std::int64_t width = columns.end - columns.begin;
  if (height <= 0 || width <= 0) return;
  const T* a = arrays.a + rows.begin * (aLayout_.transposed ? 1 : aLayout_.leading);
  const T* b = arrays.b + columns.begin * (bLayout_.transposed ? bLayout_.leading : 1);
  T* c = arrays.c + rows.begin * n + columns.begin;
  if constexpr (std::is_integral_v<T>) {
    for (std::int64_t row = 0; row < height; ++row) std::fill_n(c + row * n, width, 0);
    multiplyIntegers(a, aLayout_.leading, b, bLayout_.leading, c, n, height, width, k);
  } else if (n == 1) {
    std::fill_n(c, height, T{0});
    const auto incx = static_cast<int>(bLayout_.transposed ? 1 : bLayout_.leading);
    gemv(aLayout_, false, static_cast<int>(height), static_cast<int>(k), a, b, incx, c);
  } else if (m == 1) {
    std::fill_n(c, width, T{0});
    const auto incx = static_cast<int>(aLayout_.transposed ? aLayout_.leading : 1);
    gemv(bLayout_, true, static_cast<int>(k), static_cast<int>(width), b, a, incx, c);
  } else {
    gemm(aLayout_, bLayout_, static_cast<int>(height), static_cast<int>(width), static_cast<int>(k), a, b, c,
         static_cast<int>(n));
  }
}

template <typename T>
void MatrixProduct<T>::run(const Arrays& arrays, int lane) const {
  if (isSmall()) {
    runSmall(arrays);
  } else {
    runBlock(packed(arrays, lane), {0, m}, {0, n});
  }
}

template <typename T>
void MatrixProduct<T>::runParallel(ThreadTeam& team, const Arrays& arrays) const {
  const std::int64_t lanes = std::min<std::int64_t>(team.threads(), work() / kWorkPerLane);
  if (lanes < 2) {
    run(arrays, 0);
    return;
  }
  const Arrays ready = packed(arrays, 0);
  const std::int64_t parts = rowParts(m, n, lanes);
  const std::int64_t columnParts = lanes / parts;
  team.parallelFor(lanes, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t i = index / columnParts;
      const std::int64_t j = index % columnParts;
      runBlock(ready, {cut(m, parts, i), cut(m, parts, i + 1)}, {cut(n, columnParts, j), cut(n, columnParts, j + 1)});
    }
  });
}

template class MatrixProduct<float>;
template class MatrixProduct<double>;
template class MatrixProduct<std::int32_t>;

}  // namespace gemmule

#include "linalg/decomposition.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "linalg/blas.h"
#include "linalg/copy_matrix.h"
#include "linalg/lapack.h"

namespace gemmule {
namespace {

/// Sides beyond which LAPACK's 32-bit sizes end, and those whose square its workspaces hold.
constexpr std::int64_t kLongestSide = std::int64_t{1} << 28;
constexpr std::int64_t kLongestSquare = std::int64_t{1} << 14;

template <typename T>
void setIdentity(T* matrix, std::int64_t size) {
  std::fill_n(matrix, size * size, T{0});
  for (std::int64_t index = 0; index < size; ++index) matrix[index * size + index] = T{1};
}

// One column is a vector: BLAS would pack the whole triangle for it, and does not for a vector.

void solveTriangle(bool lower, bool unitDiagonal, int m, int n, const float* a, float* b) {
  const CBLAS_UPLO triangle = lower ? CblasLower : CblasUpper;
  const CBLAS_DIAG diagonal = unitDiagonal ? CblasUnit : CblasNonUnit;
  if (n == 1) {
    cblas_strsv(CblasRowMajor, triangle, CblasNoTrans, diagonal, m, a, m, b, 1);
  } else {
    cblas_strsm(CblasRowMajor, CblasLeft, triangle, CblasNoTrans, diagonal, m, n, 1.0f, a, m, b, n);
  }
}

void solveTriangle(bool lower, bool unitDiagonal, int m, int n, const double* a, double* b) {
  const CBLAS_UPLO triangle = lower ? CblasLower : CblasUpper;
  const CBLAS_DIAG diagonal = unitDiagonal ? CblasUnit : CblasNonUnit;
  if (n == 1) {
    cblas_dtrsv(CblasRowMajor, triangle, CblasNoTrans, diagonal, m, a, m, b, 1);
  } else {
    cblas_dtrsm(CblasRowMajor, CblasLeft, triangle, CblasNoTrans, diagonal, m, n, 1.0, a, m, b, n);
  }
}

/// The permutation of rows that LAPACK's exchanges, each of row i with row pivots[i] - 1, amount to; and its sign.
int permutationOf(const int* pivots, std::int64_t count, std::int64_t size, std::int32_t* permutation) {
  int sign = 1;
  std::iota(permutation, permutation + size, 0);
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t other = pivots[row] - 1;
    if (other == row) continue;
    std::swap(permutation[row], permutation[other]);
    sign = -sign;
  }
  return sign;
}

Status singular(const char* name, const std::string& matrix, int info) {
  const std::string pivot = std::to_string(info - 1);
  return Status::numerical(std::string(name) + ": matrix " + matrix + " is singular: pivot " + pivot +
                           " of its LU decomposition is exactly zero");
}

Status notConverged(const char* name, const std::string& matrix, const std::string& what, int info) {
  return Status::numerical(std::string(name) + ": " + what + " of matrix " + matrix +
                           " did not converge (LAPACK info " + std::to_string(info) + ")");
}

}  // namespace

template <typename T>
Status Decomposition<T>::takeWorkspace(const char* name, Scratch& scratch, int lanes, std::int64_t elements,
                                       std::int64_t integers, T optimal) {
  // The size comes back as a floating-point number, which may have been rounded down.
  const double size =
      optimal > 0 ? std::ceil(static_cast<double>(optimal) * (1 + 2 * std::numeric_limits<T>::epsilon())) + 1 : 0;
  if (!(size < std::numeric_limits<int>::max()) || m > kLongestSide || n > kLongestSide) {
    return Status::unsupported(std::string(name) + ": a matrix of " + std::to_string(m) + " x " + std::to_string(n) +
                               " is too large for LAPACK's 32-bit sizes");
  }
  lwork_ = static_cast<int>(size);
  elementsPerLane_ = elements + lwork_;
  integersPerLane_ = integers;
  elements_ = scratch.allocate<T>(lanes * elementsPerLane_);
  integers_ = scratch.allocate<int>(lanes * integersPerLane_);
  if (elements_ == nullptr || integers_ == nullptr) {
    return Status::outOfMemory(std::string(name) + ": no memory for the workspace");
  }
  ensureBlas();
  return Status::ok();
}

template <typename T>
Status Decomposition<T>::refused(const char* name, int info) {
  return Status::invalid(std::string(name) + ": LAPACK refused its argument " + std::to_string(-info));
}

// ---- Singular values ----

// LAPACK is column-major, so it reads the memory of a as a^T = v * diag(s) * u^T: what it calls u is v, whose
// column-major memory is row-major vt, and what it calls vt is u^T, whose memory is row-major u. Nothing needs to be
// transposed. Only a matrix with more rows than columns is: for LAPACK it would be wide, and its first step, an LQ
// decomposition, takes longer than the QR decomposition of a tall one and two transpositions.

template <typename T>
Status SingularValues<T>::prepare(Scratch& scratch, int lanes) {
  const std::int64_t m = this->m, n = this->n, r = this->rank();
  if (r == 0) return Status::ok();
  if (m > kLongestSide || n > kLongestSide || r > kLongestSquare) {
    return Status::unsupported("svd: a matrix of " + std::to_string(m) + " x " + std::to_string(n) +
                               " is too large for LAPACK's 32-bit sizes");
  }
  ensureBlas();
  T optimal = 0, none = 0;
  int ignored = 0;
  // As LAPACK sees it, no matrix has more columns than rows.
  const int rows = static_cast<int>(std::max(m, n));
  const int columns = static_cast<int>(r);
  const int info =
      lapack::gesdd(job(), rows, columns, &none, &none, &none, rows, &none, columns, &optimal, -1, &ignored);
  if (info != 0) return this->refused("svd", info);
  return this->takeWorkspace("svd", scratch, lanes, m * n + leftSize(), 8 * r, optimal);
}

template <typename T>
std::int64_t SingularValues<T>::leftSize() const {
  return vectors && isTall() ? this->m * (full ? this->m : this->n) : 0;
}

template <typename T>
int SingularValues<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t m = this->m, n = this->n, r = this->rank();
  T* u = matrix.result(0);
  T* vt = matrix.result(2);
  if (r == 0) {
    if (full && vectors) {
      setIdentity(u, m);
      setIdentity(vt, n);
    }
    return 0;
  }
  T* copy = this->elementsOf(lane);
  T* work = this->workOf(lane);
  int* integers = this->integersOf(lane);
  if (!isTall()) {
    copyMatrix(matrix.operands[0], m, n, this->strides, copy);
    return lapack::gesdd(job(), static_cast<int>(n), static_cast<int>(m), copy, matrix.result(1), vt,
                         static_cast<int>(n), u, static_cast<int>(m), work, this->lwork(), integers);
  }
  T* left = copy + m * n;
  copyMatrix(matrix.operands[0], n, m, {this->strides[1], this->strides[0]}, copy);
  const int info = lapack::gesdd(job(), static_cast<int>(m), static_cast<int>(n), copy, matrix.result(1), left,
                                 static_cast<int>(m), vt, static_cast<int>(n), work, this->lwork(), integers);
  if (info == 0 && vectors) {
    copyMatrix(left, m, full ? m : n, {1, m}, u);
    transposeSquare(vt, n);
  }
  return info;
}

template <typename T>
Status SingularValues<T>::statusOf(int info, const std::string& matrix) const {
  // ?gesdd reports NaN in the matrix, its fourth argument, as an invalid argument.
  if (info == -4) return Status::numerical("svd: matrix " + matrix + " contains NaN");
  if (info < 0) return this->refused("svd", info);
  return notConverged("svd", matrix, "the divide and conquer iteration", info);
}

// ---- QR ----

template <typename T>
Status OrthogonalTriangular<T>::prepare(Scratch& scratch, int lanes) {
  const std::int64_t m = this->m, n = this->n, r = this->rank();
  const std::int64_t columns = std::max(n, qColumns);
  T optimal = 0;
  if (r > 0 && m <= kLongestSide && columns <= kLongestSide) {
    ensureBlas();
    T none = 0;
    int ignored = 0;
    const int rows = static_cast<int>(m);
    if (pivoting) {
      const int info = lapack::geqp3(rows, static_cast<int>(n), &none, &ignored, &none, &optimal, -1);
      if (info != 0) return this->refused("qr", info);
    } else {
      optimal = static_cast<T>(blockColumns() * n);
    }
    if (qColumns > 0) {
      T second = 0;
      const int info = lapack::orgqr(rows, static_cast<int>(qColumns), static_cast<int>(r), &none, &none, &second, -1);
      if (info != 0) return this->refused("qr", info);
      optimal = std::max(optimal, second);
    }
  }
  const std::int64_t reflectors = pivoting ? 0 : blockColumns() * r;
  return this->takeWorkspace("qr", scratch, lanes, m * columns + r + reflectors, pivoting ? n : 0, optimal);
}

/// Columns that LAPACK brings to triangular form at once, itself by halves (Elmroth and Gustavson, IBM J. Res. Dev.
/// 44(4), 2000), before it turns the rest.
template <typename T>
std::int64_t OrthogonalTriangular<T>::blockColumns() const {
  constexpr std::int64_t kColumns = 48;
  return std::clamp<std::int64_t>(this->rank(), 1, kColumns);
}

template <typename T>
int OrthogonalTriangular<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t m = this->m, n = this->n, r = this->rank();
  T* q = matrix.result(0);
  T* triangle = matrix.result(1);
  std::int32_t* permutation = matrix.integers(2);
  std::iota(permutation, permutation + n, 0);
  if (r == 0) {
    if (qColumns == m) setIdentity(q, m);
    std::fill_n(triangle, rRows * n, T{0});
    return 0;
  }
  T* columns = this->elementsOf(lane);
  T* tau = columns + m * std::max(n, qColumns);
  copyMatrix(matrix.operands[0], n, m, {this->strides[1], this->strides[0]}, columns);
  const int rows = static_cast<int>(m);
  if (pivoting) {
    int* pivots = this->integersOf(lane);
    std::fill_n(pivots, n, 0);
    const int info = lapack::geqp3(rows, static_cast<int>(n), columns, pivots, tau, this->workOf(lane), this->lwork());
    if (info != 0) return info;
    for (std::int64_t column = 0; column < n; ++column) permutation[column] = pivots[column] - 1;
  } else {
    const std::int64_t block = blockColumns();
    T* reflectors = tau + r;
    const int info =
        lapack::geqrt(rows, static_cast<int>(n), static_cast<int>(block), columns, reflectors, this->workOf(lane));
    if (info != 0) return info;
    for (std::int64_t column = 0; column < r; ++column) tau[column] = reflectors[column * block + column % block];
  }
  copyMatrix(columns, rRows, n, {1, m}, triangle);
  for (std::int64_t row = 1; row < rRows; ++row) std::fill_n(triangle + row * n, std::min(row, n), T{0});
  if (qColumns == 0) return 0;
  const int info = lapack::orgqr(rows, static_cast<int>(qColumns), static_cast<int>(r), columns, tau,
                                 this->workOf(lane), this->lwork());
  if (info == 0) copyMatrix(columns, m, qColumns, {1, m}, q);
  return info;
}

template <typename T>
Status OrthogonalTriangular<T>::statusOf(int info, const std::string& matrix) const {
  if (info < 0) return this->refused("qr", info);
  return notConverged("qr", matrix, "the factorisation", info);
}

// ---- Cholesky ----

template <typename T>
Status Cholesky<T>::prepare(Scratch& scratch, int lanes) {
  return this->takeWorkspace("cholesky", scratch, lanes, 0, 0);
}

template <typename T>
int Cholesky<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  static_cast<void>(lane);
  const std::int64_t n = this->n;
  T* result = matrix.result(0);
  copyMatrix(matrix.operands[0], n, n, this->strides, result);
  // The lower triangle in rows is the upper one in columns, of which u^T * u is taken: u^T in columns is l in rows.
  const int info = n == 0 ? 0 : lapack::potrf("U", static_cast<int>(n), result);
  for (std::int64_t row = 0; row < n; ++row) std::fill_n(result + row * n + row + 1, n - row - 1, T{0});
  return info;
}

template <typename T>
Status Cholesky<T>::statusOf(int info, const std::string& matrix) const {
  if (info < 0) return this->refused("cholesky", info);
  return Status::numerical("cholesky: matrix " + matrix + " is not positive definite: pivot " +
                           std::to_string(info - 1) + " is not positive");
}

// ---- LU ----

template <typename T>
Status LowerUpper<T>::prepare(Scratch& scratch, int lanes) {
  return this->takeWorkspace("lu", scratch, lanes, this->m * this->n, this->rank());
}

template <typename T>
int LowerUpper<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t m = this->m, n = this->n;
  T* columns = this->elementsOf(lane);
  int* pivots = this->integersOf(lane);
  int info = 0;
  if (this->rank() > 0) {
    copyMatrix(matrix.operands[0], n, m, {this->strides[1], this->strides[0]}, columns);
    info = lapack::getrf(static_cast<int>(m), static_cast<int>(n), columns, pivots);
    copyMatrix(columns, m, n, {1, m}, matrix.result(0));
  }
  *matrix.result(2) = static_cast<T>(permutationOf(pivots, this->rank(), m, matrix.integers(1)));
  return std::min(info, 0);
}

template <typename T>
Status LowerUpper<T>::statusOf(int info, const std::string& matrix) const {
  static_cast<void>(matrix);
  return this->refused("lu", info);
}

// ---- Linear systems ----

// In columns the memory of a is a^T = p * l * u, so a = u^T * l^T * p^T. In rows again, that memory holds u^T as its
// lower triangle and l^T, with ones on its diagonal, as its upper one.

template <typename T>
Status LinearSystem<T>::prepare(Scratch& scratch, int lanes) {
  if (columns > kLongestSide) return Status::unsupported("solve: b has too many columns for LAPACK's 32-bit sizes");
  return this->takeWorkspace("solve", scratch, lanes, this->n * this->n, this->n);
}

template <typename T>
int LinearSystem<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  if (n == 0) return 0;
  T* factors = this->elementsOf(lane);
  int* pivots = this->integersOf(lane);
  T* x = matrix.result(0);
  copyMatrix(matrix.operands[0], n, n, this->strides, factors);
  const int info = lapack::getrf(static_cast<int>(n), static_cast<int>(n), factors, pivots);
  if (info != 0 || columns == 0) return info;
  copyMatrix(matrix.operands[1], n, columns, rightStrides, x);
  solveTriangle(true, false, static_cast<int>(n), static_cast<int>(columns), factors, x);
  solveTriangle(false, true, static_cast<int>(n), static_cast<int>(columns), factors, x);
  for (std::int64_t row = n - 1; row >= 0; --row) {
    const std::int64_t other = pivots[row] - 1;
    if (other != row) std::swap_ranges(x + row * columns, x + (row + 1) * columns, x + other * columns);
  }
  return 0;
}

template <typename T>
Status LinearSystem<T>::statusOf(int info, const std::string& matrix) const {
  return info < 0 ? this->refused("solve", info) : singular("solve", matrix, info);
}

template <typename T>
Status TriangularSystem<T>::prepare(Scratch& scratch, int lanes) {
  if (columns > kLongestSide) {
    return Status::unsupported("solveTriangular: b has too many columns for LAPACK's 32-bit sizes");
  }
  return this->takeWorkspace("solveTriangular", scratch, lanes, this->n * this->n, 0);
}

template <typename T>
int TriangularSystem<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  if (n == 0) return 0;
  T* triangle = this->elementsOf(lane);
  copyMatrix(matrix.operands[0], n, n, this->strides, triangle);
  for (std::int64_t row = 0; row < n && !unitDiagonal; ++row) {
    if (triangle[row * n + row] == 0) return static_cast<int>(row + 1);
  }
  if (columns == 0) return 0;
  copyMatrix(matrix.operands[1], n, columns, rightStrides, matrix.result(0));
  solveTriangle(lower, unitDiagonal, static_cast<int>(n), static_cast<int>(columns), triangle, matrix.result(0));
  return 0;
}

template <typename T>
Status TriangularSystem<T>::statusOf(int info, const std::string& matrix) const {
  const std::string pivot = std::to_string(info - 1);
  return Status::numerical("solveTriangular: matrix " + matrix + " is singular: pivot " + pivot +
                           ", on its diagonal, is exactly zero");
}

template <typename T>
Status Inverse<T>::prepare(Scratch& scratch, int lanes) {
  T optimal = 0;
  if (this->n > 0 && this->n <= kLongestSide) {
    ensureBlas();
    T none = 0;
    int ignored = 0;
    if (const int info = lapack::getri(static_cast<int>(this->n), &none, &ignored, &optimal, -1); info != 0) {
      return this->refused("inv", info);
    }
  }
  return this->takeWorkspace("inv", scratch, lanes, 0, this->n, optimal);
}

template <typename T>
int Inverse<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  // In columns the memory of a is a^T, whose inverse is the transpose of a's.
  const int n = static_cast<int>(this->n);
  if (n == 0) return 0;
  T* result = matrix.result(0);
  copyMatrix(matrix.operands[0], this->n, this->n, this->strides, result);
  const int info = lapack::getrf(n, n, result, this->integersOf(lane));
  if (info != 0) return info;
  return lapack::getri(n, result, this->integersOf(lane), this->workOf(lane), this->lwork());
}

template <typename T>
Status Inverse<T>::statusOf(int info, const std::string& matrix) const {
  return info < 0 ? this->refused("inv", info) : singular("inv", matrix, info);
}

// ---- Eigenvalues ----

template <typename T>
Status SymmetricEigen<T>::prepare(Scratch& scratch, int lanes) {
  const std::int64_t n = this->n;
  if (n > kLongestSquare) {
    return Status::unsupported("eigh: a matrix of " + std::to_string(n) + " x " + std::to_string(n) +
                               " is too large for LAPACK's 32-bit sizes");
  }
  T optimal = 0;
  if (n > 0) {
    ensureBlas();
    T none = 0;
    const int info =
        lapack::syevd(vectors ? "V" : "N", "U", static_cast<int>(n), &none, &none, &optimal, -1, &lintegers_, -1);
    if (info != 0) return this->refused("eigh", info);
  }
  return this->takeWorkspace("eigh", scratch, lanes, vectors ? 0 : n * n, lintegers_, optimal);
}

template <typename T>
int SymmetricEigen<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  if (n == 0) return 0;
  T* work = vectors ? matrix.result(1) : this->elementsOf(lane);
  copyMatrix(matrix.operands[0], n, n, this->strides, work);
  // The lower triangle in rows is the upper one in columns.
  const int info = lapack::syevd(vectors ? "V" : "N", "U", static_cast<int>(n), work, matrix.result(0),
                                 this->workOf(lane), this->lwork(), this->integersOf(lane), lintegers_);
  if (vectors) transposeSquare(work, n);
  return info;
}

template <typename T>
Status SymmetricEigen<T>::statusOf(int info, const std::string& matrix) const {
  return info < 0 ? this->refused("eigh", info) : notConverged("eigh", matrix, "the iteration", info);
}

template <typename T>
Status GeneralEigen<T>::prepare(Scratch& scratch, int lanes) {
  const std::int64_t n = this->n;
  T optimal = 0;
  if (n > 0 && n <= kLongestSide) {
    ensureBlas();
    T none = 0;
    const int info = lapack::geev(vectors ? "V" : "N", static_cast<int>(n), &none, &none, &none, &none, &optimal, -1);
    if (info != 0) return this->refused("eig", info);
  }
  return this->takeWorkspace("eig", scratch, lanes, vectors ? 2 * n * n : n * n, 0, optimal);
}

template <typename T>
int GeneralEigen<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  if (n == 0) return 0;
  T* columns = this->elementsOf(lane);
  T* vectorsOf = columns + n * n;
  copyMatrix(matrix.operands[0], n, n, {this->strides[1], this->strides[0]}, columns);
  T* imaginary = matrix.result(1);
  const int info = lapack::geev(vectors ? "V" : "N", static_cast<int>(n), columns, matrix.result(0), imaginary,
                                vectorsOf, this->workOf(lane), this->lwork());
  if (info != 0 || !vectors) return info;
  // A pair of conjugate values has its vectors in two columns: the real part of both, and the imaginary of the first.
  T* real = matrix.result(2);
  T* other = matrix.result(3);
  for (std::int64_t column = 0; column < n; ++column) {
    const bool isPair = imaginary[column] != 0 && column + 1 < n;
    for (std::int64_t row = 0; row < n; ++row) {
      const T re = vectorsOf[column * n + row];
      const T im = isPair ? vectorsOf[(column + 1) * n + row] : T{0};
      real[row * n + column] = re;
      other[row * n + column] = im;
      if (isPair) {
        real[row * n + column + 1] = re;
        other[row * n + column + 1] = -im;
      }
    }
    if (isPair) ++column;
  }
  return 0;
}

template <typename T>
Status GeneralEigen<T>::statusOf(int info, const std::string& matrix) const {
  return info < 0 ? this->refused("eig", info) : notConverged("eig", matrix, "the QR iteration", info);
}

template <typename T>
Status RealSchur<T>::prepare(Scratch& scratch, int lanes) {
  const std::int64_t n = this->n;
  T optimal = 0;
  if (n > 0 && n <= kLongestSide) {
    ensureBlas();
    T none = 0;
    const int info = lapack::gees(static_cast<int>(n), &none, &none, &none, &none, &optimal, -1);
    if (info != 0) return this->refused("schur", info);
  }
  return this->takeWorkspace("schur", scratch, lanes, 2 * n, 0, optimal);
}

template <typename T>
int RealSchur<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  if (n == 0) return 0;
  T* values = this->elementsOf(lane);
  T* triangle = matrix.result(0);
  copyMatrix(matrix.operands[0], n, n, {this->strides[1], this->strides[0]}, triangle);
  const int info = lapack::gees(static_cast<int>(n), triangle, values, values + n, matrix.result(1), this->workOf(lane),
                                this->lwork());
  transposeSquare(triangle, n);
  transposeSquare(matrix.result(1), n);
  return info;
}

template <typename T>
Status RealSchur<T>::statusOf(int info, const std::string& matrix) const {
  return info < 0 ? this->refused("schur", info) : notConverged("schur", matrix, "the QR iteration", info);
}

// ---- Square roots ----

namespace {

/// The x of `a * x = b` for up to four unknowns, by elimination with row exchanges; false when a is singular to
/// `least`.
template <typename T>
bool solveSmall(std::array<std::array<T, 4>, 4>& a, std::array<T, 4>& b, int size, T least) {
  for (int k = 0; k < size; ++k) {
    int largest = k;
    for (int row = k + 1; row < size; ++row) {
      if (std::abs(a[row][k]) > std::abs(a[largest][k])) largest = row;
    }
    if (!(std::abs(a[largest][k]) > least)) return false;
    std::swap(a[k], a[largest]);
    std::swap(b[k], b[largest]);
    for (int row = k + 1; row < size; ++row) {
      const T factor = a[row][k] / a[k][k];
      for (int column = k; column < size; ++column) a[row][column] -= factor * a[k][column];
      b[row] -= factor * b[k];
    }
  }
  for (int row = size - 1; row >= 0; --row) {
    for (int column = row + 1; column < size; ++column) b[row] -= a[row][column] * b[column];
    b[row] /= a[row][row];
  }
  return true;
}

/// The root of a diagonal block of one row or two; false where an eigenvalue is negative.
template <typename T>
bool rootOfBlock(const T* t, std::int64_t n, std::int64_t row, int size, T negligible, T* root) {
  const T* first = t + row * n + row;
  T* to = root + row * n + row;
  if (size == 1) {
    if (*first < -negligible) return false;
    *to = std::abs(*first) <= negligible ? T{0} : std::sqrt(*first);
    return true;
  }
  // Eigenvalues theta +- i mu have the root alpha +- i beta, and the block's root is a polynomial of it.
  const T half = (first[0] - first[n + 1]) / 2;
  const T theta = first[n + 1] + half;
  const T mu = std::sqrt(std::max(-(half * half + first[1] * first[n]), T{0}));
  const T length = std::hypot(theta, mu);
  const T alpha = theta > 0 ? std::sqrt((theta + length) / 2) : mu / std::sqrt(2 * (length - theta));
  to[0] = alpha + half / (2 * alpha);
  to[1] = first[1] / (2 * alpha);
  to[n] = first[n] / (2 * alpha);
  to[n + 1] = alpha - half / (2 * alpha);
  return true;
}

}  // namespace

template <typename T>
Status SchurRoot<T>::prepare(Scratch& scratch, int lanes) {
  return this->takeWorkspace("sqrtm", scratch, lanes, this->n * this->n, this->n + 1);
}

template <typename T>
int SchurRoot<T>::run(const MatrixArguments<T>& matrix, int lane) const {
  const std::int64_t n = this->n;
  T* t = this->elementsOf(lane);
  int* starts = this->integersOf(lane);
  T* root = matrix.result(0);
  copyMatrix(matrix.operands[0], n, n, this->strides, t);
  std::fill_n(root, n * n, T{0});
  int blocks = 0;
  for (std::int64_t row = 0; row < n; ++row) {
    starts[blocks++] = static_cast<int>(row);
    if (row + 1 < n && t[(row + 1) * n + row] != 0) ++row;
  }
  starts[blocks] = static_cast<int>(n);
  double squares = 0;
  for (std::int64_t index = 0; index < n * n; ++index) squares += static_cast<double>(t[index]) * t[index];
  // Eigenvalues of this size are what rounding has made of zero.
  const T negligible = static_cast<T>(std::sqrt(squares) * static_cast<double>(n) * std::numeric_limits<T>::epsilon());
  for (int j = 0; j < blocks; ++j) {
    const std::int64_t column = starts[j];
    const int q = starts[j + 1] - starts[j];
    if (!rootOfBlock(t, n, column, q, negligible, root)) return static_cast<int>(column + 1);
    for (int i = j - 1; i >= 0; --i) {
      const std::int64_t row = starts[i];
      const int p = starts[i + 1] - starts[i];
      // root_ii * x + x * root_jj = t_ij less what lies between, as a system in the entries of x.
      std::array<std::array<T, 4>, 4> system{};
      std::array<T, 4> right{};
      T greatest = 0;
      for (int r = 0; r < p; ++r) {
        for (int c = 0; c < q; ++c) {
          T sum = t[(row + r) * n + column + c];
          for (std::int64_t k = row + p; k < column; ++k) sum -= root[(row + r) * n + k] * root[k * n + column + c];
          right[r * q + c] = sum;
          greatest = std::max(greatest, std::abs(sum));
          for (int k = 0; k < p; ++k) system[r * q + c][k * q + c] += root[(row + r) * n + row + k];
          for (int k = 0; k < q; ++k) system[r * q + c][r * q + k] += root[(column + k) * n + column + c];
        }
      }
      if (!solveSmall(system, right, p * q, std::numeric_limits<T>::min())) {
        if (greatest > negligible) return static_cast<int>(n + column + 1);
        right = {};
      }
      for (int r = 0; r < p; ++r) {
        for (int c = 0; c < q; ++c) root[(row + r) * n + column + c] = right[r * q + c];
      }
    }
  }
  return 0;
}

template <typename T>
Status SchurRoot<T>::statusOf(int info, const std::string& matrix) const {
  const bool isNegative = info <= this->n;
  std::string message = "sqrtm: matrix " + matrix + " has no real square root: eigenvalue " +
                        std::to_string((info - 1) % this->n) + " of its Schur form is " +
                        (isNegative ? "negative" : "zero, and not of a diagonal matrix");
  return isNegative ? Status::noRealRoot(std::move(message)) : Status::numerical(std::move(message));
}

template class Decomposition<float>;
template class Decomposition<double>;
template class SingularValues<float>;
template class SingularValues<double>;
template class OrthogonalTriangular<float>;
template class OrthogonalTriangular<double>;
template class Cholesky<float>;
template class Cholesky<double>;
template class LowerUpper<float>;
template class LowerUpper<double>;
template class LinearSystem<float>;
template class LinearSystem<double>;
template class TriangularSystem<float>;
template class TriangularSystem<double>;
template class Inverse<float>;
template class Inverse<double>;
template class SymmetricEigen<float>;
template class SymmetricEigen<double>;
template class GeneralEigen<float>;
template class GeneralEigen<double>;
template class RealSchur<float>;
template class RealSchur<double>;
template class SchurRoot<float>;
template class SchurRoot<double>;

}  // namespace gemmule

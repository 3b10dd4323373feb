#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "runtime/scratch.h"
#include "runtime/status.h"

namespace gemmule {

// Decompositions of matrices of one shape by LAPACK, T being float or double. Everything outside is row-major; operands
// may have any strides, results are contiguous. Each is prepared once, which takes a workspace for each lane, and then
// run on as many matrices as there are, on any lanes side by side.
//
// `run` gives LAPACK's `info`, 0 when all went well; `statusOf` makes an error of another, which names the matrix.

/// A matrix of an operand, and one of each result.
template <typename T>
struct MatrixArguments {
  std::array<const T*, 2> operands{};
  std::array<void*, 4> results{};

  T* result(std::size_t index) const { return static_cast<T*>(results[index]); }
  std::int32_t* integers(std::size_t index) const { return static_cast<std::int32_t*>(results[index]); }
};

template <typename T>
class Decomposition {
 public:
  /// Rows and columns of the first operand, and elements from one to the next.
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::array<std::int64_t, 2> strides{};

  std::int64_t rank() const { return std::min(m, n); }

 protected:
  /// Takes `elements` of T and `integers` for each lane; LAPACK's `work` of `optimal` elements comes on top.
  Status takeWorkspace(const char* name, Scratch& scratch, int lanes, std::int64_t elements, std::int64_t integers,
                       T optimal = 0);

  T* elementsOf(int lane) const { return elements_ + lane * elementsPerLane_; }
  T* workOf(int lane) const { return elementsOf(lane) + elementsPerLane_ - lwork_; }
  int* integersOf(int lane) const { return integers_ + lane * integersPerLane_; }
  int lwork() const { return lwork_; }

  /// The errors that all have in common: those of arguments.
  static Status refused(const char* name, int info);

 private:
  T* elements_ = nullptr;
  int* integers_ = nullptr;
  std::int64_t elementsPerLane_ = 0;
  std::int64_t integersPerLane_ = 0;
  int lwork_ = 0;
};

/// `a = u * diag(s) * vt`, results u, s, vt (`?gesdd`: divide and conquer).
template <typename T>
class SingularValues : public Decomposition<T> {
 public:
  /// Whether u and vt are square; and whether there are any, or s alone.
  bool full = false;
  bool vectors = true;

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;

 private:
  const char* job() const { return !vectors ? "N" : full ? "A" : "S"; }
  bool isTall() const { return this->m > this->n; }
  /// Elements of u as LAPACK writes it, where that is not how it is wanted.
  std::int64_t leftSize() const;
};

/// `a = q * r`, or with pivoting `a[:, permutation] = q * r`; results q, r, permutation (`?geqrt`, `?geqp3`, `?orgqr`).
template <typename T>
class OrthogonalTriangular : public Decomposition<T> {
 public:
  /// Columns of q: 0 for r alone.
  std::int64_t qColumns = 0;
  std::int64_t rRows = 0;
  bool pivoting = false;

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;

 private:
  std::int64_t blockColumns() const;
};

/// `a = l * l^T` of the lower triangle of a (`?potrf`).
template <typename T>
class Cholesky : public Decomposition<T> {
 public:
  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// `a[permutation] = l * u`, both in one matrix, l without its unit diagonal; results lu, permutation, sign of the
/// permutation (`?getrf`). A pivot of zero is no error: the decomposition of a singular matrix exists.
template <typename T>
class LowerUpper : public Decomposition<T> {
 public:
  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// `a * x = b` for square a; result x (`?getrf`, `?trsm`).
template <typename T>
class LinearSystem : public Decomposition<T> {
 public:
  /// Columns of b, and elements from row to row and from column to column.
  std::int64_t columns = 0;
  std::array<std::int64_t, 2> rightStrides{};

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// `a * x = b` for triangular a, of which the other triangle is not read (`?trsm`).
template <typename T>
class TriangularSystem : public Decomposition<T> {
 public:
  std::int64_t columns = 0;
  std::array<std::int64_t, 2> rightStrides{};
  bool lower = false;
  bool unitDiagonal = false;

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// The inverse of a square matrix (`?getrf`, `?getri`).
template <typename T>
class Inverse : public Decomposition<T> {
 public:
  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// Eigenvalues, ascending, and eigenvectors, in columns, of a symmetric matrix, of which the lower triangle is read
/// (`?syevd`: divide and conquer).
template <typename T>
class SymmetricEigen : public Decomposition<T> {
 public:
  bool vectors = true;

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;

 private:
  int lintegers_ = 0;
};

/// Eigenvalues and right eigenvectors, in columns, of a square matrix: results real and imaginary parts of the values,
/// real and imaginary parts of the vectors (`?geev`).
template <typename T>
class GeneralEigen : public Decomposition<T> {
 public:
  bool vectors = true;

  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// `a = z * t * z^T`, z orthogonal and t upper triangular but for blocks of two rows; results t, z (`?gees`).
template <typename T>
class RealSchur : public Decomposition<T> {
 public:
  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

/// The principal square root of a real Schur form, which is one again: Higham, "Computing real square roots of a real
/// matrix", 1987.
template <typename T>
class SchurRoot : public Decomposition<T> {
 public:
  Status prepare(Scratch& scratch, int lanes);
  int run(const MatrixArguments<T>& matrix, int lane) const;
  Status statusOf(int info, const std::string& matrix) const;
};

}  // namespace gemmule

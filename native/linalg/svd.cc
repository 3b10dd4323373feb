#include "linalg/svd.h"

#include <cmath>
#include <limits>
#include <string>

#include "linalg/blas.h"

namespace gemmule {
namespace {

void gesdd(const char* job, int m, int n, float* a, float* s, float* u, int ldu, float* vt, int ldvt, float* work,
           int lwork, int* integers, int* info) {
  sgesdd_(job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, integers, info);
}

void gesdd(const char* job, int m, int n, double* a, double* s, double* u, int ldu, double* vt, int ldvt, double* work,
           int lwork, int* integers, int* info) {
  dgesdd_(job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, integers, info);
}

template <typename T>
void setIdentity(T* matrix, std::int64_t size) {
  std::fill_n(matrix, size * size, T{0});
  for (std::int64_t index = 0; index < size; ++index) matrix[index * size + index] = T{1};
}

}  // namespace

// LAPACK is column-major, so it reads the memory of a as a^T = v * diag(s) * u^T: what it calls u is v, whose
// column-major memory is row-major vt, and what it calls vt is u^T, whose memory is row-major u. Nothing needs to be
// transposed.

template <typename T>
Status SingularValues<T>::prepare(Scratch& scratch, int lanes) {
  if (rank() == 0) return Status::ok();
  // Workspace sizes of ?gesdd are quadratic in the shorter side and linear in the longer one.
  if (m > 1 << 28 || n > 1 << 28 || rank() > 1 << 14) {
    return Status::unsupported("svd: a matrix of " + std::to_string(m) + " x " + std::to_string(n) +
                               " is too large for LAPACK's 32-bit sizes");
  }
  ensureBlas();
  T optimal = 0;
  int info = 0;
  int ignored = 0;
  T none = 0;
  const int rows = static_cast<int>(n);
  const int columns = static_cast<int>(m);
  const int ldvt = static_cast<int>(full ? m : rank());
  gesdd(full ? "A" : "S", rows, columns, &none, &none, &none, rows, &none, ldvt, &optimal, -1, &ignored, &info);
  if (info != 0) return statusOf(info);
  // The size comes back as a floating-point number, which may have been rounded down.
  const double size = std::ceil(static_cast<double>(optimal) * (1 + 2 * std::numeric_limits<T>::epsilon())) + 1;
  if (!(size < std::numeric_limits<int>::max())) {
    return Status::unsupported("svd: LAPACK's workspace for a matrix of this size exceeds its 32-bit sizes");
  }
  lwork_ = static_cast<int>(size);
  workPerLane_ = m * n + lwork_;
  integersPerLane_ = 8 * rank();
  workspace_ = scratch.allocate<T>(lanes * workPerLane_);
  integers_ = scratch.allocate<int>(lanes * integersPerLane_);
  if (workspace_ == nullptr || integers_ == nullptr) return Status::outOfMemory("svd: no memory for the workspace");
  return Status::ok();
}

template <typename T>
int SingularValues<T>::run(const T* a, T* u, T* s, T* vt, int lane) const {
  if (rank() == 0) {
    if (full) {
      setIdentity(u, m);
      setIdentity(vt, n);
    }
    return 0;
  }
  T* copy = workspace_ + lane * workPerLane_;
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t column = 0; column < n; ++column) {
      copy[row * n + column] = a[row * rowStride + column * columnStride];
    }
  }
  int info = 0;
  gesdd(full ? "A" : "S", static_cast<int>(n), static_cast<int>(m), copy, s, vt, static_cast<int>(n), u,
        static_cast<int>(full ? m : rank()), copy + m * n, lwork_, integers_ + lane * integersPerLane_, &info);
  return info;
}

template <typename T>
Status SingularValues<T>::statusOf(int info) const {
  if (info == 0) return Status::ok();
  // ?gesdd reports NaN in the matrix, its fourth argument, as an invalid argument.
  if (info == -4) return Status::numerical("svd: the matrix contains NaN");
  if (info < 0) return Status::invalid("svd: LAPACK refused its argument " + std::to_string(-info));
  return Status::numerical("svd: the divide and conquer iteration did not converge (LAPACK info " +
                           std::to_string(info) + ")");
}

template class SingularValues<float>;
template class SingularValues<double>;

}  // namespace gemmule

#pragma once

// The few BLAS entry points in use, declared here (LAPACK's are in lapack.h): distributions disagree on the headers,
// not on the symbols.
extern "C" {

enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 };
enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112 };
enum CBLAS_UPLO { CblasUpper = 121, CblasLower = 122 };
enum CBLAS_DIAG { CblasNonUnit = 131, CblasUnit = 132 };
enum CBLAS_SIDE { CblasLeft = 141, CblasRight = 142 };

void cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE transA, CBLAS_TRANSPOSE transB, int m, int n, int k, float alpha,
                 const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
void cblas_dgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE transA, CBLAS_TRANSPOSE transB, int m, int n, int k, double alpha,
                 const double* a, int lda, const double* b, int ldb, double beta, double* c, int ldc);
void cblas_sgemv(CBLAS_ORDER order, CBLAS_TRANSPOSE trans, int m, int n, float alpha, const float* a, int lda,
                 const float* x, int incx, float beta, float* y, int incy);
void cblas_dgemv(CBLAS_ORDER order, CBLAS_TRANSPOSE trans, int m, int n, double alpha, const double* a, int lda,
                 const double* x, int incx, double beta, double* y, int incy);
void cblas_strsv(CBLAS_ORDER order, CBLAS_UPLO triangle, CBLAS_TRANSPOSE transA, CBLAS_DIAG diagonal, int n,
                 const float* a, int lda, float* x, int incx);
void cblas_dtrsv(CBLAS_ORDER order, CBLAS_UPLO triangle, CBLAS_TRANSPOSE transA, CBLAS_DIAG diagonal, int n,
                 const double* a, int lda, double* x, int incx);
void cblas_strsm(CBLAS_ORDER order, CBLAS_SIDE side, CBLAS_UPLO triangle, CBLAS_TRANSPOSE transA, CBLAS_DIAG diagonal,
                 int m, int n, float alpha, const float* a, int lda, float* b, int ldb);
void cblas_dtrsm(CBLAS_ORDER order, CBLAS_SIDE side, CBLAS_UPLO triangle, CBLAS_TRANSPOSE transA, CBLAS_DIAG diagonal,
                 int m, int n, double alpha, const double* a, int lda, double* b, int ldb);
}

namespace gemmule {

/// The BLAS library and the processor core whose kernels it uses, for people to read.
const char* blasDescription();

/// Keeps OpenBLAS on the calling thread. Whoever is about to call BLAS calls this first; all but the first time it does
/// nothing.
void ensureBlas();

/// While one lives, BLAS called by its thread may use up to `threads` threads of OpenBLAS's own: for LAPACK calls that
/// are one large piece of work. One at a time in the process: a second beside it stays on its own thread. Results may
/// depend on the number of threads in their last bits.
class BlasThreads {
 public:
  explicit BlasThreads(int threads);
  ~BlasThreads();
  BlasThreads(const BlasThreads&) = delete;
  BlasThreads& operator=(const BlasThreads&) = delete;

 private:
  bool held_ = false;
};

}  // namespace gemmule

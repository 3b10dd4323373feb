#pragma once

#include <cstddef>

// The LAPACK routines in use, for float and double under one name each, with the hidden lengths that Fortran expects of
// character arguments. Matrices are column-major. `info` is 0 when all went well.

#define GEMMULE_LAPACK_SYMBOLS(p, T)                                                                               \
  void p##gesdd_(const char* jobz, const int* m, const int* n, T* a, const int* lda, T* s, T* u, const int* ldu,   \
                 T* vt, const int* ldvt, T* work, const int* lwork, int* iwork, int* info, std::size_t);           \
  void p##geqrt_(const int* m, const int* n, const int* nb, T* a, const int* lda, T* t, const int* ldt, T* work,   \
                 int* info);                                                                                       \
  void p##geqp3_(const int* m, const int* n, T* a, const int* lda, int* jpvt, T* tau, T* work, const int* lwork,   \
                 int* info);                                                                                       \
  void p##orgqr_(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau, T* work,            \
                 const int* lwork, int* info);                                                                     \
  void p##potrf_(const char* uplo, const int* n, T* a, const int* lda, int* info, std::size_t);                    \
  void p##getrf_(const int* m, const int* n, T* a, const int* lda, int* ipiv, int* info);                          \
  void p##getri_(const int* n, T* a, const int* lda, const int* ipiv, T* work, const int* lwork, int* info);       \
  void p##syevd_(const char* jobz, const char* uplo, const int* n, T* a, const int* lda, T* w, T* work,            \
                 const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);            \
  void p##geev_(const char* jobvl, const char* jobvr, const int* n, T* a, const int* lda, T* wr, T* wi, T* vl,     \
                const int* ldvl, T* vr, const int* ldvr, T* work, const int* lwork, int* info, std::size_t,        \
                std::size_t);                                                                                      \
  void p##gees_(const char* jobvs, const char* sort, const void* select, const int* n, T* a, const int* lda,       \
                int* sdim, T* wr, T* wi, T* vs, const int* ldvs, T* work, const int* lwork, int* bwork, int* info, \
                std::size_t, std::size_t);

extern "C" {
GEMMULE_LAPACK_SYMBOLS(s, float)
GEMMULE_LAPACK_SYMBOLS(d, double)
}
#undef GEMMULE_LAPACK_SYMBOLS

#define GEMMULE_LAPACK_OVERLOADS(p, T)                                                                            \
  inline int gesdd(const char* job, int m, int n, T* a, T* s, T* u, int ldu, T* vt, int ldvt, T* work, int lwork, \
                   int* integers) {                                                                               \
    int info = 0;                                                                                                 \
    p##gesdd_(job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, integers, &info, 1);                       \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int geqrt(int m, int n, int block, T* a, T* t, T* work) {                                                \
    int info = 0;                                                                                                 \
    p##geqrt_(&m, &n, &block, a, &m, t, &block, work, &info);                                                     \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int geqp3(int m, int n, T* a, int* pivots, T* tau, T* work, int lwork) {                                 \
    int info = 0;                                                                                                 \
    p##geqp3_(&m, &n, a, &m, pivots, tau, work, &lwork, &info);                                                   \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int orgqr(int m, int n, int k, T* a, const T* tau, T* work, int lwork) {                                 \
    int info = 0;                                                                                                 \
    p##orgqr_(&m, &n, &k, a, &m, tau, work, &lwork, &info);                                                       \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int potrf(const char* triangle, int n, T* a) {                                                           \
    int info = 0;                                                                                                 \
    p##potrf_(triangle, &n, a, &n, &info, 1);                                                                     \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int getrf(int m, int n, T* a, int* pivots) {                                                             \
    int info = 0;                                                                                                 \
    p##getrf_(&m, &n, a, &m, pivots, &info);                                                                      \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int getri(int n, T* a, const int* pivots, T* work, int lwork) {                                          \
    int info = 0;                                                                                                 \
    p##getri_(&n, a, &n, pivots, work, &lwork, &info);                                                            \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int syevd(const char* job, const char* triangle, int n, T* a, T* w, T* work, int lwork, int* integers,   \
                   int lintegers) {                                                                               \
    int info = 0;                                                                                                 \
    p##syevd_(job, triangle, &n, a, &n, w, work, &lwork, integers, &lintegers, &info, 1, 1);                      \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int geev(const char* job, int n, T* a, T* wr, T* wi, T* vr, T* work, int lwork) {                        \
    int info = 0;                                                                                                 \
    const int one = 1;                                                                                            \
    T none = 0;                                                                                                   \
    p##geev_("N", job, &n, a, &n, wr, wi, &none, &one, vr, &n, work, &lwork, &info, 1, 1);                        \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int gees(int n, T* a, T* wr, T* wi, T* vs, T* work, int lwork) {                                         \
    int info = 0;                                                                                                 \
    int sorted = 0;                                                                                               \
    p##gees_("V", "N", nullptr, &n, a, &n, &sorted, wr, wi, vs, &n, work, &lwork, nullptr, &info, 1, 1);          \
    return info;                                                                                                  \
  }

namespace gemmule::lapack {
GEMMULE_LAPACK_OVERLOADS(s, float)
GEMMULE_LAPACK_OVERLOADS(d, double)
}  // namespace gemmule::lapack
#undef GEMMULE_LAPACK_OVERLOADS

// No include guard: every file in kernels/targets includes this once, after simd.h.
//
// F64x8 is a fixed virtual vector of 8 double lanes, as F32x16 is of 16 float lanes: the same number of registers.

inline constexpr int kDoubleLanes = 8;

#if defined(GEMMULE_SIMD_AVX512)

struct F64x8 {
  __m512d v;
};

GEMMULE_INLINE __mmask8 lowDoubleLanes(int n) { return static_cast<__mmask8>((1u << n) - 1u); }

GEMMULE_INLINE F64x8 broadcastDouble(double x) { return {_mm512_set1_pd(x)}; }
GEMMULE_INLINE F64x8 loadDouble(const double* p) { return {_mm512_loadu_pd(p)}; }
GEMMULE_INLINE void storeDouble(double* p, F64x8 a) { _mm512_storeu_pd(p, a.v); }
GEMMULE_INLINE F64x8 loadDoublePartial(const double* p, int n) { return {_mm512_maskz_loadu_pd(lowDoubleLanes(n), p)}; }
GEMMULE_INLINE void storeDoublePartial(double* p, F64x8 a, int n) { _mm512_mask_storeu_pd(p, lowDoubleLanes(n), a.v); }
GEMMULE_INLINE F64x8 fmaDouble(F64x8 a, F64x8 b, F64x8 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }

#else

#if defined(GEMMULE_SIMD_AVX2)

using DoublePart = __m256d;

GEMMULE_INLINE DoublePart partBroadcastDouble(double x) { return _mm256_set1_pd(x); }
GEMMULE_INLINE DoublePart partLoadDouble(const double* p) { return _mm256_loadu_pd(p); }
GEMMULE_INLINE void partStoreDouble(double* p, DoublePart a) { _mm256_storeu_pd(p, a); }
GEMMULE_INLINE DoublePart partFmaDouble(DoublePart a, DoublePart b, DoublePart c) { return _mm256_fmadd_pd(a, b, c); }

#else

typedef double DoublePart __attribute__((vector_size(16)));

GEMMULE_INLINE DoublePart partBroadcastDouble(double x) { return DoublePart{x, x}; }
GEMMULE_INLINE DoublePart partLoadDouble(const double* p) {
  DoublePart a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
GEMMULE_INLINE void partStoreDouble(double* p, DoublePart a) { std::memcpy(p, &a, sizeof a); }
#if defined(GEMMULE_SIMD_NEON)
GEMMULE_INLINE DoublePart partFmaDouble(DoublePart a, DoublePart b, DoublePart c) {
  return reinterpret_cast<DoublePart>(
      vfmaq_f64(reinterpret_cast<float64x2_t>(c), reinterpret_cast<float64x2_t>(a), reinterpret_cast<float64x2_t>(b)));
}
#else
GEMMULE_INLINE DoublePart partFmaDouble(DoublePart a, DoublePart b, DoublePart c) { return a * b + c; }
#endif
#endif

inline constexpr int kDoublePartLanes = kDoubleLanes / kParts;

struct F64x8 {
  DoublePart v[kParts];
};

GEMMULE_INLINE F64x8 broadcastDouble(double x) {
  F64x8 r;
  GEMMULE_EACH_PART r.v[i] = partBroadcastDouble(x);
  return r;
}
GEMMULE_INLINE F64x8 loadDouble(const double* p) {
  F64x8 r;
  GEMMULE_EACH_PART r.v[i] = partLoadDouble(p + i * kDoublePartLanes);
  return r;
}
GEMMULE_INLINE void storeDouble(double* p, F64x8 a) {
  GEMMULE_EACH_PART partStoreDouble(p + i * kDoublePartLanes, a.v[i]);
}
GEMMULE_INLINE F64x8 loadDoublePartial(const double* p, int n) {
  alignas(64) double lanes[kDoubleLanes] = {};
  std::memcpy(lanes, p, sizeof(double) * static_cast<std::size_t>(n));
  return loadDouble(lanes);
}
GEMMULE_INLINE void storeDoublePartial(double* p, F64x8 a, int n) {
  alignas(64) double lanes[kDoubleLanes];
  storeDouble(lanes, a);
  std::memcpy(p, lanes, sizeof(double) * static_cast<std::size_t>(n));
}
GEMMULE_INLINE F64x8 fmaDouble(F64x8 a, F64x8 b, F64x8 c) {
  GEMMULE_EACH_PART c.v[i] = partFmaDouble(a.v[i], b.v[i], c.v[i]);
  return c;
}

#undef GEMMULE_EACH_PART
#endif

// Lanes beyond the first n are zero, or are not stored.
GEMMULE_INLINE F64x8 loadDoubleUpTo(const double* p, std::int64_t n) {
  return n >= kDoubleLanes ? loadDouble(p) : loadDoublePartial(p, static_cast<int>(n));
}
GEMMULE_INLINE void storeDoubleUpTo(double* p, F64x8 a, std::int64_t n) {
  if (n >= kDoubleLanes) {
    storeDouble(p, a);
  } else {
    storeDoublePartial(p, a, static_cast<int>(n));
  }
}

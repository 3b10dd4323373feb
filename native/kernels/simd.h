// No include guard: every file in kernels/targets includes this once, inside its own namespace.
//
// F32x16 is a fixed virtual vector of 16 float lanes on every instruction set: one AVX-512 register, two AVX2
// registers, four NEON or SSE registers. Kernels written on it add in the same order everywhere, so that float32
// results are the same bits on AVX2, AVX-512 and, for the same reason, do not depend on the batch. `fma` is one
// rounding on all sets but the x86 baseline, which has no such instruction.
//
// sumLanes adds by a fixed tree: lane i and i + 8, then i + 4, i + 2, i + 1. maxLanes goes the same way and may lose
// NaN, which is to be looked for apart. lookUp takes from a table of eight floats what the low three bits of each lane
// of `places` say. transposeRows writes 16 rows of 16 floats, `stride` apart, as columns [16, 16]; rows from `count` on
// are not read and count as zeros. loadColumns turns four numbers of each of 16 rows, `stride` apart, into four
// columns.
//
// The target file defines exactly one of GEMMULE_SIMD_AVX512, GEMMULE_SIMD_AVX2, GEMMULE_SIMD_NEON,
// GEMMULE_SIMD_BASELINE and has included <cmath>, <cstdint>, <cstring> and the intrinsics before.

inline constexpr int kLanes = 16;
inline constexpr int kColumnsAtOnce = 4;

#define GEMMULE_INLINE inline __attribute__((always_inline))

#if defined(GEMMULE_SIMD_AVX512) || defined(GEMMULE_SIMD_AVX2)
// The lower halves of the trees of sumLanes and maxLanes.
GEMMULE_INLINE float sumOfEight(__m256 eight) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
GEMMULE_INLINE float maxOfEight(__m256 eight) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
#endif

#if defined(GEMMULE_SIMD_AVX512)

// ---- AVX-512: one register ----

struct F32x16 {
  __m512 v;
};
struct I32x16 {
  __m512i v;
};
struct Mask16 {
  __mmask16 m;
};

GEMMULE_INLINE __mmask16 lowLanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

GEMMULE_INLINE F32x16 zero() { return {_mm512_setzero_ps()}; }
GEMMULE_INLINE F32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
GEMMULE_INLINE F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
GEMMULE_INLINE F32x16 loadPartial(const float* p, int n) { return {_mm512_maskz_loadu_ps(lowLanes(n), p)}; }
GEMMULE_INLINE void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
GEMMULE_INLINE void storePartial(float* p, F32x16 a, int n) { _mm512_mask_storeu_ps(p, lowLanes(n), a.v); }

GEMMULE_INLINE F32x16 add(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 sub(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 mul(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 div(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
GEMMULE_INLINE F32x16 sqrt(F32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
// As the instruction: the second operand when either is NaN.
GEMMULE_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
GEMMULE_INLINE F32x16 roundEven(F32x16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
GEMMULE_INLINE F32x16 floor(F32x16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
GEMMULE_INLINE F32x16 ceil(F32x16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }
GEMMULE_INLINE F32x16 trunc(F32x16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }

GEMMULE_INLINE Mask16 less(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
GEMMULE_INLINE Mask16 lessEqual(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
GEMMULE_INLINE Mask16 equal(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
GEMMULE_INLINE Mask16 isNaN(F32x16 a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
GEMMULE_INLINE F32x16 select(Mask16 m, F32x16 yes, F32x16 no) { return {_mm512_mask_blend_ps(m.m, no.v, yes.v)}; }
GEMMULE_INLINE unsigned maskBits(Mask16 m) { return m.m; }

GEMMULE_INLINE I32x16 broadcastInt(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
GEMMULE_INLINE I32x16 loadInt(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
GEMMULE_INLINE void storeInt(std::int32_t* p, I32x16 a) { _mm512_storeu_si512(p, a.v); }
GEMMULE_INLINE I32x16 addInt(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
GEMMULE_INLINE I32x16 subInt(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
GEMMULE_INLINE I32x16 andInt(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
GEMMULE_INLINE I32x16 orInt(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
GEMMULE_INLINE I32x16 xorInt(I32x16 a, I32x16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int kBits>
GEMMULE_INLINE I32x16 shiftLeft(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
GEMMULE_INLINE I32x16 shiftRightArithmetic(I32x16 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
template <int kBits>
GEMMULE_INLINE I32x16 shiftRightLogical(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
GEMMULE_INLINE F32x16 toFloat(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
// To the nearest integer, ties to even; out of range gives INT32_MIN on x86 and saturates on Arm.
GEMMULE_INLINE I32x16 toIntRounded(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
GEMMULE_INLINE I32x16 bitsOf(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
GEMMULE_INLINE F32x16 floatOf(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }

GEMMULE_INLINE F32x16 loadFloat16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
GEMMULE_INLINE F32x16 loadBfloat16(const std::uint16_t* p) {
  return {_mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16))};
}

// Lanes must fit the narrower type.
GEMMULE_INLINE void storeNarrow(std::int16_t* p, I32x16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.v));
}
GEMMULE_INLINE void storeNarrow(std::int8_t* p, I32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
GEMMULE_INLINE F32x16 lookUp(const float* table, I32x16 places) {
  const __m512 twice = _mm512_broadcast_f32x8(_mm256_loadu_ps(table));
  return {_mm512_permutexvar_ps(places.v, twice)};
}

GEMMULE_INLINE std::int32_t sumIntLanes(I32x16 a) { return _mm512_reduce_add_epi32(a.v); }

GEMMULE_INLINE float sumLanes(F32x16 a) {
  return sumOfEight(_mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1)));
}
GEMMULE_INLINE float maxLanes(F32x16 a) {
  return maxOfEight(_mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1)));
}

GEMMULE_INLINE void transposeRows(const float* rows, std::int64_t stride, int count, float* columns) {
  __m512 r[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = i < count ? _mm512_loadu_ps(rows + i * stride) : _mm512_setzero_ps();
  // Pairs of rows, then fours within quarters of 128 bits, then the quarters.
  __m512 pairs[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512d low0 = _mm512_castps_pd(pairs[i]), low1 = _mm512_castps_pd(pairs[i + 2]);
    const __m512d high0 = _mm512_castps_pd(pairs[i + 1]), high1 = _mm512_castps_pd(pairs[i + 3]);
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low0, low1));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low0, low1));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high0, high1));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high0, high1));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 even0 = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), odd0 = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    const __m512 even1 = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    const __m512 odd1 = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    _mm512_storeu_ps(columns + i * 16, _mm512_shuffle_f32x4(even0, even1, 0x88));
    _mm512_storeu_ps(columns + (i + 4) * 16, _mm512_shuffle_f32x4(odd0, odd1, 0x88));
    _mm512_storeu_ps(columns + (i + 8) * 16, _mm512_shuffle_f32x4(even0, even1, 0xdd));
    _mm512_storeu_ps(columns + (i + 12) * 16, _mm512_shuffle_f32x4(odd0, odd1, 0xdd));
  }
}

// A quarter of the register for each of the rows p, p + 4, p + 8 and p + 12.
GEMMULE_INLINE __m512 loadQuarters(const float* p, std::int64_t stride) {
  const __m512 one = _mm512_castps128_ps512(_mm_loadu_ps(p));
  const __m512 two = _mm512_insertf32x4(one, _mm_loadu_ps(p + 4 * stride), 1);
  const __m512 three = _mm512_insertf32x4(two, _mm_loadu_ps(p + 8 * stride), 2);
  return _mm512_insertf32x4(three, _mm_loadu_ps(p + 12 * stride), 3);
}
GEMMULE_INLINE void loadColumns(const float* rows, std::int64_t stride, F32x16 (&columns)[kColumnsAtOnce]) {
  const __m512 r0 = loadQuarters(rows, stride), r1 = loadQuarters(rows + stride, stride);
  const __m512 r2 = loadQuarters(rows + 2 * stride, stride), r3 = loadQuarters(rows + 3 * stride, stride);
  const __m512 even0 = _mm512_unpacklo_ps(r0, r2), odd0 = _mm512_unpacklo_ps(r1, r3);
  const __m512 even1 = _mm512_unpackhi_ps(r0, r2), odd1 = _mm512_unpackhi_ps(r1, r3);
  columns[0].v = _mm512_unpacklo_ps(even0, odd0);
  columns[1].v = _mm512_unpackhi_ps(even0, odd0);
  columns[2].v = _mm512_unpacklo_ps(even1, odd1);
  columns[3].v = _mm512_unpackhi_ps(even1, odd1);
}

#else

// ---- Two or four registers ----

#if defined(GEMMULE_SIMD_AVX2)

inline constexpr int kParts = 2;
using FloatPart = __m256;
using IntPart = __m256i;

GEMMULE_INLINE FloatPart partBroadcast(float x) { return _mm256_set1_ps(x); }
GEMMULE_INLINE FloatPart partLoad(const float* p) { return _mm256_loadu_ps(p); }
GEMMULE_INLINE void partStore(float* p, FloatPart a) { _mm256_storeu_ps(p, a); }
GEMMULE_INLINE FloatPart partFma(FloatPart a, FloatPart b, FloatPart c) { return _mm256_fmadd_ps(a, b, c); }
GEMMULE_INLINE FloatPart partSqrt(FloatPart a) { return _mm256_sqrt_ps(a); }
GEMMULE_INLINE FloatPart partMax(FloatPart a, FloatPart b) { return _mm256_max_ps(a, b); }
GEMMULE_INLINE FloatPart partMin(FloatPart a, FloatPart b) { return _mm256_min_ps(a, b); }
GEMMULE_INLINE FloatPart partRoundEven(FloatPart a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
GEMMULE_INLINE FloatPart partFloor(FloatPart a) { return _mm256_floor_ps(a); }
GEMMULE_INLINE FloatPart partCeil(FloatPart a) { return _mm256_ceil_ps(a); }
GEMMULE_INLINE FloatPart partTrunc(FloatPart a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
GEMMULE_INLINE IntPart partLess(FloatPart a, FloatPart b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
GEMMULE_INLINE IntPart partLessEqual(FloatPart a, FloatPart b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LE_OQ));
}
GEMMULE_INLINE IntPart partEqual(FloatPart a, FloatPart b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
GEMMULE_INLINE FloatPart partSelect(IntPart m, FloatPart yes, FloatPart no) {
  return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(m));
}
GEMMULE_INLINE unsigned partMaskBits(IntPart m) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(m)));
}
GEMMULE_INLINE IntPart partBroadcastInt(std::int32_t x) { return _mm256_set1_epi32(x); }
GEMMULE_INLINE IntPart partLoadInt(const std::int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
GEMMULE_INLINE void partStoreInt(std::int32_t* p, IntPart a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a); }
GEMMULE_INLINE IntPart partAddInt(IntPart a, IntPart b) { return _mm256_add_epi32(a, b); }
GEMMULE_INLINE IntPart partSubInt(IntPart a, IntPart b) { return _mm256_sub_epi32(a, b); }
template <int kBits>
GEMMULE_INLINE IntPart partShiftLeft(IntPart a) {
  return _mm256_slli_epi32(a, kBits);
}
template <int kBits>
GEMMULE_INLINE IntPart partShiftRightArithmetic(IntPart a) {
  return _mm256_srai_epi32(a, kBits);
}
template <int kBits>
GEMMULE_INLINE IntPart partShiftRightLogical(IntPart a) {
  return _mm256_srli_epi32(a, kBits);
}
GEMMULE_INLINE FloatPart partToFloat(IntPart a) { return _mm256_cvtepi32_ps(a); }
GEMMULE_INLINE IntPart partToIntRounded(FloatPart a) { return _mm256_cvtps_epi32(a); }
GEMMULE_INLINE IntPart partBitsOf(FloatPart a) { return _mm256_castps_si256(a); }
GEMMULE_INLINE FloatPart partFloatOf(IntPart a) { return _mm256_castsi256_ps(a); }
// Half of the register for each of the rows p and p + 4.
GEMMULE_INLINE FloatPart partLoadQuarters(const float* p, std::int64_t stride) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 4 * stride), 1);
}
// Within each quarter of 16 lanes.
GEMMULE_INLINE FloatPart partInterleaveLow(FloatPart a, FloatPart b) { return _mm256_unpacklo_ps(a, b); }
GEMMULE_INLINE FloatPart partInterleaveHigh(FloatPart a, FloatPart b) { return _mm256_unpackhi_ps(a, b); }
GEMMULE_INLINE FloatPart partLookUp(const float* table, IntPart places) {
  return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), places);
}
GEMMULE_INLINE FloatPart partLoadFloat16(const std::uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
GEMMULE_INLINE FloatPart partLoadBfloat16(const std::uint16_t* p) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}

#else

// NEON and the x86 baseline share the compiler's vectors of four; only what those lack is written by hand.

inline constexpr int kParts = 4;
typedef float FloatPart __attribute__((vector_size(16)));
typedef std::int32_t IntPart __attribute__((vector_size(16)));
typedef std::uint32_t UnsignedPart __attribute__((vector_size(16)));

GEMMULE_INLINE FloatPart partBroadcast(float x) { return FloatPart{x, x, x, x}; }
GEMMULE_INLINE FloatPart partLoad(const float* p) {
  FloatPart a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
GEMMULE_INLINE void partStore(float* p, FloatPart a) { std::memcpy(p, &a, sizeof a); }
GEMMULE_INLINE FloatPart partLoadQuarters(const float* p, std::int64_t) { return partLoad(p); }
GEMMULE_INLINE IntPart partLess(FloatPart a, FloatPart b) { return a < b; }
GEMMULE_INLINE IntPart partLessEqual(FloatPart a, FloatPart b) { return a <= b; }
GEMMULE_INLINE IntPart partEqual(FloatPart a, FloatPart b) { return a == b; }
GEMMULE_INLINE FloatPart partSelect(IntPart m, FloatPart yes, FloatPart no) {
  return reinterpret_cast<FloatPart>((m & reinterpret_cast<IntPart>(yes)) | (~m & reinterpret_cast<IntPart>(no)));
}
// `a > b ? a : b`, so that the second operand comes out when either is NaN, as on x86.
GEMMULE_INLINE FloatPart partMax(FloatPart a, FloatPart b) { return partSelect(a > b, a, b); }
GEMMULE_INLINE FloatPart partMin(FloatPart a, FloatPart b) { return partSelect(a < b, a, b); }
GEMMULE_INLINE unsigned partMaskBits(IntPart m) { return (m[0] & 1u) | (m[1] & 2u) | (m[2] & 4u) | (m[3] & 8u); }
GEMMULE_INLINE IntPart partBroadcastInt(std::int32_t x) { return IntPart{x, x, x, x}; }
GEMMULE_INLINE IntPart partLoadInt(const std::int32_t* p) {
  IntPart a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
GEMMULE_INLINE void partStoreInt(std::int32_t* p, IntPart a) { std::memcpy(p, &a, sizeof a); }
GEMMULE_INLINE IntPart partAddInt(IntPart a, IntPart b) {
  return reinterpret_cast<IntPart>(reinterpret_cast<UnsignedPart>(a) + reinterpret_cast<UnsignedPart>(b));
}
GEMMULE_INLINE IntPart partSubInt(IntPart a, IntPart b) {
  return reinterpret_cast<IntPart>(reinterpret_cast<UnsignedPart>(a) - reinterpret_cast<UnsignedPart>(b));
}
template <int kBits>
GEMMULE_INLINE IntPart partShiftLeft(IntPart a) {
  return reinterpret_cast<IntPart>(reinterpret_cast<UnsignedPart>(a) << kBits);
}
template <int kBits>
GEMMULE_INLINE IntPart partShiftRightArithmetic(IntPart a) {
  return a >> kBits;
}
template <int kBits>
GEMMULE_INLINE IntPart partShiftRightLogical(IntPart a) {
  return reinterpret_cast<IntPart>(reinterpret_cast<UnsignedPart>(a) >> kBits);
}
GEMMULE_INLINE FloatPart partToFloat(IntPart a) { return __builtin_convertvector(a, FloatPart); }
GEMMULE_INLINE IntPart partBitsOf(FloatPart a) { return reinterpret_cast<IntPart>(a); }
GEMMULE_INLINE FloatPart partFloatOf(IntPart a) { return reinterpret_cast<FloatPart>(a); }
GEMMULE_INLINE FloatPart partLoadBfloat16(const std::uint16_t* p) {
  return reinterpret_cast<FloatPart>(
      UnsignedPart{static_cast<std::uint32_t>(p[0]) << 16, static_cast<std::uint32_t>(p[1]) << 16,
                   static_cast<std::uint32_t>(p[2]) << 16, static_cast<std::uint32_t>(p[3]) << 16});
}

#if defined(GEMMULE_SIMD_NEON)

GEMMULE_INLINE FloatPart partFma(FloatPart a, FloatPart b, FloatPart c) {
  return reinterpret_cast<FloatPart>(
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
}
GEMMULE_INLINE FloatPart partInterleaveLow(FloatPart a, FloatPart b) {
  return reinterpret_cast<FloatPart>(vzip1q_f32(reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
}
GEMMULE_INLINE FloatPart partInterleaveHigh(FloatPart a, FloatPart b) {
  return reinterpret_cast<FloatPart>(vzip2q_f32(reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
}
GEMMULE_INLINE FloatPart partSqrt(FloatPart a) {
  return reinterpret_cast<FloatPart>(vsqrtq_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE FloatPart partRoundEven(FloatPart a) {
  return reinterpret_cast<FloatPart>(vrndnq_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE FloatPart partFloor(FloatPart a) {
  return reinterpret_cast<FloatPart>(vrndmq_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE FloatPart partCeil(FloatPart a) {
  return reinterpret_cast<FloatPart>(vrndpq_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE FloatPart partTrunc(FloatPart a) {
  return reinterpret_cast<FloatPart>(vrndq_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE IntPart partToIntRounded(FloatPart a) {
  return reinterpret_cast<IntPart>(vcvtnq_s32_f32(reinterpret_cast<float32x4_t>(a)));
}
GEMMULE_INLINE FloatPart partLookUp(const float* table, IntPart places) {
  const uint8x16x2_t bytes = {vld1q_u8(reinterpret_cast<const std::uint8_t*>(table)),
                              vld1q_u8(reinterpret_cast<const std::uint8_t*>(table + 4))};
  // Byte n of lane i lies at 4 * places[i] + n.
  const uint32x4_t first = vandq_u32(reinterpret_cast<uint32x4_t>(places), vdupq_n_u32(7));
  const uint32x4_t offsets = vmlaq_u32(vdupq_n_u32(0x03020100), first, vdupq_n_u32(0x04040404));
  return reinterpret_cast<FloatPart>(vqtbl2q_u8(bytes, vreinterpretq_u8_u32(offsets)));
}
GEMMULE_INLINE FloatPart partLoadFloat16(const std::uint16_t* p) {
  return reinterpret_cast<FloatPart>(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))));
}

#else

// The baseline: the compiler's scalar functions, lane by lane, where SSE2 has no instruction.

GEMMULE_INLINE FloatPart partFma(FloatPart a, FloatPart b, FloatPart c) { return a * b + c; }
GEMMULE_INLINE FloatPart partInterleaveLow(FloatPart a, FloatPart b) { return FloatPart{a[0], b[0], a[1], b[1]}; }
GEMMULE_INLINE FloatPart partInterleaveHigh(FloatPart a, FloatPart b) { return FloatPart{a[2], b[2], a[3], b[3]}; }
GEMMULE_INLINE FloatPart partSqrt(FloatPart a) {
  return FloatPart{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
GEMMULE_INLINE FloatPart partRoundEven(FloatPart a) {
  return FloatPart{__builtin_nearbyintf(a[0]), __builtin_nearbyintf(a[1]), __builtin_nearbyintf(a[2]),
                   __builtin_nearbyintf(a[3])};
}
GEMMULE_INLINE FloatPart partFloor(FloatPart a) {
  return FloatPart{__builtin_floorf(a[0]), __builtin_floorf(a[1]), __builtin_floorf(a[2]), __builtin_floorf(a[3])};
}
GEMMULE_INLINE FloatPart partCeil(FloatPart a) {
  return FloatPart{__builtin_ceilf(a[0]), __builtin_ceilf(a[1]), __builtin_ceilf(a[2]), __builtin_ceilf(a[3])};
}
GEMMULE_INLINE FloatPart partTrunc(FloatPart a) {
  return FloatPart{__builtin_truncf(a[0]), __builtin_truncf(a[1]), __builtin_truncf(a[2]), __builtin_truncf(a[3])};
}
GEMMULE_INLINE std::int32_t laneToInt(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<std::int32_t>(__builtin_nearbyintf(x)) : INT32_MIN;
}
GEMMULE_INLINE IntPart partToIntRounded(FloatPart a) {
  return IntPart{laneToInt(a[0]), laneToInt(a[1]), laneToInt(a[2]), laneToInt(a[3])};
}
GEMMULE_INLINE FloatPart partLookUp(const float* table, IntPart places) {
  return FloatPart{table[places[0] & 7], table[places[1] & 7], table[places[2] & 7], table[places[3] & 7]};
}
// Moving the half's exponent and fraction up and scaling by 2^112 gives normal and subnormal values; 0x1f is infinity
// or NaN.
GEMMULE_INLINE float laneFloat16(std::uint16_t half) {
  std::uint32_t bits = static_cast<std::uint32_t>(half & 0x7fffu) << 13;
  float value;
  if ((half & 0x7c00u) == 0x7c00u) {
    bits |= 0x7f800000u;
    std::memcpy(&value, &bits, sizeof value);
  } else {
    std::memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
  }
  return (half & 0x8000u) != 0 ? -value : value;
}
GEMMULE_INLINE FloatPart partLoadFloat16(const std::uint16_t* p) {
  return FloatPart{laneFloat16(p[0]), laneFloat16(p[1]), laneFloat16(p[2]), laneFloat16(p[3])};
}

#endif
#endif

inline constexpr int kPartLanes = kLanes / kParts;

struct F32x16 {
  FloatPart v[kParts];
};
struct I32x16 {
  IntPart v[kParts];
};
struct Mask16 {
  IntPart m[kParts];
};

#define GEMMULE_EACH_PART _Pragma("GCC unroll 4") for (int i = 0; i < kParts; ++i)

GEMMULE_INLINE F32x16 broadcast(float x) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partBroadcast(x);
  return r;
}
GEMMULE_INLINE F32x16 zero() { return broadcast(0.0f); }
GEMMULE_INLINE F32x16 load(const float* p) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partLoad(p + i * kPartLanes);
  return r;
}
GEMMULE_INLINE void store(float* p, F32x16 a) { GEMMULE_EACH_PART partStore(p + i * kPartLanes, a.v[i]); }
GEMMULE_INLINE F32x16 loadPartial(const float* p, int n) {
  alignas(64) float lanes[kLanes] = {};
  std::memcpy(lanes, p, sizeof(float) * static_cast<std::size_t>(n));
  return load(lanes);
}
GEMMULE_INLINE void storePartial(float* p, F32x16 a, int n) {
  alignas(64) float lanes[kLanes];
  store(lanes, a);
  std::memcpy(p, lanes, sizeof(float) * static_cast<std::size_t>(n));
}

GEMMULE_INLINE F32x16 add(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] + b.v[i];
  return a;
}
GEMMULE_INLINE F32x16 sub(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] - b.v[i];
  return a;
}
GEMMULE_INLINE F32x16 mul(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] * b.v[i];
  return a;
}
GEMMULE_INLINE F32x16 div(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] / b.v[i];
  return a;
}
GEMMULE_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  GEMMULE_EACH_PART c.v[i] = partFma(a.v[i], b.v[i], c.v[i]);
  return c;
}
GEMMULE_INLINE F32x16 sqrt(F32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partSqrt(a.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 max(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = partMax(a.v[i], b.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 min(F32x16 a, F32x16 b) {
  GEMMULE_EACH_PART a.v[i] = partMin(a.v[i], b.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 roundEven(F32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partRoundEven(a.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 floor(F32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partFloor(a.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 ceil(F32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partCeil(a.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 trunc(F32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partTrunc(a.v[i]);
  return a;
}

GEMMULE_INLINE Mask16 less(F32x16 a, F32x16 b) {
  Mask16 r;
  GEMMULE_EACH_PART r.m[i] = partLess(a.v[i], b.v[i]);
  return r;
}
GEMMULE_INLINE Mask16 lessEqual(F32x16 a, F32x16 b) {
  Mask16 r;
  GEMMULE_EACH_PART r.m[i] = partLessEqual(a.v[i], b.v[i]);
  return r;
}
GEMMULE_INLINE Mask16 equal(F32x16 a, F32x16 b) {
  Mask16 r;
  GEMMULE_EACH_PART r.m[i] = partEqual(a.v[i], b.v[i]);
  return r;
}
GEMMULE_INLINE Mask16 isNaN(F32x16 a) {
  Mask16 r;
  GEMMULE_EACH_PART r.m[i] = ~partEqual(a.v[i], a.v[i]);
  return r;
}
GEMMULE_INLINE F32x16 select(Mask16 m, F32x16 yes, F32x16 no) {
  GEMMULE_EACH_PART no.v[i] = partSelect(m.m[i], yes.v[i], no.v[i]);
  return no;
}
GEMMULE_INLINE unsigned maskBits(Mask16 m) {
  unsigned bits = 0;
  GEMMULE_EACH_PART bits |= partMaskBits(m.m[i]) << (i * kPartLanes);
  return bits;
}

GEMMULE_INLINE I32x16 broadcastInt(std::int32_t x) {
  I32x16 r;
  GEMMULE_EACH_PART r.v[i] = partBroadcastInt(x);
  return r;
}
GEMMULE_INLINE I32x16 loadInt(const std::int32_t* p) {
  I32x16 r;
  GEMMULE_EACH_PART r.v[i] = partLoadInt(p + i * kPartLanes);
  return r;
}
GEMMULE_INLINE void storeInt(std::int32_t* p, I32x16 a) { GEMMULE_EACH_PART partStoreInt(p + i * kPartLanes, a.v[i]); }
GEMMULE_INLINE I32x16 addInt(I32x16 a, I32x16 b) {
  GEMMULE_EACH_PART a.v[i] = partAddInt(a.v[i], b.v[i]);
  return a;
}
GEMMULE_INLINE I32x16 subInt(I32x16 a, I32x16 b) {
  GEMMULE_EACH_PART a.v[i] = partSubInt(a.v[i], b.v[i]);
  return a;
}
GEMMULE_INLINE I32x16 andInt(I32x16 a, I32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] & b.v[i];
  return a;
}
GEMMULE_INLINE I32x16 orInt(I32x16 a, I32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] | b.v[i];
  return a;
}
GEMMULE_INLINE I32x16 xorInt(I32x16 a, I32x16 b) {
  GEMMULE_EACH_PART a.v[i] = a.v[i] ^ b.v[i];
  return a;
}
template <int kBits>
GEMMULE_INLINE I32x16 shiftLeft(I32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partShiftLeft<kBits>(a.v[i]);
  return a;
}
template <int kBits>
GEMMULE_INLINE I32x16 shiftRightArithmetic(I32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partShiftRightArithmetic<kBits>(a.v[i]);
  return a;
}
template <int kBits>
GEMMULE_INLINE I32x16 shiftRightLogical(I32x16 a) {
  GEMMULE_EACH_PART a.v[i] = partShiftRightLogical<kBits>(a.v[i]);
  return a;
}
GEMMULE_INLINE F32x16 toFloat(I32x16 a) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partToFloat(a.v[i]);
  return r;
}
GEMMULE_INLINE I32x16 toIntRounded(F32x16 a) {
  I32x16 r;
  GEMMULE_EACH_PART r.v[i] = partToIntRounded(a.v[i]);
  return r;
}
GEMMULE_INLINE F32x16 lookUp(const float* table, I32x16 places) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partLookUp(table, places.v[i]);
  return r;
}
GEMMULE_INLINE I32x16 bitsOf(F32x16 a) {
  I32x16 r;
  GEMMULE_EACH_PART r.v[i] = partBitsOf(a.v[i]);
  return r;
}
GEMMULE_INLINE F32x16 floatOf(I32x16 a) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partFloatOf(a.v[i]);
  return r;
}
GEMMULE_INLINE F32x16 loadFloat16(const std::uint16_t* p) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partLoadFloat16(p + i * kPartLanes);
  return r;
}
GEMMULE_INLINE F32x16 loadBfloat16(const std::uint16_t* p) {
  F32x16 r;
  GEMMULE_EACH_PART r.v[i] = partLoadBfloat16(p + i * kPartLanes);
  return r;
}

// Lanes must fit the narrower type.
#if defined(GEMMULE_SIMD_AVX2)
GEMMULE_INLINE void storeNarrow(std::int16_t* p, I32x16 a) {
  // Packing works within halves of a register: put their quarters back in order.
  const __m256i packed = _mm256_packs_epi32(a.v[0], a.v[1]);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
#else
GEMMULE_INLINE void storeNarrow(std::int16_t* p, I32x16 a) {
  alignas(64) std::int32_t lanes[kLanes];
  storeInt(lanes, a);
  for (int lane = 0; lane < kLanes; ++lane) p[lane] = static_cast<std::int16_t>(lanes[lane]);
}
#endif
GEMMULE_INLINE void storeNarrow(std::int8_t* p, I32x16 a) {
  alignas(64) std::int32_t lanes[kLanes];
  storeInt(lanes, a);
  for (int lane = 0; lane < kLanes; ++lane) p[lane] = static_cast<std::int8_t>(lanes[lane]);
}
GEMMULE_INLINE std::int32_t sumIntLanes(I32x16 a) {
  alignas(64) std::int32_t lanes[kLanes];
  storeInt(lanes, a);
  std::int32_t sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

GEMMULE_INLINE float sumLanes(F32x16 a) {
#if defined(GEMMULE_SIMD_AVX2)
  return sumOfEight(_mm256_add_ps(a.v[0], a.v[1]));
#else
  const FloatPart four = (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
  return (four[0] + four[2]) + (four[1] + four[3]);
#endif
}
GEMMULE_INLINE float maxLanes(F32x16 a) {
#if defined(GEMMULE_SIMD_AVX2)
  return maxOfEight(_mm256_max_ps(a.v[0], a.v[1]));
#else
  const FloatPart four = partMax(partMax(a.v[0], a.v[2]), partMax(a.v[1], a.v[3]));
  const float even = four[0] > four[2] ? four[0] : four[2];
  const float odd = four[1] > four[3] ? four[1] : four[3];
  return even > odd ? even : odd;
#endif
}

#if defined(GEMMULE_SIMD_AVX2)
// 8 rows of 8.
GEMMULE_INLINE void transposeEight(const float* rows, std::int64_t stride, int count, float* columns) {
  __m256 r[8], pairs[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = i < count ? _mm256_loadu_ps(rows + i * stride) : _mm256_setzero_ps();
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(columns + i * kLanes, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(columns + (i + 4) * kLanes, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
GEMMULE_INLINE void transposeRows(const float* rows, std::int64_t stride, int count, float* columns) {
  for (int half = 0; half < 2; ++half) {
    for (int part = 0; part < 2; ++part) {
      transposeEight(rows + half * 8 * stride + part * 8, stride, count - half * 8,
                     columns + part * 8 * kLanes + half * 8);
    }
  }
}
#else
GEMMULE_INLINE void transposeRows(const float* rows, std::int64_t stride, int count, float* columns) {
  for (int row = 0; row < kLanes; ++row) {
    for (int n = 0; n < kLanes; ++n) columns[n * kLanes + row] = row < count ? rows[row * stride + n] : 0.0f;
  }
}
#endif

GEMMULE_INLINE void loadColumns(const float* rows, std::int64_t stride, F32x16 (&columns)[kColumnsAtOnce]) {
  GEMMULE_EACH_PART {
    const float* p = rows + i * kPartLanes * stride;
    const FloatPart r0 = partLoadQuarters(p, stride), r1 = partLoadQuarters(p + stride, stride);
    const FloatPart r2 = partLoadQuarters(p + 2 * stride, stride), r3 = partLoadQuarters(p + 3 * stride, stride);
    const FloatPart even0 = partInterleaveLow(r0, r2), odd0 = partInterleaveLow(r1, r3);
    const FloatPart even1 = partInterleaveHigh(r0, r2), odd1 = partInterleaveHigh(r1, r3);
    columns[0].v[i] = partInterleaveLow(even0, odd0);
    columns[1].v[i] = partInterleaveHigh(even0, odd0);
    columns[2].v[i] = partInterleaveLow(even1, odd1);
    columns[3].v[i] = partInterleaveHigh(even1, odd1);
  }
}

#endif

// ---- On top of either ----

GEMMULE_INLINE F32x16 negate(F32x16 a) { return floatOf(xorInt(bitsOf(a), broadcastInt(INT32_MIN))); }
GEMMULE_INLINE F32x16 abs(F32x16 a) { return floatOf(andInt(bitsOf(a), broadcastInt(INT32_MAX))); }
GEMMULE_INLINE F32x16 copySign(F32x16 magnitude, F32x16 sign) {
  return floatOf(
      orInt(andInt(bitsOf(magnitude), broadcastInt(INT32_MAX)), andInt(bitsOf(sign), broadcastInt(INT32_MIN))));
}

// Lanes beyond the first n are zero, or are not stored.
GEMMULE_INLINE F32x16 loadUpTo(const float* p, std::int64_t n) {
  return n >= kLanes ? load(p) : loadPartial(p, static_cast<int>(n));
}
GEMMULE_INLINE void storeUpTo(float* p, F32x16 a, std::int64_t n) {
  if (n >= kLanes) {
    store(p, a);
  } else {
    storePartial(p, a, static_cast<int>(n));
  }
}

// Marks lanes in which a value is not finite: zero times a number is zero where that is finite, and NaN where it is
// not.
GEMMULE_INLINE F32x16 markNonFinite(F32x16 marks, F32x16 value) { return fma(value, zero(), marks); }
GEMMULE_INLINE bool noneMarked(F32x16 marks) { return maskBits(isNaN(marks)) == 0; }

inline constexpr std::int64_t kCacheLine = 64;

// Results of one call of at least so many bytes go past the caches: nothing would be left in them of its beginning, and
// the processor need not read the lines that it writes.
inline constexpr std::int64_t kStreamBytes = std::int64_t{4} << 20;

// Writes a cache line, which `to` is aligned to, past the caches where the instruction set can.
GEMMULE_INLINE void streamLine(void* to, const void* line) {
#if defined(GEMMULE_SIMD_AVX512)
  _mm512_stream_si512(static_cast<__m512i*>(to), _mm512_load_si512(line));
#elif defined(GEMMULE_SIMD_AVX2)
  for (int half = 0; half < 2; ++half) {
    _mm256_stream_si256(static_cast<__m256i*>(to) + half, _mm256_load_si256(static_cast<const __m256i*>(line) + half));
  }
#else
  std::memcpy(to, line, kCacheLine);
#endif
}

// Whole lines of y from element n on, where one begins, past the caches; `fill(n, line)` makes each. Returns where the
// rest begins.
template <typename T, typename Fill>
GEMMULE_INLINE std::int64_t streamLines(T* y, std::int64_t n, std::int64_t count, const Fill& fill) {
  constexpr std::int64_t kLine = kCacheLine / static_cast<std::int64_t>(sizeof(T));
  for (; n + kLine <= count; n += kLine) {
    alignas(kCacheLine) T line[kLine];
    fill(n, line);
    streamLine(y + n, line);
  }
#if defined(GEMMULE_SIMD_AVX512) || defined(GEMMULE_SIMD_AVX2)
  // Before other threads may see them.
  _mm_sfence();
#endif
  return n;
}

// y[n] = element(n), past the caches where that is much.
template <typename T, typename Element>
GEMMULE_INLINE void storeElements(T* __restrict y, std::int64_t count, const Element& element) {
  std::int64_t n = 0;
  if (count * static_cast<std::int64_t>(sizeof(T)) >= kStreamBytes) {
    for (; reinterpret_cast<std::uintptr_t>(y + n) % kCacheLine != 0; ++n) y[n] = element(n);
    n = streamLines(y, n, count, [&](std::int64_t first, T* line) {
      for (std::int64_t each = 0; each < kCacheLine / static_cast<std::int64_t>(sizeof(T)); ++each) {
        line[each] = element(first + each);
      }
    });
  }
  for (; n < count; ++n) y[n] = element(n);
}

GEMMULE_INLINE F32x16 loadFloat16Partial(const std::uint16_t* p, int n) {
  std::uint16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, sizeof(std::uint16_t) * static_cast<std::size_t>(n));
  return loadFloat16(lanes);
}
GEMMULE_INLINE F32x16 loadBfloat16Partial(const std::uint16_t* p, int n) {
  std::uint16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, sizeof(std::uint16_t) * static_cast<std::size_t>(n));
  return loadBfloat16(lanes);
}

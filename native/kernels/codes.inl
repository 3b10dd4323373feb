// Implements kernels/codes.h; included once a target by kernels/targets.

// The sums of codes times centred queries over the first columns that fill whole vectors; returns how many those are.
template <int kQueries>
GEMMULE_INLINE std::int64_t sumCodeVectors(const std::uint8_t* codes, const std::int16_t* const* queries,
                                           std::int64_t columns, std::int32_t (&sums)[kQueries]) {
#if defined(GEMMULE_SIMD_AVX512)
  __m512i sum[kQueries];
#pragma GCC unroll 4
  for (int q = 0; q < kQueries; ++q) sum[q] = _mm512_setzero_si512();
  std::int64_t n = 0;
  for (; n + 32 <= columns; n += 32) {
    const __m512i c = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + n)));
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      sum[q] = _mm512_add_epi32(sum[q], _mm512_madd_epi16(c, _mm512_loadu_si512(queries[q] + n)));
    }
  }
  for (int q = 0; q < kQueries; ++q) sums[q] = _mm512_reduce_add_epi32(sum[q]);
  return n;
#elif defined(GEMMULE_SIMD_AVX2)
  __m256i sum[kQueries];
#pragma GCC unroll 4
  for (int q = 0; q < kQueries; ++q) sum[q] = _mm256_setzero_si256();
  std::int64_t n = 0;
  for (; n + 16 <= columns; n += 16) {
    const __m256i c = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + n)));
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(queries[q] + n));
      sum[q] = _mm256_add_epi32(sum[q], _mm256_madd_epi16(c, values));
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    std::int32_t lanes[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sum[q]);
    sums[q] = 0;
    for (const std::int32_t lane : lanes) sums[q] += lane;
  }
  return n;
#else
  for (int q = 0; q < kQueries; ++q) sums[q] = 0;
  (void)codes;
  (void)queries;
  (void)columns;
  return 0;
#endif
}

// The codes are summed as they are, from 0 to 255; what their zero adds is the same for every row.
template <int kQueries>
inline void codeProductsOf(const CodeRows& rows, const float* scales, float* const* y) {
  std::int32_t excess[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    std::int32_t sum = 0;
    for (std::int64_t n = 0; n < rows.columns; ++n) sum += rows.centred[q][n];
    excess[q] = kCodeZero * sum;
  }
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const std::uint8_t* codes = rows.codes + row * rows.rowStride;
    std::int32_t sums[kQueries];
    const std::int64_t done = sumCodeVectors<kQueries>(codes, rows.centred, rows.columns, sums);
    for (int q = 0; q < kQueries; ++q) {
      std::int32_t sum = sums[q];
      for (std::int64_t n = done; n < rows.columns; ++n) {
        sum += static_cast<std::int32_t>(rows.centred[q][n]) * static_cast<std::int32_t>(codes[n]);
      }
      y[q][row] = static_cast<float>(sum - excess[q]) * scales[row];
    }
  }
}

inline void codeProducts(const CodeRows& rows, const float* scales, float* const* y) {
  switch (rows.queries) {
    case 1:
      return codeProductsOf<1>(rows, scales, y);
    case 2:
      return codeProductsOf<2>(rows, scales, y);
    case 3:
      return codeProductsOf<3>(rows, scales, y);
    default:
      return codeProductsOf<4>(rows, scales, y);
  }
}

inline void codeHamming(const CodeRows& rows, std::int32_t* const* y) {
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const std::uint8_t* codes = rows.codes + row * rows.rowStride;
    for (int q = 0; q < rows.queries; ++q) {
      std::int32_t bits = 0;
      std::int64_t n = 0;
      for (; n + 8 <= rows.columns; n += 8) {
        std::uint64_t a;
        std::uint64_t b;
        std::memcpy(&a, codes + n, sizeof a);
        std::memcpy(&b, rows.bytes[q] + n, sizeof b);
        bits += __builtin_popcountll(a ^ b);
      }
      for (; n < rows.columns; ++n) {
        bits += __builtin_popcountll(static_cast<std::uint64_t>(codes[n] ^ rows.bytes[q][n]));
      }
      y[q][row] = bits;
    }
  }
}

inline constexpr CodeKernels kCodeKernels = {codeProducts, codeHamming};

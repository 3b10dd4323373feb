// Implements kernels/gemm_int8.h; included by kernels/targets after gemm.inl, twice for AVX-512: with and without VNNI
// (GEMMULE_INT8_VNNI), each in a namespace of its own.

#if defined(GEMMULE_INT8_VNNI)
using Int8Activation = std::int8_t;
inline constexpr Int8Layout kInt8Layout = Int8Layout::kQuadruples;
#else
using Int8Activation = std::int16_t;
inline constexpr Int8Layout kInt8Layout = Int8Layout::kPairs;
#endif

#if defined(GEMMULE_SIMD_AVX512)
inline constexpr int kInt8Rows = 6;
inline constexpr int kInt8Panels = 2;
#elif defined(GEMMULE_SIMD_BASELINE)
inline constexpr int kInt8Rows = 1;
inline constexpr int kInt8Panels = 1;
#else
inline constexpr int kInt8Rows = 4;
inline constexpr int kInt8Panels = 1;
#endif

// Numbers 16 * part to 16 * part + 15 of a group, of which `count` are real: times the input scale, zeros beyond.
template <bool kScaled, bool kWhole>
GEMMULE_INLINE F32x16 groupPart(const float* x, const float* inputScale, int part, int count) {
  const int left = kWhole ? kLanes : count - part * kLanes;
  if (left <= 0) return zero();
  const F32x16 value = loadUpTo(x + part * kLanes, left);
  return kScaled ? mul(value, loadUpTo(inputScale + part * kLanes, left)) : value;
}

// The largest magnitude in a group; NaN where a number is not finite.
template <bool kScaled, bool kWhole>
GEMMULE_INLINE float greatestOfGroup(const float* x, const float* inputScale, int count) {
  F32x16 greatest = zero();
  F32x16 marks = zero();
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
    const F32x16 value = groupPart<kScaled, kWhole>(x, inputScale, part, count);
    greatest = max(greatest, abs(value));
    marks = markNonFinite(marks, value);
  }
  return noneMarked(marks) ? maxLanes(greatest) : NAN;
}

// Stores 64 numbers; `correction`, for the layout that has it, gets minus 128 times their sum.
GEMMULE_INLINE void storeGroup(Int8Activation* quantized, const I32x16 (&integers)[4],
                               [[maybe_unused]] std::int32_t* correction) {
#if defined(GEMMULE_INT8_VNNI)
  // Packing goes by quarters of registers: four numbers of each of the four, four times.
  const __m512i packed = _mm512_packs_epi16(_mm512_packs_epi32(integers[0].v, integers[1].v),
                                            _mm512_packs_epi32(integers[2].v, integers[3].v));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(quantized, _mm512_permutexvar_epi32(order, packed));
  *correction = -128 * sumIntLanes({_mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), packed)});
#else
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) storeNarrow(quantized + part * kLanes, integers[part]);
#endif
}

// Rounds a group by its greatest magnitude, which is in `scale` and makes place for its scale.
template <bool kScaled, bool kWhole>
GEMMULE_INLINE void roundGroup(const float* x, const float* inputScale, int count, Int8Activation* quantized,
                               float* scale, std::int32_t* correction) {
  const float greatest = *scale;
  const float inverse = 127.0f / greatest;
  I32x16 integers[4];
  // Not so for a NaN, nor for zeros and what is next to them.
  if (inverse <= 3.40282347e+38f) {
    *scale = greatest / 127.0f;
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) {
      const F32x16 value = groupPart<kScaled, kWhole>(x, inputScale, part, count);
      integers[part] = toIntRounded(mul(value, broadcast(inverse)));
    }
  } else {
    *scale = greatest != greatest ? NAN : 0.0f;
    for (I32x16& part : integers) part = broadcastInt(0);
  }
  storeGroup(quantized, integers, correction);
}

// Twice through the row: in one go, each group would wait for its greatest magnitude.
template <bool kScaled>
void quantizeRow(const float* x, const float* inputScale, std::int64_t depth, Int8Activation* quantized, float* scales,
                 std::int32_t* corrections) {
  const std::int64_t whole = depth / kInt8Group;
  const std::int64_t rest = whole * kInt8Group;
  const int left = static_cast<int>(depth - rest);
  for (std::int64_t group = 0; group < whole; ++group) {
    const std::int64_t k = group * kInt8Group;
    scales[group] = greatestOfGroup<kScaled, true>(x + k, kScaled ? inputScale + k : nullptr, kInt8Group);
  }
  for (std::int64_t group = 0; group < whole; ++group) {
    const std::int64_t k = group * kInt8Group;
    roundGroup<kScaled, true>(x + k, kScaled ? inputScale + k : nullptr, kInt8Group, quantized + k, scales + group,
                              corrections == nullptr ? nullptr : corrections + group);
  }
  if (left == 0) return;
  const float* inputScales = kScaled ? inputScale + rest : nullptr;
  scales[whole] = greatestOfGroup<kScaled, false>(x + rest, inputScales, left);
  roundGroup<kScaled, false>(x + rest, inputScales, left, quantized + rest, scales + whole,
                             corrections == nullptr ? nullptr : corrections + whole);
}

inline void quantizeInt8(const Int8Rows& rows) {
  const std::int64_t groups = (rows.depth + kInt8Group - 1) / kInt8Group;
  const auto quantize = rows.inputScale == nullptr ? quantizeRow<false> : quantizeRow<true>;
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    quantize(rows.x + row * rows.xStride, rows.inputScale, rows.depth,
             static_cast<Int8Activation*>(rows.quantized) + row * groups * kInt8Group, rows.scales + row * groups,
             rows.corrections == nullptr ? nullptr : rows.corrections + row * groups);
  }
}

// Adds in place. Compilers that are left to themselves (GCC 12, for one) rotate the sums of an unrolled loop through
// other registers and even through the stack, which costs half the speed.
#if defined(GEMMULE_SIMD_AVX512)
GEMMULE_INLINE void addInPlace(__m512i& sum, __m512i value) { asm("vpaddd %1, %0, %0" : "+v"(sum) : "v"(value)); }
#elif defined(GEMMULE_SIMD_AVX2)
GEMMULE_INLINE void addInPlace(__m256i& sum, __m256i value) { asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(value)); }
#endif
#if defined(GEMMULE_INT8_VNNI)
GEMMULE_INLINE void dotInPlace(__m512i& sum, __m512i bytes, __m512i signedBytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(signedBytes));
}
#endif

// Integer sums over one group: sum[r][p] += activations of row r times weights of panel p, from what they hold on
// entry.
template <int kRows, int kPanels>
GEMMULE_INLINE void sumGroup(const Int8Activation* const (&x)[kRows], const std::byte* const (&weights)[kPanels],
                             I32x16 (&sum)[kRows][kPanels]) {
#if defined(GEMMULE_INT8_VNNI)
  for (std::int64_t step = 0; step < kInt8Group / 4; ++step) {
    __m512i w[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) w[p] = _mm512_loadu_si512(weights[p] + step * 64);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      std::int32_t quadruple;
      std::memcpy(&quadruple, x[r] + step * 4, sizeof quadruple);
      const __m512i value = _mm512_set1_epi32(quadruple);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) dotInPlace(sum[r][p].v, w[p], value);
    }
  }
#elif defined(GEMMULE_SIMD_AVX512)
  for (std::int64_t step = 0; step < kInt8Group / 2; ++step) {
    __m512i w[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      w[p] = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights[p] + step * 32)));
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, x[r] + step * 2, sizeof pair);
      const __m512i value = _mm512_set1_epi32(pair);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) addInPlace(sum[r][p].v, _mm512_madd_epi16(w[p], value));
    }
  }
#elif defined(GEMMULE_SIMD_AVX2)
  static_assert(kPanels == 1);
  for (std::int64_t step = 0; step < kInt8Group / 2; ++step) {
    const __m128i* bytes = reinterpret_cast<const __m128i*>(weights[0] + step * 32);
    const __m256i low = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
    const __m256i high = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes + 1));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, x[r] + step * 2, sizeof pair);
      const __m256i value = _mm256_set1_epi32(pair);
      addInPlace(sum[r][0].v[0], _mm256_madd_epi16(low, value));
      addInPlace(sum[r][0].v[1], _mm256_madd_epi16(high, value));
    }
  }
#else
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      alignas(64) std::int32_t lanes[kLanes];
      storeInt(lanes, sum[r][p]);
      for (std::int64_t step = 0; step < kInt8Group / 2; ++step) {
        const std::int8_t* w = reinterpret_cast<const std::int8_t*>(weights[p]) + step * 32;
        const std::int32_t first = x[r][step * 2];
        const std::int32_t second = x[r][step * 2 + 1];
        for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += first * w[2 * lane] + second * w[2 * lane + 1];
      }
      sum[r][p] = loadInt(lanes);
    }
  }
#endif
}

// One register tile. The float sums of all groups would not fit the registers beside the integer ones on AVX2: they
// stay in the first-level cache.
template <int kRows, int kPanels>
void int8Tile(const Int8Block& block, std::int64_t row, std::int64_t panel) {
  const std::int64_t groups = block.groups;
  F32x16 total[kRows][kPanels];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) total[r][p] = zero();
  }
  for (std::int64_t group = 0; group < groups; ++group) {
    const Int8Activation* x[kRows];
    I32x16 sum[kRows][kPanels];
    const std::byte* weights[kPanels];
    const std::int64_t first = row * groups + group;
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      weights[p] = block.panels + ((panel + p) * groups + group) * kInt8GroupBytes + 64;
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      x[r] = static_cast<const Int8Activation*>(block.quantized) + (first + r * groups) * kInt8Group;
#if defined(GEMMULE_INT8_VNNI)
      const I32x16 start = broadcastInt(block.corrections[first + r * groups]);
#else
      const I32x16 start = broadcastInt(0);
#endif
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) sum[r][p] = start;
    }
    sumGroup<kRows, kPanels>(x, weights, sum);
    F32x16 weightScale[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) weightScale[p] = load(reinterpret_cast<const float*>(weights[p] - 64));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const F32x16 scale = broadcast(block.scales[first + r * groups]);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) {
        total[r][p] = fma(toFloat(sum[r][p]), mul(scale, weightScale[p]), total[r][p]);
      }
    }
  }
  storeSums<kRows, kPanels>(block.epilogue, total, row, panel, block.columns);
}

template <int kRows, int kPanels>
void int8TileRows(int rows, const Int8Block& block, std::int64_t row, std::int64_t panel) {
  if (rows == kRows) {
    int8Tile<kRows, kPanels>(block, row, panel);
  } else if constexpr (kRows > 1) {
    int8TileRows<kRows - 1, kPanels>(rows, block, row, panel);
  }
}

template <int kRows, int kPanels>
void int8Columns(const Int8Block& block, std::int64_t panel) {
  const std::int64_t tiles = (block.rows + kRows - 1) / kRows;
  std::int64_t row = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t rows = (block.rows - row) / (tiles - tile);
    int8TileRows<kRows, kPanels>(static_cast<int>(rows), block, row, panel);
    row += rows;
  }
}

inline void multiplyInt8(const Int8Block& block) {
  const std::int64_t panels = (block.columns + kLanes - 1) / kLanes;
  std::int64_t panel = 0;
#if defined(GEMMULE_SIMD_AVX512)
  if (block.rows <= 2) {
    for (; panel + 4 <= panels; panel += 4) int8Columns<2, 4>(block, panel);
  }
#endif
  for (; panel + kInt8Panels <= panels; panel += kInt8Panels) int8Columns<kInt8Rows, kInt8Panels>(block, panel);
  for (; panel < panels; ++panel) int8Columns<kInt8Rows, 1>(block, panel);
}

inline constexpr Int8Kernels kInt8Kernels = {kInt8Layout, quantizeInt8, multiplyInt8};

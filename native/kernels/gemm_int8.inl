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

// The scale of a group with greatest magnitude `greatest`, and what to multiply its numbers with.
struct GroupScale {
  float scale;
  float inverse;
};

inline GroupScale groupScale(float greatest, bool finite) {
  if (!finite) return {NAN, 0.0f};
  const float inverse = 127.0f / greatest;
  return inverse <= 3.40282347e+38f ? GroupScale{greatest / 127.0f, inverse} : GroupScale{0.0f, 0.0f};
}

inline void quantizeGroup(const float* x, const float* inputScale, int count, Int8Activation* quantized, float* scale,
                          std::int32_t* correction) {
  F32x16 values[4];
  F32x16 greatest = zero();
  // x - x is zero for finite numbers and NaN for others.
  F32x16 difference = zero();
#pragma GCC unroll 4
  for (int n = 0; n < 4; ++n) {
    const int left = count - n * kLanes;
    values[n] = left > 0 ? loadUpTo(x + n * kLanes, left) : zero();
    if (inputScale != nullptr && left > 0) values[n] = mul(values[n], loadUpTo(inputScale + n * kLanes, left));
    greatest = max(greatest, abs(values[n]));
    difference = add(difference, sub(values[n], values[n]));
  }
  const bool finite = maskBits(isNaN(difference)) == 0;
  const GroupScale group = groupScale(maxLanes(greatest), finite);
  *scale = group.scale;
  I32x16 sum = broadcastInt(0);
#pragma GCC unroll 4
  for (int n = 0; n < 4; ++n) {
    const I32x16 integers = finite ? toIntRounded(mul(values[n], broadcast(group.inverse))) : broadcastInt(0);
    storeNarrow(quantized + n * kLanes, integers);
    sum = addInt(sum, integers);
  }
  if (correction != nullptr) *correction = -128 * sumIntLanes(sum);
}

inline void quantizeInt8(const Int8Rows& rows) {
  const std::int64_t groups = (rows.depth + kInt8Group - 1) / kInt8Group;
  Int8Activation* quantized = static_cast<Int8Activation*>(rows.quantized);
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t left = rows.depth - group * kInt8Group;
      const std::int64_t index = row * groups + group;
      const float* inputScale = rows.inputScale == nullptr ? nullptr : rows.inputScale + group * kInt8Group;
      quantizeGroup(rows.x + row * rows.xStride + group * kInt8Group, inputScale,
                    static_cast<int>(left < kInt8Group ? left : kInt8Group), quantized + index * kInt8Group,
                    rows.scales + index, rows.corrections == nullptr ? nullptr : rows.corrections + index);
    }
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

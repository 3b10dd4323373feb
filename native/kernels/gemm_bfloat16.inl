// Implements kernels/gemm_bfloat16.h; included by kernels/targets after gemm.inl, twice for AVX-512: with and without
// the instructions of AVX512_BF16 (GEMMULE_BFLOAT16_DOT), each in a namespace of its own.

#if defined(GEMMULE_SIMD_AVX512)
inline constexpr int kBfloat16Rows = 12;
inline constexpr int kBfloat16Panels = 2;
#elif defined(GEMMULE_SIMD_BASELINE)
inline constexpr int kBfloat16Rows = 2;
inline constexpr int kBfloat16Panels = 1;
#else
inline constexpr int kBfloat16Rows = 4;
inline constexpr int kBfloat16Panels = 1;
#endif

#if defined(GEMMULE_BFLOAT16_DOT)
// Adds in place: left to itself, GCC 12 moves the sums of an unrolled loop from register to register.
GEMMULE_INLINE void dotInPlace(__m512& sum, __m512i pairs, __m512i others) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(pairs), "v"(others));
}
#endif

// Sums of one pair of k: sum[r][p] += pair of row r times the pairs of panel p.
template <int kRows, int kPanels>
GEMMULE_INLINE void addPair(const std::uint16_t* const (&x)[kRows], const std::uint16_t* const (&weights)[kPanels],
                            std::int64_t pair, F32x16 (&sum)[kRows][kPanels]) {
#if defined(GEMMULE_BFLOAT16_DOT)
  __m512i w[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) w[p] = _mm512_loadu_si512(weights[p] + pair * 32);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    std::int32_t both;
    std::memcpy(&both, x[r] + pair * 2, sizeof both);
    const __m512i value = _mm512_set1_epi32(both);
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) dotInPlace(sum[r][p].v, w[p], value);
  }
#else
  F32x16 odd[kPanels];
  F32x16 even[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
    std::int32_t lanes[kLanes];
    std::memcpy(lanes, weights[p] + pair * 32, sizeof lanes);
    const I32x16 both = loadInt(lanes);
    odd[p] = floatOf(andInt(both, broadcastInt(static_cast<std::int32_t>(0xffff0000u))));
    even[p] = floatOf(shiftLeft<16>(both));
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const F32x16 oddValue = broadcast(std::bit_cast<float>(static_cast<std::uint32_t>(x[r][pair * 2 + 1]) << 16));
    const F32x16 evenValue = broadcast(std::bit_cast<float>(static_cast<std::uint32_t>(x[r][pair * 2]) << 16));
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      sum[r][p] = fma(evenValue, even[p], fma(oddValue, odd[p], sum[r][p]));
    }
  }
#endif
}

template <int kRows, int kPanels>
void bfloat16Tile(const Bfloat16Block& block, std::int64_t row, std::int64_t panel) {
  const std::uint16_t* x[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) x[r] = block.x + (row + r) * block.pairs * 2;
  const std::uint16_t* weights[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) weights[p] = block.panels + (panel + p) * block.pairs * 32;
  F32x16 sum[kRows][kPanels];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) sum[r][p] = zero();
  }
  // In parentheses, so that the function of this namespace is taken, and not also that of the one around it.
  for (std::int64_t pair = 0; pair < block.pairs; ++pair) (addPair<kRows, kPanels>)(x, weights, pair, sum);
  storeSums<kRows, kPanels>(block.epilogue, sum, row, panel, block.columns);
}

template <int kRows, int kPanels>
void bfloat16TileRows(int rows, const Bfloat16Block& block, std::int64_t row, std::int64_t panel) {
  if (rows == kRows) {
    bfloat16Tile<kRows, kPanels>(block, row, panel);
  } else if constexpr (kRows > 1) {
    bfloat16TileRows<kRows - 1, kPanels>(rows, block, row, panel);
  }
}

template <int kRows, int kPanels>
void bfloat16Columns(const Bfloat16Block& block, std::int64_t panel) {
  const std::int64_t tiles = (block.rows + kRows - 1) / kRows;
  std::int64_t row = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t rows = (block.rows - row) / (tiles - tile);
    bfloat16TileRows<kRows, kPanels>(static_cast<int>(rows), block, row, panel);
    row += rows;
  }
}

inline void multiplyBfloat16(const Bfloat16Block& block) {
  const std::int64_t panels = (block.columns + kLanes - 1) / kLanes;
  std::int64_t panel = 0;
#if defined(GEMMULE_SIMD_AVX512)
  // Few rows: wider tiles, so that there are enough independent sums.
  if (block.rows <= 6) {
    for (; panel + 4 <= panels; panel += 4) bfloat16Columns<6, 4>(block, panel);
  }
#endif
  for (; panel + kBfloat16Panels <= panels; panel += kBfloat16Panels) {
    bfloat16Columns<kBfloat16Rows, kBfloat16Panels>(block, panel);
  }
  for (; panel < panels; ++panel) bfloat16Columns<kBfloat16Rows, 1>(block, panel);
}

inline constexpr Bfloat16Kernels kBfloat16Kernels = {multiplyBfloat16};

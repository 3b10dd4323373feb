// Implements kernels/gemm.h; included once a target by kernels/targets.

#if defined(GEMMULE_SIMD_AVX512)
inline constexpr int kTileRows = 12;
inline constexpr int kTilePanels = 2;
inline constexpr int kFewRowsPanels = 4;
#elif defined(GEMMULE_SIMD_BASELINE)
inline constexpr int kTileRows = 2;
inline constexpr int kTilePanels = 1;
#else
inline constexpr int kTileRows = 6;
inline constexpr int kTilePanels = 1;
inline constexpr int kFewRowsPanels = 2;
#endif

GEMMULE_INLINE F32x16 loadWeights(const float* p) { return load(p); }
GEMMULE_INLINE F32x16 loadWeights(const std::uint16_t* p) { return loadBfloat16(p); }

template <Activation kActivation>
GEMMULE_INLINE F32x16 activate(F32x16 value) {
  if constexpr (kActivation == Activation::kRelu) return max(value, zero());
  if constexpr (kActivation == Activation::kGelu) return gelu(value);
  if constexpr (kActivation == Activation::kGeluTanh) return geluTanh(value);
  if constexpr (kActivation == Activation::kSilu) return silu(value);
  if constexpr (kActivation == Activation::kTanh) return tanh(value);
  return value;
}

// Where a tile goes: `y = activation(sums) + residual`, of which some columns are real.
struct TileResult {
  const float* residual;
  std::int64_t residualStride;
  float* y;
  std::int64_t yStride;
  std::int64_t columns;
};

// From sums [rows, width] that lie side by side, in the first-level cache.
template <Activation kActivation>
void finishTile(const float* sums, std::int64_t rows, std::int64_t width, const TileResult& result) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* y = result.y + r * result.yStride;
    const float* residual = result.residual == nullptr ? nullptr : result.residual + r * result.residualStride;
    for (std::int64_t c = 0; c < result.columns; c += kLanes) {
      F32x16 value = activate<kActivation>(load(sums + r * width + c));
      if (residual != nullptr) value = add(value, loadUpTo(residual + c, result.columns - c));
      storeUpTo(y + c, value, result.columns - c);
    }
  }
}

inline void finish(Activation activation, const float* sums, std::int64_t rows, std::int64_t width,
                   const TileResult& result) {
  switch (activation) {
    case Activation::kNone:
      return;  // Those go from registers to their place.
    case Activation::kRelu:
      return finishTile<Activation::kRelu>(sums, rows, width, result);
    case Activation::kGelu:
      return finishTile<Activation::kGelu>(sums, rows, width, result);
    case Activation::kGeluTanh:
      return finishTile<Activation::kGeluTanh>(sums, rows, width, result);
    case Activation::kSilu:
      return finishTile<Activation::kSilu>(sums, rows, width, result);
    case Activation::kTanh:
      return finishTile<Activation::kTanh>(sums, rows, width, result);
  }
}

// Bias, activation and residual of the sums [kRows, 16 * kPanels] of a tile, to y. An activation needs registers of its
// own: the sums go by way of the first-level cache. Pointers and strides in variables of their own: y might change what
// a reference refers to.
template <int kRows, int kPanels>
GEMMULE_INLINE void storeSums(const GemmEpilogue& epilogue, F32x16 (&sum)[kRows][kPanels], std::int64_t row,
                              std::int64_t panel, std::int64_t columns) {
  const std::int64_t column = panel * kLanes;
  const std::int64_t left = columns - column;
  if (epilogue.bias != nullptr) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      const F32x16 bias = loadUpTo(epilogue.bias + column + p * kLanes, left - p * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) sum[r][p] = add(sum[r][p], bias);
    }
  }
  const std::int64_t residualStride = epilogue.residualStride;
  const float* residual = epilogue.residual == nullptr ? nullptr : epilogue.residual + row * residualStride + column;
  const std::int64_t stride = epilogue.yStride;
  float* y = epilogue.y + row * stride + column;
  if (epilogue.activation != Activation::kNone) {
    constexpr std::int64_t kWidth = kPanels * kLanes;
    alignas(64) float sums[kRows * kWidth];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) store(sums + r * kWidth + p * kLanes, sum[r][p]);
    }
    finish(epilogue.activation, sums, kRows, kWidth,
           {residual, residualStride, y, stride, left < kWidth ? left : kWidth});
    return;
  }
  if (residual != nullptr) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r, residual += residualStride) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) {
        sum[r][p] = add(sum[r][p], loadUpTo(residual + p * kLanes, left - p * kLanes));
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, y += stride) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) storeUpTo(y + p * kLanes, sum[r][p], left - p * kLanes);
  }
}

// The sums of a tile as they are in y.
template <int kRows, int kPanels>
GEMMULE_INLINE void loadSums(const GemmEpilogue& epilogue, F32x16 (&sum)[kRows][kPanels], std::int64_t row,
                             std::int64_t panel, std::int64_t columns) {
  const std::int64_t left = columns - panel * kLanes;
  const float* y = epilogue.y + row * epilogue.yStride + panel * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, y += epilogue.yStride) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) sum[r][p] = loadUpTo(y + p * kLanes, left - p * kLanes);
  }
}

// The panels after those of some tiles, each of which calls for its share of them: memory then works while later tiles
// compute from the cache, too.
struct PanelsAhead {
  const char* from;
  // Bytes for every k of a tile: two cache lines at most.
  std::int64_t step;

  PanelsAhead(const void* panels, std::int64_t bytesPerDepth, std::int64_t tiles)
      : from(static_cast<const char*>(panels)), step(bytesPerDepth / tiles) {}

  GEMMULE_INLINE void call() {
    __builtin_prefetch(from, 0, 2);
    if (step > kCacheLine) __builtin_prefetch(from + kCacheLine, 0, 2);
    from += step;
  }
};

// Numbers of kRows rows, column after column. A pointer for every six rows, from which multiples of the stride lead to
// each: a pointer a row would be more than there are registers, and compilers, left alone, make one.
template <int kRows, typename Number>
class RowReader {
 public:
  GEMMULE_INLINE RowReader(const Number* rows, std::int64_t stride) : stride_(stride) {
    for (int group = 0; group < kGroups; ++group) first_[group] = rows + group * kGroup * stride;
  }

  GEMMULE_INLINE Number at(int row) const { return first_[row / kGroup][row % kGroup * stride_]; }

  GEMMULE_INLINE void next() {
    for (int group = 0; group < kGroups; ++group) {
      ++first_[group];
      __asm__("" : "+r"(first_[group]));
    }
  }

 private:
  static constexpr int kGroup = 6;
  static constexpr int kGroups = (kRows + kGroup - 1) / kGroup;
  const Number* first_[kGroups];
  std::int64_t stride_;
};

// One register tile: kRows x (16 * kPanels) sums, bias added, stored. `columns` counts the real ones.
template <int kRows, int kPanels, typename Weight>
void gemmTile(const GemmBlock& block, std::int64_t row, std::int64_t panel, PanelsAhead ahead) {
  const std::int64_t depth = block.depth;
  const std::int64_t depthStride = block.depthStride;
  RowReader<kRows, float> x(block.x + row * block.xStride, block.xStride);
  const Weight* weights[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p)
    weights[p] = static_cast<const Weight*>(block.panels) + (panel + p) * block.panelStride;

  F32x16 sum[kRows][kPanels];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) sum[r][p] = zero();
  }
  if (block.accumulates) loadSums<kRows, kPanels>(block.epilogue, sum, row, panel, block.columns);
  for (std::int64_t k = 0; k < depth; ++k) {
    ahead.call();
    F32x16 w[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      w[p] = loadWeights(weights[p]);
      weights[p] += depthStride;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const F32x16 value = broadcast(x.at(r));
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) sum[r][p] = fma(value, w[p], sum[r][p]);
    }
    x.next();
  }
  storeSums<kRows, kPanels>(block.epilogue, sum, row, panel, block.columns);
}

// The tile function for a number of rows from 1 to kRows.
template <int kRows, int kPanels, typename Weight>
void gemmRows(int rows, const GemmBlock& block, std::int64_t row, std::int64_t panel, PanelsAhead ahead) {
  if (rows == kRows) {
    gemmTile<kRows, kPanels, Weight>(block, row, panel, ahead);
  } else if constexpr (kRows > 1) {
    gemmRows<kRows - 1, kPanels, Weight>(rows, block, row, panel, ahead);
  }
}

// Brings the sums [rows, columns] of a tile, which may lie pages apart, near: all its multiply-adds would wait for
// them.
template <typename Number>
GEMMULE_INLINE void prefetchSums(const Number* y, std::int64_t yStride, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kLine = kCacheLine / static_cast<std::int64_t>(sizeof(Number));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; c += kLine) __builtin_prefetch(y + r * yStride + c, 1);
  }
}

// All row tiles of the block for `kPanels` panels. Rows are dealt out evenly: 8 as 4 + 4, not 6 + 2.
template <int kRows, int kPanels, typename Weight>
void gemmColumns(const GemmBlock& block, std::int64_t panel) {
  const std::int64_t tiles = (block.rows + kRows - 1) / kRows;
  const std::int64_t column = panel * kLanes;
  const std::int64_t columns = block.columns - column < kPanels * kLanes ? block.columns - column : kPanels * kLanes;
  PanelsAhead ahead(static_cast<const Weight*>(block.panels) + (panel + kPanels) * block.panelStride,
                    kPanels * kLanes * static_cast<std::int64_t>(sizeof(Weight)), tiles);
  std::int64_t row = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t rows = (block.rows - row) / (tiles - tile);
    if (tile + 1 < tiles && block.accumulates) {
      prefetchSums(block.epilogue.y + (row + rows) * block.epilogue.yStride + column, block.epilogue.yStride,
                   (block.rows - row - rows) / (tiles - tile - 1), columns);
    }
    gemmRows<kRows, kPanels, Weight>(static_cast<int>(rows), block, row, panel, ahead);
    ahead.from += ahead.step * block.depth;
    row += rows;
  }
}

template <typename Weight>
void gemmBlock(const GemmBlock& block) {
  const std::int64_t panels = (block.columns + kLanes - 1) / kLanes;
  std::int64_t panel = 0;
#if !defined(GEMMULE_SIMD_BASELINE)
  // Few rows: wider tiles, so that there are enough independent sums to hide the latency of a multiply-add.
  if (block.rows == 1) {
    for (; panel + 4 <= panels; panel += 4) gemmColumns<1, 4, Weight>(block, panel);
  } else if (block.rows == 2) {
    for (; panel + kFewRowsPanels <= panels; panel += kFewRowsPanels) {
      gemmColumns<2, kFewRowsPanels, Weight>(block, panel);
    }
  }
#endif
#if defined(GEMMULE_SIMD_AVX512)
  if (block.rows > 2 && block.rows <= 6) {
    for (; panel + 4 <= panels; panel += 4) gemmColumns<6, 4, Weight>(block, panel);
  }
#endif
  for (; panel + kTilePanels <= panels; panel += kTilePanels) {
    gemmColumns<kTileRows, kTilePanels, Weight>(block, panel);
  }
  for (; panel < panels; ++panel) gemmColumns<kTileRows, 1, Weight>(block, panel);
}

inline constexpr GemmKernels kGemmKernels = {gemmBlock<float>, gemmBlock<std::uint16_t>, kTileRows};

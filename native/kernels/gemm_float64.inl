// Implements kernels/gemm_float64.h; included once a target by kernels/targets, after gemm.inl.

namespace float64 {

// One register tile: kRows x (8 * kPanels) sums.
template <int kRows, int kPanels>
void multiplyTile(const Float64Block& block, std::int64_t row, std::int64_t panel, PanelsAhead ahead) {
  RowReader<kRows, double> x(block.x + row * block.xStride, block.xStride);
  const double* panels[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) panels[p] = block.panels + (panel + p) * block.panelStride;
  const std::int64_t depth = block.depth;
  const std::int64_t depthStride = block.depthStride;
  const std::int64_t columns = block.columns - panel * kDoubleLanes;
  const std::int64_t yStride = block.yStride;
  double* y = block.y + row * yStride + panel * kDoubleLanes;

  F64x8 sum[kRows][kPanels];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      const double* sums = y + r * yStride + p * kDoubleLanes;
      sum[r][p] = block.accumulates ? loadDoubleUpTo(sums, columns - p * kDoubleLanes) : broadcastDouble(0);
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    ahead.call();
    F64x8 b[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      b[p] = loadDouble(panels[p]);
      panels[p] += depthStride;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const F64x8 value = broadcastDouble(x.at(r));
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) sum[r][p] = fmaDouble(value, b[p], sum[r][p]);
    }
    x.next();
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, y += yStride) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      storeDoubleUpTo(y + p * kDoubleLanes, sum[r][p], columns - p * kDoubleLanes);
    }
  }
}

// The tile function for a number of rows from 1 to kRows.
template <int kRows, int kPanels>
void multiplyRows(int rows, const Float64Block& block, std::int64_t row, std::int64_t panel, PanelsAhead ahead) {
  if (rows == kRows) {
    multiplyTile<kRows, kPanels>(block, row, panel, ahead);
  } else if constexpr (kRows > 1) {
    multiplyRows<kRows - 1, kPanels>(rows, block, row, panel, ahead);
  }
}

// All row tiles of the block for `kPanels` panels, dealt out evenly.
template <int kPanels>
void multiplyColumns(const Float64Block& block, std::int64_t panel) {
  const std::int64_t tiles = (block.rows + kTileRows - 1) / kTileRows;
  const std::int64_t column = panel * kDoubleLanes;
  const std::int64_t columns =
      block.columns - column < kPanels * kDoubleLanes ? block.columns - column : kPanels * kDoubleLanes;
  PanelsAhead ahead(block.panels + (panel + kPanels) * block.panelStride,
                    kPanels * kDoubleLanes * static_cast<std::int64_t>(sizeof(double)), tiles);
  std::int64_t row = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t rows = (block.rows - row) / (tiles - tile);
    if (tile + 1 < tiles && block.accumulates) {
      prefetchSums(block.y + (row + rows) * block.yStride + column, block.yStride,
                   (block.rows - row - rows) / (tiles - tile - 1), columns);
    }
    multiplyRows<kTileRows, kPanels>(static_cast<int>(rows), block, row, panel, ahead);
    ahead.from += ahead.step * block.depth;
    row += rows;
  }
}

inline void multiply(const Float64Block& block) {
  const std::int64_t panels = (block.columns + kDoubleLanes - 1) / kDoubleLanes;
  std::int64_t panel = 0;
  for (; panel + kTilePanels <= panels; panel += kTilePanels) multiplyColumns<kTilePanels>(block, panel);
  for (; panel < panels; ++panel) multiplyColumns<1>(block, panel);
}

}  // namespace float64

inline constexpr Float64Kernels kFloat64Kernels = {float64::multiply};

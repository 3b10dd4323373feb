#include "linalg/panel_product.h"

#include <algorithm>
#include <cstring>

namespace gemmule {
namespace {

constexpr std::int64_t kWidth = 16;
/// A block of rows and two panels of so many k stay in a second-level cache of 512 KiB.
constexpr std::int64_t kBlockDepth = 768;
constexpr std::int64_t kBlockRows = 96;
/// With fewer multiplications than this, packing costs more than it brings.
constexpr std::int64_t kLeastWork = 16 * 1024;
constexpr std::int64_t kLeastRows = 4;
/// Panels that one thread packs at least.
constexpr std::int64_t kPanelGrain = 4;

std::int64_t divideUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool PanelProduct::pays(std::int64_t m, std::int64_t n, std::int64_t k) {
  if (m < kLeastRows || n < kWidth / 2 || k < 2) return false;
  return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) >= kLeastWork;
}

std::int64_t PanelProduct::panels() const { return divideUp(n, kWidth); }

Status PanelProduct::prepare(const GemmKernels& kernels, Scratch& scratch, int lanes, bool together) {
  kernels_ = &kernels;
  const std::int64_t depth = std::min(k, kBlockDepth);
  panelFloats_ = panels() * kWidth * depth;
  rowFloats_ = std::min(m, kBlockRows) * depth;
  panelScratch_ = scratch.allocate<float>((together ? 1 : lanes) * panelFloats_);
  rowScratch_ = scratch.allocate<float>(lanes * rowFloats_);
  if (panelScratch_ == nullptr || rowScratch_ == nullptr) {
    return Status::outOfMemory("matmul: no memory to pack the operands");
  }
  return Status::ok();
}

void PanelProduct::packPanels(const float* b, Depth depth, std::int64_t begin, std::int64_t end, float* out) const {
  const auto [rowStride, columnStride] = bStrides;
  for (std::int64_t panel = begin; panel < end; ++panel) {
    const std::int64_t width = std::min(kWidth, n - panel * kWidth);
    const float* from = b + depth.begin * rowStride + panel * kWidth * columnStride;
    float* to = out + panel * kWidth * depth.count;
    if (width == kWidth && columnStride == 1) {
      for (std::int64_t row = 0; row < depth.count; ++row) {
        std::memcpy(to + row * kWidth, from + row * rowStride, kWidth * sizeof(float));
      }
      continue;
    }
    if (width < kWidth) std::fill_n(to, kWidth * depth.count, 0.0f);
    for (std::int64_t column = 0; column < width; ++column) {
      for (std::int64_t row = 0; row < depth.count; ++row) {
        to[row * kWidth + column] = from[row * rowStride + column * columnStride];
      }
    }
  }
}

/// A block of rows times panels; what earlier blocks of k have summed is in c.
void PanelProduct::multiplyRows(const Arrays& arrays, Depth depth, std::int64_t row, std::int64_t firstPanel,
                                std::int64_t endPanel, const float* packedPanels, float* rows) const {
  const std::int64_t height = std::min(kBlockRows, m - row);
  const auto [rowStride, columnStride] = aStrides;
  // A copy even of rows that lie well: at a distance of a power of two they would fall into the same few cache lines.
  for (std::int64_t r = 0; r < height; ++r) {
    const float* from = arrays.a + (row + r) * rowStride + depth.begin * columnStride;
    float* to = rows + r * depth.count;
    if (columnStride == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(depth.count) * sizeof(float));
    } else {
      for (std::int64_t inner = 0; inner < depth.count; ++inner) to[inner] = from[inner * columnStride];
    }
  }
  GemmBlock block;
  block.x = rows;
  block.xStride = depth.count;
  block.rows = height;
  block.depth = depth.count;
  block.panels = packedPanels + firstPanel * kWidth * depth.count;
  block.panelStride = kWidth * depth.count;
  block.columns = std::min(endPanel * kWidth, n) - firstPanel * kWidth;
  block.accumulates = depth.begin > 0;
  block.epilogue.y = arrays.c + row * n + firstPanel * kWidth;
  block.epilogue.yStride = n;
  kernels_->float32(block);
}

void PanelProduct::run(const Arrays& arrays, int lane) const {
  float* packed = panelScratch_ + lane * panelFloats_;
  float* rows = rowScratch_ + lane * rowFloats_;
  for (std::int64_t begin = 0; begin < k; begin += kBlockDepth) {
    const Depth depth{begin, std::min(kBlockDepth, k - begin)};
    packPanels(arrays.b, depth, 0, panels(), packed);
    for (std::int64_t row = 0; row < m; row += kBlockRows) {
      multiplyRows(arrays, depth, row, 0, panels(), packed, rows);
    }
  }
}

void PanelProduct::runParallel(ThreadTeam& team, const Arrays& arrays) const {
  const std::int64_t rowBlocks = divideUp(m, kBlockRows);
  const std::int64_t threads = team.threads();
  // With few blocks of rows, columns are cut as well, so that no thread is left waiting for long.
  const std::int64_t wanted = rowBlocks >= 8 * threads ? 1 : divideUp(8 * threads, rowBlocks);
  const std::int64_t panelsPerUnit =
      divideUp(divideUp(panels(), std::min(wanted, panels())), kPanelGrain) * kPanelGrain;
  const std::int64_t columnBlocks = divideUp(panels(), panelsPerUnit);
  for (std::int64_t begin = 0; begin < k; begin += kBlockDepth) {
    const Depth depth{begin, std::min(kBlockDepth, k - begin)};
    team.parallelFor(panels(), kPanelGrain, [&](std::int64_t first, std::int64_t end, int) {
      packPanels(arrays.b, depth, first, end, panelScratch_);
    });
    team.parallelFor(rowBlocks * columnBlocks, 1, [&](std::int64_t first, std::int64_t end, int lane) {
      for (std::int64_t unit = first; unit < end; ++unit) {
        const std::int64_t panel = unit % columnBlocks * panelsPerUnit;
        multiplyRows(arrays, depth, unit / columnBlocks * kBlockRows, panel, std::min(panel + panelsPerUnit, panels()),
                     panelScratch_, rowScratch_ + lane * rowFloats_);
      }
    });
  }
}

}  // namespace gemmule

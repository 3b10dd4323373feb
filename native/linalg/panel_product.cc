#include "linalg/panel_product.h"

#include <algorithm>
#include <cstring>

#include "linalg/gemm.h"

namespace gemmule {
namespace {

/// Columns of a panel: 64 bytes.
template <typename T>
constexpr std::int64_t kWidth = 64 / static_cast<std::int64_t>(sizeof(T));
/// A block of rows and two panels of so many k stay in a second-level cache of 512 KiB.
template <typename T>
constexpr std::int64_t kBlockDepth = 3072 / static_cast<std::int64_t>(sizeof(T));
constexpr std::int64_t kBlockRows = 96;
/// With fewer multiplications than this, packing costs more than it brings.
constexpr std::int64_t kLeastWork = 16 * 1024;
constexpr std::int64_t kLeastRows = 4;
/// Panels that one thread packs at least.
constexpr std::int64_t kPanelGrain = 4;

std::int64_t divideUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Rows times packed panels, by the kernel of the type.
struct Block {
  std::int64_t rows;
  std::int64_t depth;
  std::int64_t columns;
  bool accumulates;
  std::int64_t yStride;
};

/// What the kernels' blocks have in common.
template <typename KernelBlock, typename T>
KernelBlock kernelBlock(const Block& block, const T* x, const T* panels) {
  KernelBlock all;
  all.x = x;
  all.xStride = block.depth;
  all.rows = block.rows;
  all.depth = block.depth;
  all.panels = panels;
  all.panelStride = kWidth<T> * block.depth;
  all.columns = block.columns;
  all.accumulates = block.accumulates;
  return all;
}

void multiply(const KernelTable& kernels, const Block& block, const float* x, const float* panels, float* y) {
  auto all = kernelBlock<GemmBlock>(block, x, panels);
  all.epilogue.y = y;
  all.epilogue.yStride = block.yStride;
  kernels.gemm.float32(all);
}

void multiply(const KernelTable& kernels, const Block& block, const double* x, const double* panels, double* y) {
  auto all = kernelBlock<Float64Block>(block, x, panels);
  all.y = y;
  all.yStride = block.yStride;
  kernels.float64.multiply(all);
}

}  // namespace

template <typename T>
bool PanelProduct<T>::pays(std::int64_t m, std::int64_t n, std::int64_t k) {
  if (m < kLeastRows || n < kWidth<T> / 2 || k < 2) return false;
  return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) >= kLeastWork;
}

template <typename T>
std::int64_t PanelProduct<T>::panels() const {
  return divideUp(n, kWidth<T>);
}

template <typename T>
Status PanelProduct<T>::prepare(const KernelTable& kernels, Scratch& scratch, int lanes, bool together) {
  kernels_ = &kernels;
  const std::int64_t depth = std::min(k, kBlockDepth<T>);
  panelSize_ = panels() * kWidth<T> * depth;
  rowSize_ = std::min(m, kBlockRows) * depth;
  panelScratch_ = scratch.allocate<T>((together ? 1 : lanes) * panelSize_);
  rowScratch_ = scratch.allocate<T>(lanes * rowSize_);
  if (panelScratch_ == nullptr || rowScratch_ == nullptr) {
    return Status::outOfMemory("matmul: no memory to pack the operands");
  }
  return Status::ok();
}

template <typename T>
void PanelProduct<T>::packPanels(const T* b, Depth depth, std::int64_t begin, std::int64_t end, T* out) const {
  const auto [rowStride, columnStride] = bStrides;
  for (std::int64_t panel = begin; panel < end; ++panel) {
    const std::int64_t width = std::min(kWidth<T>, n - panel * kWidth<T>);
    const T* from = b + depth.begin * rowStride + panel * kWidth<T> * columnStride;
    T* to = out + panel * kWidth<T> * depth.count;
    if (width == kWidth<T> && columnStride == 1) {
      for (std::int64_t row = 0; row < depth.count; ++row) {
        std::memcpy(to + row * kWidth<T>, from + row * rowStride, kWidth<T> * sizeof(T));
      }
      continue;
    }
    if (width < kWidth<T>) std::fill_n(to, kWidth<T> * depth.count, T{0});
    for (std::int64_t column = 0; column < width; ++column) {
      for (std::int64_t row = 0; row < depth.count; ++row) {
        to[row * kWidth<T> + column] = from[row * rowStride + column * columnStride];
      }
    }
  }
}

/// A block of rows times panels; what earlier blocks of k have summed is in c.
template <typename T>
void PanelProduct<T>::multiplyRows(const Arrays& arrays, Depth depth, std::int64_t row, std::int64_t firstPanel,
                                   std::int64_t endPanel, const T* packedPanels, T* rows) const {
  const std::int64_t height = std::min(kBlockRows, m - row);
  const auto [rowStride, columnStride] = aStrides;
  // A copy even of rows that lie well: at a distance of a power of two they would fall into the same few cache lines.
  for (std::int64_t r = 0; r < height; ++r) {
    const T* from = arrays.a + (row + r) * rowStride + depth.begin * columnStride;
    T* to = rows + r * depth.count;
    if (columnStride == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(depth.count) * sizeof(T));
    } else {
      for (std::int64_t inner = 0; inner < depth.count; ++inner) to[inner] = from[inner * columnStride];
    }
  }
  const Block block{height, depth.count, std::min(endPanel * kWidth<T>, n) - firstPanel * kWidth<T>, depth.begin > 0,
                    n};
  multiply(*kernels_, block, rows, packedPanels + firstPanel * kWidth<T> * depth.count,
           arrays.c + row * n + firstPanel * kWidth<T>);
}

template <typename T>
void PanelProduct<T>::run(const Arrays& arrays, int lane) const {
  T* packed = panelScratch_ + lane * panelSize_;
  T* rows = rowScratch_ + lane * rowSize_;
  for (std::int64_t begin = 0; begin < k; begin += kBlockDepth<T>) {
    const Depth depth{begin, std::min(kBlockDepth<T>, k - begin)};
    packPanels(arrays.b, depth, 0, panels(), packed);
    for (std::int64_t row = 0; row < m; row += kBlockRows) {
      multiplyRows(arrays, depth, row, 0, panels(), packed, rows);
    }
  }
}

template <typename T>
void PanelProduct<T>::runParallel(ThreadTeam& team, const Arrays& arrays) const {
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  if (work < 2.0 * kWorkPerLane) {
    run(arrays, 0);
    return;
  }
  const std::int64_t rowBlocks = divideUp(m, kBlockRows);
  const std::int64_t threads = team.threads();
  // With few blocks of rows, columns are cut as well, so that no thread is left waiting for long.
  const std::int64_t wanted = rowBlocks >= 8 * threads ? 1 : divideUp(8 * threads, rowBlocks);
  const std::int64_t panelsPerUnit =
      divideUp(divideUp(panels(), std::min(wanted, panels())), kPanelGrain) * kPanelGrain;
  const std::int64_t columnBlocks = divideUp(panels(), panelsPerUnit);
  for (std::int64_t begin = 0; begin < k; begin += kBlockDepth<T>) {
    const Depth depth{begin, std::min(kBlockDepth<T>, k - begin)};
    team.parallelFor(panels(), kPanelGrain, [&](std::int64_t first, std::int64_t end, int) {
      packPanels(arrays.b, depth, first, end, panelScratch_);
    });
    team.parallelFor(rowBlocks * columnBlocks, 1, [&](std::int64_t first, std::int64_t end, int lane) {
      for (std::int64_t unit = first; unit < end; ++unit) {
        const std::int64_t panel = unit % columnBlocks * panelsPerUnit;
        multiplyRows(arrays, depth, unit / columnBlocks * kBlockRows, panel, std::min(panel + panelsPerUnit, panels()),
                     panelScratch_, rowScratch_ + lane * rowSize_);
      }
    });
  }
}

template class PanelProduct<float>;
template class PanelProduct<double>;

}  // namespace gemmule

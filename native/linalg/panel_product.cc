#include "linalg/panel_product.h"

#include <algorithm>
#include <cstring>

#include "linalg/copy_matrix.h"
#include "linalg/gemm.h"

namespace gemmule {
namespace {

/// Columns of a panel: 64 bytes.
template <typename T>
constexpr std::int64_t kWidth = 64 / static_cast<std::int64_t>(sizeof(T));
/// A block of rows and two panels of so many k, at most, stay in a second-level cache of 512 KiB.
template <typename T>
constexpr std::int64_t kBlockDepth = 4096 / static_cast<std::int64_t>(sizeof(T));
constexpr std::int64_t kBlockRows = 96;
/// With fewer multiplications than this, packing costs more than it brings.
constexpr std::int64_t kLeastWork = 16 * 1024;
constexpr std::int64_t kLeastRows = 4;
/// Panels that one thread packs at least, and that a block of rows is multiplied by at least.
constexpr std::int64_t kPanelGrain = 4;
/// Parts of a product for every thread: the last to finish then keeps the others waiting for little.
constexpr std::int64_t kPartsPerThread = 48;

/// Elements from a packed row to the next: no power of two, which would put all rows of a tile into the same few lines.
template <typename T>
std::int64_t rowLength(std::int64_t depth) {
  return depth + kWidth<T>;
}

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
  all.xStride = rowLength<T>(block.depth);
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

/// k in blocks of about the same depth.
template <typename T>
std::int64_t PanelProduct<T>::blockDepth() const {
  return divideUp(k, divideUp(k, kBlockDepth<T>));
}

template <typename T>
std::int64_t PanelProduct<T>::panels() const {
  return divideUp(n, kWidth<T>);
}

template <typename T>
Status PanelProduct<T>::prepare(const KernelTable& kernels, Scratch& scratch, int lanes, bool together) {
  kernels_ = &kernels;
  const std::int64_t depth = blockDepth();
  panelSize_ = panels() * kWidth<T> * depth;
  rowSize_ = std::min(m, kBlockRows) * rowLength<T>(depth);
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
  std::int64_t panel = begin;
  if (columnStride == 1) {
    const std::int64_t whole = std::max(begin, std::min(end, n / kWidth<T>));
    // Some panels at once: a row is then read some lines on, instead of 64 bytes of every one.
    while (panel < whole) {
      const std::int64_t together = std::min(kPanelGrain, whole - panel);
      for (std::int64_t row = 0; row < depth.count; ++row) {
        const T* from = b + (depth.begin + row) * rowStride + panel * kWidth<T>;
        T* to = out + (panel * depth.count + row) * kWidth<T>;
        for (std::int64_t each = 0; each < together; ++each) {
          std::memcpy(to + each * kWidth<T> * depth.count, from + each * kWidth<T>, kWidth<T> * sizeof(T));
        }
      }
      panel += together;
    }
  }
  for (; panel < end; ++panel) {
    const std::int64_t width = std::min(kWidth<T>, n - panel * kWidth<T>);
    const T* from = b + depth.begin * rowStride + panel * kWidth<T> * columnStride;
    T* to = out + panel * kWidth<T> * depth.count;
    if (width < kWidth<T>) std::fill_n(to, kWidth<T> * depth.count, T{0});
    for (std::int64_t column = 0; column < width; ++column) {
      for (std::int64_t row = 0; row < depth.count; ++row) {
        to[row * kWidth<T> + column] = from[row * rowStride + column * columnStride];
      }
    }
  }
}

/// The block of rows that begins at `row`, `rowLength` apart.
template <typename T>
void PanelProduct<T>::packRows(const T* a, Depth depth, std::int64_t row, T* out) const {
  const std::int64_t height = std::min(kBlockRows, m - row);
  const auto [rowStride, columnStride] = aStrides;
  const T* from = a + row * rowStride + depth.begin * columnStride;
  if (columnStride != 1) {
    copyMatrix(from, height, depth.count, aStrides, out, rowLength<T>(depth.count));
    return;
  }
  for (std::int64_t r = 0; r < height; ++r) {
    std::memcpy(out + r * rowLength<T>(depth.count), from + r * rowStride,
                static_cast<std::size_t>(depth.count) * sizeof(T));
  }
}

/// Packed rows times packed panels; what earlier blocks of k have summed is in c.
template <typename T>
void PanelProduct<T>::multiplyBlock(T* c, Depth depth, std::int64_t row, const T* rows, std::int64_t firstPanel,
                                    std::int64_t endPanel, const T* packedPanels) const {
  const Block block{std::min(kBlockRows, m - row), depth.count,
                    std::min(endPanel * kWidth<T>, n) - firstPanel * kWidth<T>, depth.begin > 0, n};
  multiply(*kernels_, block, rows, packedPanels + firstPanel * kWidth<T> * depth.count,
           c + row * n + firstPanel * kWidth<T>);
}

template <typename T>
void PanelProduct<T>::run(const Arrays& arrays, int lane) const {
  T* packed = panelScratch_ + lane * panelSize_;
  T* rows = rowScratch_ + lane * rowSize_;
  for (std::int64_t begin = 0; begin < k; begin += blockDepth()) {
    const Depth depth{begin, std::min(blockDepth(), k - begin)};
    packPanels(arrays.b, depth, 0, panels(), packed);
    for (std::int64_t row = 0; row < m; row += kBlockRows) {
      packRows(arrays.a, depth, row, rows);
      multiplyBlock(arrays.c, depth, row, rows, 0, panels(), packed);
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
  const std::int64_t wanted = std::min(divideUp(kPartsPerThread * team.threads(), rowBlocks), panels());
  const std::int64_t panelsPerPart = divideUp(divideUp(panels(), wanted), kPanelGrain) * kPanelGrain;
  const std::int64_t columnBlocks = divideUp(panels(), panelsPerPart);
  const ThreadTeam::Session session(team);
  for (std::int64_t begin = 0; begin < k; begin += blockDepth()) {
    const Depth depth{begin, std::min(blockDepth(), k - begin)};
    team.parallelFor(panels(), kPanelGrain, [&](std::int64_t first, std::int64_t end, int) {
      packPanels(arrays.b, depth, first, end, panelScratch_);
    });
    team.parallelFor(rowBlocks * columnBlocks, 1, [&](std::int64_t first, std::int64_t end, int lane) {
      T* rows = rowScratch_ + lane * rowSize_;
      for (std::int64_t part = first; part < end; ++part) {
        const std::int64_t row = part / columnBlocks * kBlockRows;
        const std::int64_t panel = part % columnBlocks * panelsPerPart;
        if (part == first || panel == 0) packRows(arrays.a, depth, row, rows);
        multiplyBlock(arrays.c, depth, row, rows, panel, std::min(panel + panelsPerPart, panels()), panelScratch_);
      }
    });
  }
}

template class PanelProduct<float>;
template class PanelProduct<double>;

}  // namespace gemmule

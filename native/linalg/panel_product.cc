#include "linalg/panel_product.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

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

/// Rows that lie no farther apart than this do without packing: those of a tile spread over the first-level cache.
constexpr std::int64_t kNearBytes = 1024;
/// So many rows of a do not read b often enough for packing its panels to pay, if its rows are near.
constexpr std::int64_t kMostRowsInPlace = 128;

/// Elements from a packed row to the next: no power of two, which would put all rows of a tile into the same few lines.
template <typename T>
std::int64_t rowLength(std::int64_t depth) {
  return depth + kWidth<T>;
}

std::int64_t divideUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Whether rows of a matrix can be read where they lie.
template <typename T>
bool isNear(const std::array<std::int64_t, 2>& strides) {
  constexpr std::int64_t kMost = kNearBytes / static_cast<std::int64_t>(sizeof(T));
  return strides[1] == 1 && strides[0] >= 0 && strides[0] <= kMost;
}

template <typename T>
using KernelBlock = std::conditional_t<std::is_same_v<T, float>, GemmBlock, Float64Block>;

void multiply(const KernelTable& kernels, GemmBlock& block, float* y, std::int64_t yStride) {
  block.epilogue.y = y;
  block.epilogue.yStride = yStride;
  kernels.gemm.float32(block);
}

void multiply(const KernelTable& kernels, Float64Block& block, double* y, std::int64_t yStride) {
  block.y = y;
  block.yStride = yStride;
  kernels.float64.multiply(block);
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

/// The first panels of b that one thread alone reads where they lie: all or none but a last one that is not whole.
template <typename T>
std::int64_t PanelProduct<T>::panelsInPlace() const {
  return m <= kMostRowsInPlace && isNear<T>(bStrides) ? n / kWidth<T> : 0;
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

/// The block of rows that begins at `row`: where it lies, or packed into `scratch`, `rowLength` apart.
template <typename T>
typename PanelProduct<T>::Rows PanelProduct<T>::rowsAt(const T* a, Depth depth, std::int64_t row, T* scratch) const {
  const std::int64_t height = std::min(kBlockRows, m - row);
  const auto [rowStride, columnStride] = aStrides;
  const T* from = a + row * rowStride + depth.begin * columnStride;
  if (isNear<T>(aStrides)) return {from, rowStride};
  const std::int64_t length = rowLength<T>(depth.count);
  if (columnStride == 1) {
    for (std::int64_t r = 0; r < height; ++r) {
      std::memcpy(scratch + r * length, from + r * rowStride, static_cast<std::size_t>(depth.count) * sizeof(T));
    }
  } else {
    copyMatrix(from, height, depth.count, aStrides, scratch, length);
  }
  return {scratch, length};
}

template <typename T>
typename PanelProduct<T>::Panels PanelProduct<T>::packedPanels(Depth depth, const T* packed) const {
  return {packed, kWidth<T> * depth.count, kWidth<T>};
}

/// A block of rows times panels; what earlier blocks of k have summed is in c.
template <typename T>
void PanelProduct<T>::multiplyBlock(T* c, Depth depth, std::int64_t row, const Rows& rows, std::int64_t firstPanel,
                                    std::int64_t endPanel, const Panels& panels) const {
  if (firstPanel == endPanel) return;
  KernelBlock<T> block;
  block.x = rows.data;
  block.xStride = rows.stride;
  block.rows = std::min(kBlockRows, m - row);
  block.depth = depth.count;
  block.panels = panels.data + firstPanel * panels.panelStride;
  block.panelStride = panels.panelStride;
  block.depthStride = panels.depthStride;
  block.columns = std::min(endPanel * kWidth<T>, n) - firstPanel * kWidth<T>;
  block.accumulates = depth.begin > 0;
  multiply(*kernels_, block, c + row * n + firstPanel * kWidth<T>, n);
}

template <typename T>
void PanelProduct<T>::run(const Arrays& arrays, int lane) const {
  T* packed = panelScratch_ + lane * panelSize_;
  T* scratch = rowScratch_ + lane * rowSize_;
  const std::int64_t inPlace = panelsInPlace();
  for (std::int64_t begin = 0; begin < k; begin += blockDepth()) {
    const Depth depth{begin, std::min(blockDepth(), k - begin)};
    packPanels(arrays.b, depth, inPlace, panels(), packed);
    const Panels asTheyLie{arrays.b + begin * bStrides[0], kWidth<T>, bStrides[0]};
    for (std::int64_t row = 0; row < m; row += kBlockRows) {
      const Rows rows = rowsAt(arrays.a, depth, row, scratch);
      multiplyBlock(arrays.c, depth, row, rows, 0, inPlace, asTheyLie);
      multiplyBlock(arrays.c, depth, row, rows, inPlace, panels(), packedPanels(depth, packed));
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
      Rows rows{};
      for (std::int64_t part = first; part < end; ++part) {
        const std::int64_t row = part / columnBlocks * kBlockRows;
        const std::int64_t panel = part % columnBlocks * panelsPerPart;
        if (part == first || panel == 0) rows = rowsAt(arrays.a, depth, row, rowScratch_ + lane * rowSize_);
        multiplyBlock(arrays.c, depth, row, rows, panel, std::min(panel + panelsPerPart, panels()),
                      packedPanels(depth, panelScratch_));
      }
    });
  }
}

template class PanelProduct<float>;
template class PanelProduct<double>;

}  // namespace gemmule

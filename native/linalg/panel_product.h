#pragma once

#include <array>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// Row-major products `c [m, n] = a [m, k] * b [k, n]` of float or double by the engine's own kernels: a and b with any
/// strides, c contiguous. b is brought into panels as wide as a register and a into blocks of rows, k in blocks that
/// fit the second-level cache, as Goto and van de Geijn describe (ACM TOMS 34(3), 2008); what lies well is read where
/// it lies. Every element is one chain of fused multiply-adds in ascending k, so that instruction sets from AVX2 on,
/// and any number of threads, give the same bits.
template <typename T>
class PanelProduct {
 public:
  /// Element [0, 0] of each matrix.
  struct Arrays {
    const T* a;
    const T* b;
    T* c;
  };

  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  /// Elements from row to row and from column to column.
  std::array<std::int64_t, 2> aStrides{};
  std::array<std::int64_t, 2> bStrides{};

  /// Whether a product is large enough for packing to pay.
  static bool pays(std::int64_t m, std::int64_t n, std::int64_t k);

  /// Takes scratch for `lanes` lanes, which work together on one product, or else each on products of its own.
  Status prepare(const KernelTable& kernels, Scratch& scratch, int lanes, bool together);

  /// One product, on the caller alone, with the scratch of `lane`: 0 after having prepared to work together.
  void run(const Arrays& arrays, int lane) const;

  /// One product, cut over the team.
  void runParallel(ThreadTeam& team, const Arrays& arrays) const;

 private:
  struct Depth {
    std::int64_t begin;
    std::int64_t count;
  };
  /// Rows of a as the kernels read them.
  struct Rows {
    const T* data;
    std::int64_t stride;
  };
  /// Panels of b as the kernels read them.
  struct Panels {
    const T* data;
    std::int64_t panelStride;
    std::int64_t depthStride;
  };

  std::int64_t blockDepth() const;
  std::int64_t panels() const;
  std::int64_t panelsInPlace() const;
  void packPanels(const T* b, Depth depth, std::int64_t begin, std::int64_t end, T* out) const;
  Rows rowsAt(const T* a, Depth depth, std::int64_t row, T* scratch) const;
  Panels packedPanels(Depth depth, const T* packed) const;
  void multiplyBlock(T* c, Depth depth, std::int64_t row, const Rows& rows, std::int64_t firstPanel,
                     std::int64_t endPanel, const Panels& panels) const;

  const KernelTable* kernels_ = nullptr;
  T* panelScratch_ = nullptr;
  T* rowScratch_ = nullptr;
  std::int64_t panelSize_ = 0;
  std::int64_t rowSize_ = 0;
};

extern template class PanelProduct<float>;
extern template class PanelProduct<double>;

}  // namespace gemmule

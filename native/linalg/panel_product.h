#pragma once

#include <array>
#include <cstdint>

#include "kernels/gemm.h"
#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// Row-major float32 products `c [m, n] = a [m, k] * b [k, n]` by the engine's own kernels: a and b with any strides, c
/// contiguous. b is brought into panels of 16 columns and a into blocks of rows, k in blocks that fit the second-level
/// cache, as Goto and van de Geijn describe (ACM TOMS 34(3), 2008). Every element is one chain of fused multiply-adds
/// in ascending k, so that instruction sets from AVX2 on, and any number of threads, give the same bits.
class PanelProduct {
 public:
  /// Element [0, 0] of each matrix.
  struct Arrays {
    const float* a;
    const float* b;
    float* c;
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
  Status prepare(const GemmKernels& kernels, Scratch& scratch, int lanes, bool together);

  /// One product, on the caller alone, with the scratch of `lane`; not after having prepared to work together.
  void run(const Arrays& arrays, int lane) const;

  /// One product, cut over the team.
  void runParallel(ThreadTeam& team, const Arrays& arrays) const;

 private:
  struct Depth {
    std::int64_t begin;
    std::int64_t count;
  };

  std::int64_t panels() const;
  void packPanels(const float* b, Depth depth, std::int64_t begin, std::int64_t end, float* out) const;
  void multiplyRows(const Arrays& arrays, Depth depth, std::int64_t row, std::int64_t firstPanel, std::int64_t endPanel,
                    const float* packedPanels, float* rows) const;

  const GemmKernels* kernels_ = nullptr;
  float* panelScratch_ = nullptr;
  float* rowScratch_ = nullptr;
  std::int64_t panelFloats_ = 0;
  std::int64_t rowFloats_ = 0;
};

}  // namespace gemmule

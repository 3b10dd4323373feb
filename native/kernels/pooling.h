#pragma once

#include <cstdint>

namespace gemmule {

/// How token vectors become one; the values are those that TypeScript passes.
enum class PoolingMode { kMean = 0, kCls = 1, kMax = 2, kWeightedMean = 3, kLastToken = 4, kMeanSqrtLength = 5 };
inline constexpr int kPoolingModeCount = 6;

/// One sequence.
struct PooledSequence {
  /// [tokens, columns], unit column stride.
  const float* x;
  std::int64_t xStride;
  std::int64_t tokens;
  std::int64_t columns;
  PoolingMode mode;
  /// Divide the result by max(L2 norm, 1e-12).
  bool normalize;
  /// [columns].
  float* y;
};

/// Pooling: one pass over the tokens. Sums are taken in blocks of 32 tokens, so that their error grows with the number
/// of blocks and not of tokens.
struct PoolingKernels {
  void (*pool)(const PooledSequence& sequence);
};

}  // namespace gemmule

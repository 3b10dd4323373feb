#pragma once

#include <cstdint>

namespace gemmule {

/// The most queries that one pass over the vectors serves.
inline constexpr int kFewQueries = 8;

/// Vectors, each times its scale.
struct VectorBlock {
  /// [count, depth]
  const float* vectors = nullptr;
  std::int64_t rowStride = 0;
  std::int64_t columnStride = 1;
  std::int64_t count = 0;
  std::int64_t depth = 0;
  /// [count] or nullptr.
  const float* scales = nullptr;
  std::int64_t scaleStride = 1;
};

/// Products of queries with vectors that are read once, as they lie in memory: 16 at a time are turned into columns in
/// registers. A score is the same chain of fused multiply-adds that the kernels for panels make of it (gemm.h), so it
/// is the same bits whichever way it was computed.
struct SimilarityKernels {
  /// y[q * yStride + n] = dot(queries[q], vectors[n] * scales[n]) of up to kFewQueries queries: bound by memory.
  void (*scores)(const VectorBlock& block, const float* queries, std::int64_t queryStride, int queryCount, float* y,
                 std::int64_t yStride);
  /// The panels that the kernels in gemm.h read, the last padded with zeros.
  void (*pack)(const VectorBlock& block, float* panels);
  /// The first place from `begin` on of a score that is not less than `bound`, as NaN never is; `count` if there is
  /// none.
  std::int64_t (*firstNotBelow)(const float* scores, std::int64_t begin, std::int64_t count, float bound);
};

}  // namespace gemmule

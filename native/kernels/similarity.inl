// Implements kernels/similarity.h; included once a target by kernels/targets.

// Queries whose sums stay in registers beside four columns.
#if defined(GEMMULE_SIMD_AVX512)
inline constexpr int kQueriesAtOnce = 8;
#else
inline constexpr int kQueriesAtOnce = 4;
#endif

// Vectors that stay in the caches while the next queries meet them.
inline constexpr std::int64_t kVectorsAtOnce = 64;

// Keeps the columns of 16 vectors.
struct PanelWriter {
  float* panel;

  GEMMULE_INLINE void take(std::int64_t k, F32x16 column) { store(panel + k * kLanes, column); }
};

// Sums their products with queries.
template <int kQueries>
struct ScoreSums {
  const float* queries;
  std::int64_t queryStride;
  F32x16 sum[kQueries];

  GEMMULE_INLINE void take(std::int64_t k, F32x16 column) {
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) sum[q] = fma(broadcast(queries[q * queryStride + k]), column, sum[q]);
  }
};

// The scales of some vectors; zeros beyond.
GEMMULE_INLINE F32x16 scalesOf(const VectorBlock& block, std::int64_t row, int count) {
  if (block.scales == nullptr) return broadcast(1.0f);
  const float* scales = block.scales + row * block.scaleStride;
  if (block.scaleStride == 1) return loadUpTo(scales, count);
  alignas(64) float lanes[kLanes] = {};
  for (int lane = 0; lane < count; ++lane) lanes[lane] = scales[lane * block.scaleStride];
  return load(lanes);
}

// Number k of every vector from `row` on, times its scale, for all k in ascending order.
template <typename Taker>
GEMMULE_INLINE void takeColumns(const VectorBlock& block, std::int64_t row, Taker& taker) {
  const float* vectors = block.vectors + row * block.rowStride;
  const std::int64_t left = block.count - row;
  const int count = left < kLanes ? static_cast<int>(left) : kLanes;
  const F32x16 scale = scalesOf(block, row, count);
  if (count < kLanes || block.columnStride != 1 || block.depth < kColumnsAtOnce) {
    for (std::int64_t k = 0; k < block.depth; ++k) {
      alignas(64) float column[kLanes] = {};
      for (int lane = 0; lane < count; ++lane) column[lane] = vectors[lane * block.rowStride + k * block.columnStride];
      taker.take(k, mul(load(column), scale));
    }
    return;
  }
  // Sixteen rows are more streams than processors foresee, so the next sixteen are called for here, where they lie side
  // by side, as they come in memory.
  const bool isDense = block.rowStride == block.depth;
  const float* ahead = vectors + kLanes * block.depth;
  F32x16 columns[kColumnsAtOnce];
  std::int64_t k = 0;
  for (; k + kColumnsAtOnce <= block.depth; k += kColumnsAtOnce) {
    if (isDense) {
#pragma GCC unroll 4
      for (int line = 0; line < kColumnsAtOnce; ++line) __builtin_prefetch(ahead + (k + line) * kLanes);
    }
    loadColumns(vectors + k, block.rowStride, columns);
#pragma GCC unroll 4
    for (int n = 0; n < kColumnsAtOnce; ++n) taker.take(k + n, mul(columns[n], scale));
  }
  if (k == block.depth) return;
  // Some of the last four columns have been there.
  loadColumns(vectors + block.depth - kColumnsAtOnce, block.rowStride, columns);
#pragma GCC unroll 4
  for (int n = 0; n < kColumnsAtOnce; ++n) {
    const std::int64_t at = block.depth - kColumnsAtOnce + n;
    if (at >= k) taker.take(at, mul(columns[n], scale));
  }
}

// Scores of 1 to kQueries queries with some of the vectors.
template <int kQueries>
void scoreVectors(const VectorBlock& block, std::int64_t begin, std::int64_t end, const float* queries,
                  std::int64_t queryStride, int queryCount, float* y, std::int64_t yStride) {
  if (queryCount == kQueries) {
    for (std::int64_t row = begin; row < end; row += kLanes) {
      ScoreSums<kQueries> sums{queries, queryStride, {}};
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) sums.sum[q] = zero();
      takeColumns(block, row, sums);
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) storeUpTo(y + q * yStride + row, sums.sum[q], end - row);
    }
  } else if constexpr (kQueries > 1) {
    scoreVectors<kQueries - 1>(block, begin, end, queries, queryStride, queryCount, y, yStride);
  }
}

inline void similarityScores(const VectorBlock& block, const float* queries, std::int64_t queryStride, int queryCount,
                             float* y, std::int64_t yStride) {
  for (std::int64_t begin = 0; begin < block.count; begin += kVectorsAtOnce) {
    const std::int64_t end = block.count - begin < kVectorsAtOnce ? block.count : begin + kVectorsAtOnce;
    for (int first = 0; first < queryCount; first += kQueriesAtOnce) {
      const int count = queryCount - first < kQueriesAtOnce ? queryCount - first : kQueriesAtOnce;
      scoreVectors<kQueriesAtOnce>(block, begin, end, queries + first * queryStride, queryStride, count,
                                   y + first * yStride, yStride);
    }
  }
}

inline void packVectors(const VectorBlock& block, float* panels) {
  for (std::int64_t row = 0; row < block.count; row += kLanes) {
    PanelWriter writer{panels + row * block.depth};
    takeColumns(block, row, writer);
  }
}

inline std::int64_t firstNotBelow(const float* scores, std::int64_t begin, std::int64_t count, float bound) {
  const F32x16 bounds = broadcast(bound);
  for (std::int64_t n = begin; n < count; n += kLanes) {
    const std::int64_t left = count - n;
    const unsigned lanes = left < kLanes ? (1u << left) - 1 : (1u << kLanes) - 1;
    const unsigned found = ~maskBits(less(loadUpTo(scores + n, left), bounds)) & lanes;
    if (found != 0) return n + __builtin_ctz(found);
  }
  return count;
}

inline constexpr SimilarityKernels kSimilarityKernels = {similarityScores, packVectors, firstNotBelow};

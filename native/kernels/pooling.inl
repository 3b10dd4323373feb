// Implements kernels/pooling.h; included once a target by kernels/targets.

inline constexpr std::int64_t kPoolingBlock = 32;

// The (weighted) sum of 16 columns over all tokens.
template <bool kWeighted>
GEMMULE_INLINE F32x16 sumTokens(const PooledSequence& sequence, std::int64_t column) {
  const std::int64_t left = sequence.columns - column;
  F32x16 total = zero();
  for (std::int64_t begin = 0; begin < sequence.tokens; begin += kPoolingBlock) {
    const std::int64_t end = begin + kPoolingBlock < sequence.tokens ? begin + kPoolingBlock : sequence.tokens;
    F32x16 sum = zero();
    for (std::int64_t token = begin; token < end; ++token) {
      const F32x16 value = loadUpTo(sequence.x + token * sequence.xStride + column, left);
      if constexpr (kWeighted) {
        sum = fma(value, broadcast(static_cast<float>(token + 1)), sum);
      } else {
        sum = add(sum, value);
      }
    }
    total = add(total, sum);
  }
  return total;
}

// As Math.max: NaN wins.
GEMMULE_INLINE F32x16 maxTokens(const PooledSequence& sequence, std::int64_t column) {
  const std::int64_t left = sequence.columns - column;
  F32x16 best = loadUpTo(sequence.x + column, left);
  for (std::int64_t token = 1; token < sequence.tokens; ++token) {
    const F32x16 value = loadUpTo(sequence.x + token * sequence.xStride + column, left);
    best = select(isNaN(best), best, max(best, value));
  }
  return best;
}

inline F32x16 poolColumns(const PooledSequence& sequence, std::int64_t column) {
  const float tokens = static_cast<float>(sequence.tokens);
  const std::int64_t left = sequence.columns - column;
  switch (sequence.mode) {
    case PoolingMode::kMean:
      return div(sumTokens<false>(sequence, column), broadcast(tokens));
    case PoolingMode::kWeightedMean: {
      const double weights = 0.5 * static_cast<double>(sequence.tokens) * static_cast<double>(sequence.tokens + 1);
      return div(sumTokens<true>(sequence, column), broadcast(static_cast<float>(weights)));
    }
    case PoolingMode::kMeanSqrtLength:
      return div(sumTokens<false>(sequence, column), sqrt(broadcast(tokens)));
    case PoolingMode::kMax:
      return maxTokens(sequence, column);
    case PoolingMode::kLastToken:
      return loadUpTo(sequence.x + (sequence.tokens - 1) * sequence.xStride + column, left);
    default:
      return loadUpTo(sequence.x + column, left);
  }
}

inline void pool(const PooledSequence& sequence) {
  const std::int64_t columns = sequence.columns;
  F32x16 squares = zero();
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    const F32x16 value = sequence.tokens == 0 ? zero() : poolColumns(sequence, n);
    storeUpTo(sequence.y + n, value, columns - n);
    squares = fma(value, value, squares);
  }
  if (!sequence.normalize) return;
  // A sum of squares that leaves float32's range is taken again, in float64.
  float norm = __builtin_sqrtf(sumLanes(squares));
  if (!(norm > 1e-18f && norm < 1e18f)) {
    double sum = 0;
    for (std::int64_t n = 0; n < columns; ++n) {
      sum += static_cast<double>(sequence.y[n]) * static_cast<double>(sequence.y[n]);
    }
    norm = static_cast<float>(__builtin_sqrt(sum));
  }
  norm = norm < 1e-12f ? 1e-12f : norm;
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    storeUpTo(sequence.y + n, div(loadUpTo(sequence.y + n, columns - n), broadcast(norm)), columns - n);
  }
}

inline constexpr PoolingKernels kPoolingKernels = {pool};

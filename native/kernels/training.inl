// Implements kernels/training.h; included once a target by kernels/targets.

#if defined(__SANITIZE_THREAD__)
inline F32x16 loadShared(float* p) {
  alignas(64) float lanes[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    lanes[lane] = std::atomic_ref<float>(p[lane]).load(std::memory_order_relaxed);
  return load(lanes);
}
inline void storeShared(float* p, F32x16 a) {
  alignas(64) float lanes[kLanes];
  store(lanes, a);
  for (int lane = 0; lane < kLanes; ++lane)
    std::atomic_ref<float>(p[lane]).store(lanes[lane], std::memory_order_relaxed);
}
inline void storeShared(float* p, float value) { std::atomic_ref<float>(*p).store(value, std::memory_order_relaxed); }
#else
GEMMULE_INLINE F32x16 loadShared(float* p) { return load(p); }
GEMMULE_INLINE void storeShared(float* p, F32x16 a) { store(p, a); }
GEMMULE_INLINE void storeShared(float* p, float value) { *p = value; }
#endif

/// scores[n] = hidden . rows[n] for kCount rows, each over 16 lanes in ascending order and a fixed tree.
template <int kCount>
void scoreRows(const float* hidden, float* const (&rows)[kCount], std::int64_t stride, float* scores) {
  F32x16 sums[kCount];
#pragma GCC unroll 8
  for (int n = 0; n < kCount; ++n) sums[n] = zero();
  for (std::int64_t lane = 0; lane < stride; lane += kLanes) {
    const F32x16 x = load(hidden + lane);
#pragma GCC unroll 8
    for (int n = 0; n < kCount; ++n) sums[n] = fma(x, loadShared(rows[n] + lane), sums[n]);
  }
#pragma GCC unroll 8
  for (int n = 0; n < kCount; ++n) scores[n] = sumLanes(sums[n]);
}

/// gradient += factors[n] * rows[n], then rows[n] += factors[n] * hidden, for kCount rows in order; they may be the
/// same.
template <int kCount>
void teachRows(const float* hidden, float* const (&rows)[kCount], std::int64_t stride, const float* factors,
               float* gradient) {
  F32x16 steps[kCount];
#pragma GCC unroll 8
  for (int n = 0; n < kCount; ++n) steps[n] = broadcast(factors[n]);
  for (std::int64_t lane = 0; lane < stride; lane += kLanes) {
    const F32x16 x = load(hidden + lane);
    F32x16 g = load(gradient + lane);
#pragma GCC unroll 8
    for (int n = 0; n < kCount; ++n) {
      const F32x16 row = loadShared(rows[n] + lane);
      g = fma(steps[n], row, g);
      storeShared(rows[n] + lane, fma(steps[n], x, row));
    }
    store(gradient + lane, g);
  }
}

template <int kCount>
void scoreTargets(const WordStep& step, std::int64_t first) {
  float* rows[kCount];
  for (int n = 0; n < kCount; ++n) rows[n] = step.output + step.outputRows[first + n] * step.stride;
  scoreRows<kCount>(step.hidden, rows, step.stride, step.scores + first);
}

template <int kCount>
void teachTargets(const WordStep& step, std::int64_t first) {
  float* rows[kCount];
  for (int n = 0; n < kCount; ++n) rows[n] = step.output + step.outputRows[first + n] * step.stride;
  teachRows<kCount>(step.hidden, rows, step.stride, step.scores + first, step.gradient);
}

inline float wordStep(const WordStep& step) {
  const std::int64_t stride = step.stride;
  const F32x16 share = broadcast(1.0f / static_cast<float>(step.inputs));
  for (std::int64_t lane = 0; lane < stride; lane += kLanes) {
    F32x16 sum = zero();
    for (std::int64_t n = 0; n < step.inputs; ++n) {
      sum = add(sum, loadShared(step.input + step.inputRows[n] * stride + lane));
    }
    store(step.hidden + lane, mul(sum, share));
    store(step.gradient + lane, zero());
  }
  std::int64_t first = 0;
  for (; step.targets - first >= 4; first += 4) scoreTargets<4>(step, first);
  for (; first < step.targets; ++first) scoreTargets<1>(step, first);
  // A score of -128 with the label 0 has neither a loss nor a gradient.
  for (std::int64_t n = step.targets; n % kLanes != 0; ++n) {
    step.scores[n] = -128.0f;
    step.labels[n] = 0.0f;
  }
  F32x16 losses = zero();
  for (std::int64_t n = 0; n < step.targets; n += kLanes) {
    const F32x16 score = load(step.scores + n);
    const F32x16 label = load(step.labels + n);
    const F32x16 e = exp(negate(abs(score)));
    losses = add(losses, sub(add(max(score, zero()), log1p(e)), mul(label, score)));
    store(step.scores + n, mul(sub(label, sigmoid(score)), broadcast(step.learningRate)));
  }
  for (first = 0; step.targets - first >= 4; first += 4) teachTargets<4>(step, first);
  for (; first < step.targets; ++first) teachTargets<1>(step, first);
  for (std::int64_t n = 0; n < step.inputs; ++n) {
    float* row = step.input + step.inputRows[n] * stride;
    for (std::int64_t lane = 0; lane < stride; lane += kLanes) {
      storeShared(row + lane, add(loadShared(row + lane), load(step.gradient + lane)));
    }
  }
  return sumLanes(losses);
}

inline float gloveStep(const GloveStep& step) {
  F32x16 sum = zero();
  for (std::int64_t lane = 0; lane < step.stride; lane += kLanes) {
    sum = fma(loadShared(step.row + lane), loadShared(step.column + lane), sum);
  }
  const float difference = sumLanes(sum) - step.target;
  const float slope = step.weight * difference;
  const float loss = 0.5f * slope * difference;
  if (!(loss < __builtin_inff())) return __builtin_nanf("");
  const F32x16 factor = broadcast(slope);
  const F32x16 rate = broadcast(step.learningRate);
  for (std::int64_t lane = 0; lane < step.stride; lane += kLanes) {
    const F32x16 row = loadShared(step.row + lane);
    const F32x16 column = loadShared(step.column + lane);
    const F32x16 rowSquares = loadShared(step.rowSquares + lane);
    const F32x16 columnSquares = loadShared(step.columnSquares + lane);
    const F32x16 rowGradient = mul(factor, column);
    const F32x16 columnGradient = mul(factor, row);
    storeShared(step.row + lane, sub(row, div(mul(rate, rowGradient), sqrt(rowSquares))));
    storeShared(step.column + lane, sub(column, div(mul(rate, columnGradient), sqrt(columnSquares))));
    storeShared(step.rowSquares + lane, fma(rowGradient, rowGradient, rowSquares));
    storeShared(step.columnSquares + lane, fma(columnGradient, columnGradient, columnSquares));
  }
  // The ones are no parameters.
  storeShared(step.row + step.dimensions + 1, 1.0f);
  storeShared(step.column + step.dimensions, 1.0f);
  return loss;
}

inline constexpr TrainingKernels kTrainingKernels = {wordStep, gloveStep};

// Implements kernels/attention.h; included once a target by kernels/targets, after gemm.inl.

// Scores of a block of queries: at most this many floats, unless the smallest block has more.
inline constexpr std::int64_t kScoreFloats = 32 * 1024;

inline std::int64_t roundUpToLanes(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Queries of a block: a multiple of the tile's rows.
inline std::int64_t queryBlockRows(std::int64_t tokens) {
  const std::int64_t tiles = kScoreFloats / (roundUpToLanes(tokens) * kTileRows);
  return (tiles < 1 ? 1 : tiles > 8 ? 8 : tiles) * kTileRows;
}

inline std::int64_t attentionScratchFloats(std::int64_t tokens, std::int64_t headDim) {
  const std::int64_t keys = roundUpToLanes(tokens);
  return keys * headDim + keys * roundUpToLanes(headDim) + queryBlockRows(tokens) * keys;
}

// [tokens, headDim] to panels of 16 tokens, [headDim, 16] each, the last padded with zeros.
inline void packKeys(const AttentionHead& head, float* panels) {
  for (std::int64_t token = 0; token < head.tokens; token += kLanes) {
    const std::int64_t left = head.tokens - token;
    const int count = left < kLanes ? static_cast<int>(left) : kLanes;
    const float* rows = head.key + token * head.keyStride;
    std::int64_t n = 0;
    for (; n + kLanes <= head.headDim; n += kLanes) {
      transposeRows(rows + n, head.keyStride, count, panels + n * kLanes);
    }
    for (; n < head.headDim; ++n) {
      for (int lane = 0; lane < kLanes; ++lane) {
        panels[n * kLanes + lane] = lane < count ? rows[lane * head.keyStride + n] : 0.0f;
      }
    }
    panels += head.headDim * kLanes;
  }
}

// [tokens, headDim] to panels of 16 columns, [tokens, 16] each, the last padded with zeros. Returns whether all are
// finite.
inline bool packValues(const AttentionHead& head, float* panels) {
  // x - x is zero for finite numbers and NaN for others.
  F32x16 difference = zero();
  for (std::int64_t column = 0; column < head.headDim; column += kLanes) {
    const std::int64_t left = head.headDim - column;
    for (std::int64_t token = 0; token < head.tokens; ++token) {
      const float* row = head.value + token * head.valueStride + column;
      const F32x16 values = left >= kLanes ? load(row) : loadPartial(row, static_cast<int>(left));
      difference = add(difference, sub(values, values));
      store(panels, values);
      panels += kLanes;
    }
  }
  return maskBits(isNaN(difference)) == 0;
}

alignas(64) inline constexpr float kLaneNumbers[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Keys [begin, end) that a query sees.
struct KeyRange {
  std::int64_t begin;
  std::int64_t end;
};

inline KeyRange visibleKeys(const AttentionHead& head, std::int64_t query) {
  KeyRange range = {0, head.causal ? query + 1 : head.tokens};
  if (head.window > 0) {
    if (query - head.window > range.begin) range.begin = query - head.window;
    if (query + head.window + 1 < range.end) range.end = query + head.window + 1;
  }
  if (range.end > head.keys) range.end = head.keys;
  if (range.begin > range.end) range.begin = range.end;
  return range;
}

// How the softmax of a query reads its dot products: exp(score - greatest) = 2^(factor * (value - greatest value)),
// where a value is the product itself if there is nothing to add and the factor is positive.
struct ScoreReader {
  const AttentionHead& head;
  std::int64_t query;
  KeyRange range;
  bool asTheyAre;
  float factor;

  ScoreReader(const AttentionHead& of, std::int64_t queryOf)
      : head(of),
        query(queryOf),
        range(visibleKeys(of, queryOf)),
        asTheyAre(of.bias == nullptr && of.scale > 0),
        factor((asTheyAre ? of.scale : 1.0f) * 1.44269504f) {}

  // The values of the 16 keys from `key` on, -infinity where out of sight.
  GEMMULE_INLINE F32x16 values(std::int64_t key, const float* products) const {
    F32x16 value = load(products);
    if (!asTheyAre) {
      value = mul(value, broadcast(head.scale));
      if (head.bias != nullptr) value = add(value, load(head.bias + key - query));
    }
    if (key < range.begin || key + kLanes > range.end) {
      const F32x16 place = add(broadcast(static_cast<float>(key)), load(kLaneNumbers));
      const F32x16 hidden = broadcast(-INFINITY);
      value = select(less(place, broadcast(static_cast<float>(range.begin))), hidden, value);
      value = select(less(place, broadcast(static_cast<float>(range.end))), value, hidden);
    }
    return value;
  }
};

// The dot products of a query with keys `first` to `first + count` (both multiples of 16) become exp(score - greatest),
// zero for keys out of sight. Returns the sum, or 1 where no key is in sight. Two chains of maxima and of sums, so that
// one addition need not wait for the other.
inline float exponentiateScores(const AttentionHead& head, std::int64_t query, std::int64_t first, std::int64_t count,
                                float* scores) {
  const ScoreReader reader(head, query);
  if (reader.range.begin == reader.range.end) {
    for (std::int64_t n = 0; n < count; ++n) scores[n] = 0.0f;
    return 1.0f;
  }
  F32x16 greatest[2] = {broadcast(-INFINITY), broadcast(-INFINITY)};
  for (std::int64_t n = 0; n < count; n += 2 * kLanes) {
    greatest[0] = max(greatest[0], reader.values(first + n, scores + n));
    if (n + kLanes == count) break;
    greatest[1] = max(greatest[1], reader.values(first + n + kLanes, scores + n + kLanes));
  }
  const F32x16 factor = broadcast(reader.factor);
  const F32x16 reference = broadcast(-reader.factor * maxLanes(max(greatest[0], greatest[1])));
  F32x16 sum[2] = {zero(), zero()};
  for (std::int64_t n = 0; n < count; n += kLanes) {
    const F32x16 exponential = powerForSoftmax(fma(reader.values(first + n, scores + n), factor, reference));
    store(scores + n, exponential);
    F32x16& part = sum[n / kLanes % 2];
    part = add(part, exponential);
  }
  return sumLanes(add(sum[0], sum[1]));
}

inline void divideRow(const float* x, float divisor, std::int64_t count, float* y) {
  const F32x16 d = broadcast(divisor);
  std::int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes) store(y + n, div(load(x + n), d));
  if (n < count) {
    const int left = static_cast<int>(count - n);
    storePartial(y + n, div(loadPartial(x + n, left), d), left);
  }
}

// Queries [query, query + rows) of a head whose keys and values have been packed.
inline void attendBlock(const AttentionHead& head, std::int64_t query, std::int64_t rows, const float* keyPanels,
                        const float* valuePanels, float* scores) {
  const KeyRange firstRange = visibleKeys(head, query);
  const KeyRange lastRange = visibleKeys(head, query + rows - 1);
  const std::int64_t begin = firstRange.begin / kLanes * kLanes;
  const std::int64_t count = roundUpToLanes(lastRange.end - begin);

  GemmBlock block{};
  block.x = head.query + query * head.queryStride;
  block.xStride = head.queryStride;
  block.rows = rows;
  block.depth = head.headDim;
  block.panels = keyPanels + begin * head.headDim;
  block.panelStride = kLanes * head.headDim;
  block.columns = count;
  block.epilogue.y = scores;
  block.epilogue.yStride = count;
  gemmBlock<float>(block);

  float sums[8 * kTileRows];
  for (std::int64_t row = 0; row < rows; ++row) {
    sums[row] = exponentiateScores(head, query + row, begin, count, scores + row * count);
  }

  float* y = head.y + query * head.yStride;
  if (head.value == nullptr) {
    for (std::int64_t row = 0; row < rows; ++row) {
      float* weights = y + row * head.yStride;
      for (std::int64_t key = 0; key < begin; ++key) weights[key] = 0.0f;
      divideRow(scores + row * count, sums[row], lastRange.end - begin, weights + begin);
      for (std::int64_t key = lastRange.end; key < head.tokens; ++key) weights[key] = 0.0f;
    }
    return;
  }
  block = {};
  block.x = scores;
  block.xStride = count;
  block.rows = rows;
  block.depth = lastRange.end - begin;
  block.panels = valuePanels + begin * kLanes;
  block.panelStride = head.tokens * kLanes;
  block.columns = head.headDim;
  block.epilogue.y = y;
  block.epilogue.yStride = head.yStride;
  gemmBlock<float>(block);
  for (std::int64_t row = 0; row < rows; ++row) {
    divideRow(y + row * head.yStride, sums[row], head.headDim, y + row * head.yStride);
  }
}

// One query whose unseen keys may have infinite values: zero times infinity must not come in.
inline void attendQuery(const AttentionHead& head, std::int64_t query, const float* keyPanels, const float* valuePanels,
                        float* scores) {
  const KeyRange range = visibleKeys(head, query);
  const std::int64_t begin = range.begin / kLanes * kLanes;
  const std::int64_t count = roundUpToLanes(range.end - begin);
  GemmBlock block{};
  block.x = head.query + query * head.queryStride;
  block.xStride = head.queryStride;
  block.rows = 1;
  block.depth = head.headDim;
  block.panels = keyPanels + begin * head.headDim;
  block.panelStride = kLanes * head.headDim;
  block.columns = count;
  block.epilogue.y = scores;
  block.epilogue.yStride = count;
  gemmBlock<float>(block);
  const float sum = exponentiateScores(head, query, begin, count, scores);

  float* y = head.y + query * head.yStride;
  block = {};
  block.x = scores + (range.begin - begin);
  block.xStride = count;
  block.rows = 1;
  block.depth = range.end - range.begin;
  block.panels = valuePanels + range.begin * kLanes;
  block.panelStride = head.tokens * kLanes;
  block.columns = head.headDim;
  block.epilogue.y = y;
  block.epilogue.yStride = head.yStride;
  gemmBlock<float>(block);
  divideRow(y, sum, head.headDim, y);
}

inline void attend(const AttentionHead& head) {
  if (head.tokens == 0) return;
  const std::int64_t keys = roundUpToLanes(head.tokens);
  float* keyPanels = head.scratch;
  float* valuePanels = keyPanels + keys * head.headDim;
  float* scores = valuePanels + keys * roundUpToLanes(head.headDim);
  packKeys(head, keyPanels);
  const bool finite = head.value == nullptr || packValues(head, valuePanels);
  if (!finite && (head.causal || head.window > 0 || head.keys < head.tokens)) {
    for (std::int64_t query = 0; query < head.tokens; ++query) attendQuery(head, query, keyPanels, valuePanels, scores);
    return;
  }
  const std::int64_t blockRows = queryBlockRows(head.tokens);
  for (std::int64_t query = 0; query < head.tokens; query += blockRows) {
    const std::int64_t left = head.tokens - query;
    attendBlock(head, query, left < blockRows ? left : blockRows, keyPanels, valuePanels, scores);
  }
}

inline constexpr AttentionKernels kAttentionKernels = {attend, attentionScratchFloats};

// Implements kernels/attention.h; included once a target by kernels/targets, after gemm.inl.

// Scores of a block of queries: at most this many floats, unless the smallest block has more.
inline constexpr std::int64_t kScoreFloats = 32 * 1024;

// Values of so few tokens are read where they lie: rows that are pages apart share few places of the first-level cache.
inline constexpr std::int64_t kMostTokensInPlace = 64;

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
  F32x16 marks = zero();
  for (std::int64_t column = 0; column < head.headDim; column += kLanes) {
    const std::int64_t left = head.headDim - column;
    for (std::int64_t token = 0; token < head.tokens; ++token) {
      const float* row = head.value + token * head.valueStride + column;
      const F32x16 values = left >= kLanes ? load(row) : loadPartial(row, static_cast<int>(left));
      marks = markNonFinite(marks, values);
      store(panels, values);
      panels += kLanes;
    }
  }
  return noneMarked(marks);
}

// Values as the product reads them.
struct ValuePanels {
  const float* data;
  std::int64_t panelStride;
  std::int64_t depthStride;
};

// Whether there are keys that some query does not see.
inline bool hidesKeys(const AttentionHead& head) { return head.causal || head.window > 0 || head.keys < head.tokens; }

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

  void moveTo(std::int64_t next) {
    query = next;
    if (head.causal || head.window > 0) range = visibleKeys(head, next);
  }

  // The values of the 16 keys from `key` on, -infinity where out of sight.
  GEMMULE_INLINE F32x16 values(std::int64_t key, const float* products) const {
    F32x16 value = load(products);
    if (!asTheyAre) {
      value = mul(value, broadcast(head.scale));
      if (head.bias != nullptr) value = add(value, load(head.bias + key - query));
    }
    const F32x16 lanes = load(kLaneNumbers);
    if (key < range.begin) {
      value = select(less(lanes, broadcast(static_cast<float>(range.begin - key))), broadcast(-INFINITY), value);
    }
    if (key + kLanes > range.end) {
      value = select(less(lanes, broadcast(static_cast<float>(range.end - key))), value, broadcast(-INFINITY));
    }
    return value;
  }
};

// What the softmax of a query subtracts: the largest score of keys `first` to `first + count` (both multiples of 16),
// times the reader's factor. Two chains of maxima, so that one need not wait for the other.
inline float greatestScore(const ScoreReader& reader, std::int64_t first, std::int64_t count, const float* products) {
  F32x16 greatest[2] = {broadcast(-INFINITY), broadcast(-INFINITY)};
  for (std::int64_t n = 0; n < count; n += 2 * kLanes) {
    greatest[0] = max(greatest[0], reader.values(first + n, products + n));
    if (n + kLanes == count) break;
    greatest[1] = max(greatest[1], reader.values(first + n + kLanes, products + n + kLanes));
  }
  return reader.factor * maxLanes(max(greatest[0], greatest[1]));
}

// The 16 keys from `key` on; returns what it stores.
GEMMULE_INLINE F32x16 exponentiate(const ScoreReader& reader, std::int64_t key, F32x16 reference, float* scores) {
  const F32x16 exponential = powerForSoftmax(fma(reader.values(key, scores), broadcast(reader.factor), reference));
  store(scores, exponential);
  return exponential;
}

// The dot products of a query with those keys become exp(score - greatest), zero for keys out of sight. Returns the
// sum, or 1 where no key is in sight.
inline float exponentiateScores(const ScoreReader& reader, float greatest, std::int64_t first, std::int64_t count,
                                float* scores) {
  if (reader.range.begin == reader.range.end) {
    for (std::int64_t n = 0; n < count; ++n) scores[n] = 0.0f;
    return 1.0f;
  }
  const F32x16 reference = broadcast(-greatest);
  F32x16 sum[2] = {zero(), zero()};
  for (std::int64_t n = 0; n < count; n += 2 * kLanes) {
    sum[0] = add(sum[0], exponentiate(reader, first + n, reference, scores + n));
    if (n + kLanes == count) break;
    sum[1] = add(sum[1], exponentiate(reader, first + n + kLanes, reference, scores + n + kLanes));
  }
  return sumLanes(add(sum[0], sum[1]));
}

// The softmax of queries [query, query + rows), up to a factor for each. A few rows together: each alone would wait for
// its greatest score.
inline void exponentiateRows(const AttentionHead& head, std::int64_t query, std::int64_t rows, std::int64_t first,
                             std::int64_t count, float* scores, float* factors) {
  float greatest[kTileRows];
  ScoreReader reader(head, query);
  for (std::int64_t done = 0; done < rows; done += kTileRows) {
    const std::int64_t together = rows - done < kTileRows ? rows - done : kTileRows;
    for (std::int64_t n = 0; n < together; ++n) {
      const std::int64_t row = done + n;
      reader.moveTo(query + row);
      greatest[n] = greatestScore(reader, first, count, scores + row * count);
    }
    for (std::int64_t n = 0; n < together; ++n) {
      const std::int64_t row = done + n;
      reader.moveTo(query + row);
      factors[row] = 1.0f / exponentiateScores(reader, greatest[n], first, count, scores + row * count);
    }
  }
}

inline void scaleRow(const float* x, float factor, std::int64_t count, float* y) {
  const F32x16 f = broadcast(factor);
  for (std::int64_t n = 0; n < count; n += kLanes) {
    storeUpTo(y + n, mul(loadUpTo(x + n, count - n), f), count - n);
  }
}

// Queries [query, query + rows) of a head whose keys and values have been packed.
inline void attendBlock(const AttentionHead& head, std::int64_t query, std::int64_t rows, const float* keyPanels,
                        const ValuePanels& values, float* scores) {
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

  float factors[8 * kTileRows];
  exponentiateRows(head, query, rows, begin, count, scores, factors);

  float* y = head.y + query * head.yStride;
  if (head.value == nullptr) {
    for (std::int64_t row = 0; row < rows; ++row) {
      float* weights = y + row * head.yStride;
      for (std::int64_t key = 0; key < begin; ++key) weights[key] = 0.0f;
      scaleRow(scores + row * count, factors[row], lastRange.end - begin, weights + begin);
      for (std::int64_t key = lastRange.end; key < head.tokens; ++key) weights[key] = 0.0f;
    }
    return;
  }
  block = {};
  block.x = scores;
  block.xStride = count;
  block.rows = rows;
  block.depth = lastRange.end - begin;
  block.panels = values.data + begin * values.depthStride;
  block.panelStride = values.panelStride;
  block.depthStride = values.depthStride;
  block.columns = head.headDim;
  block.epilogue.y = y;
  block.epilogue.yStride = head.yStride;
  gemmBlock<float>(block);
  for (std::int64_t row = 0; row < rows; ++row) {
    scaleRow(y + row * head.yStride, factors[row], head.headDim, y + row * head.yStride);
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
  float factor;
  exponentiateRows(head, query, 1, begin, count, scores, &factor);

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
  scaleRow(y, factor, head.headDim, y);
}

inline void attend(const AttentionHead& head) {
  if (head.tokens == 0) return;
  const std::int64_t keys = roundUpToLanes(head.tokens);
  float* keyPanels = head.scratch;
  float* valuePanels = keyPanels + keys * head.headDim;
  float* scores = valuePanels + keys * roundUpToLanes(head.headDim);
  packKeys(head, keyPanels);
  ValuePanels values = {valuePanels, head.tokens * kLanes, kLanes};
  if (head.value != nullptr) {
    if (head.tokens <= kMostTokensInPlace && head.headDim % kLanes == 0 && !hidesKeys(head)) {
      values = {head.value, kLanes, head.valueStride};
    } else if (!packValues(head, valuePanels) && hidesKeys(head)) {
      for (std::int64_t query = 0; query < head.tokens; ++query) {
        attendQuery(head, query, keyPanels, valuePanels, scores);
      }
      return;
    }
  }
  const std::int64_t blockRows = queryBlockRows(head.tokens);
  for (std::int64_t query = 0; query < head.tokens; query += blockRows) {
    const std::int64_t left = head.tokens - query;
    attendBlock(head, query, left < blockRows ? left : blockRows, keyPanels, values, scores);
  }
}

inline constexpr AttentionKernels kAttentionKernels = {attend, attentionScratchFloats};

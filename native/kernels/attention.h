#pragma once

#include <cstdint>

namespace gemmule {

/// One head of one sequence: `y = softmax(scale * Q K^T + bias) V`.
struct AttentionHead {
  /// Each [tokens, headDim], unit column stride.
  const float* query;
  const float* key;
  /// Null where only the weights are wanted.
  const float* value;
  std::int64_t queryStride;
  std::int64_t keyStride;
  std::int64_t valueStride;
  std::int64_t tokens;
  /// Keys that queries may see: the first so many tokens.
  std::int64_t keys;
  std::int64_t headDim;
  float scale;
  /// A query sees no later key.
  bool causal;
  /// Positions that a query sees on each side; 0 for all.
  std::int64_t window;
  /// Added to the score of a query and a key: `bias[key - query]` for 1 - tokens <= key - query < tokens + 15, or null.
  const float* bias;
  /// [tokens, headDim], or, without values, the weights [tokens, tokens].
  float* y;
  std::int64_t yStride;
  /// `scratchFloats(tokens, headDim)` floats, aligned to 64 bytes.
  float* scratch;
};

/// Attention within one sequence.
///
/// Keys are transposed into panels of 16 and values, but those of a few tokens, copied into panels of 16 columns, once
/// a head, so that both products run on the tiles of the GEMM. Queries are taken in blocks whose scores stay in the
/// second-level cache; the softmax takes two passes over a row, and the result is multiplied by the inverse of its sum.
/// Cost: 2 * tokens^2 * headDim multiply-adds and tokens^2 exponentials, or what causality and the window leave of
/// them. Every sum runs over keys in ascending order, so a row's bits depend on its own sequence only.
struct AttentionKernels {
  void (*attend)(const AttentionHead& head);
  std::int64_t (*scratchFloats)(std::int64_t tokens, std::int64_t headDim);
};

}  // namespace gemmule

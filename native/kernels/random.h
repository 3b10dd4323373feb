#pragma once

#include <cstdint>

namespace gemmule {

/// What tells one sequence of random words from another.
struct PhiloxKey {
  std::uint32_t seedLow;
  std::uint32_t seedHigh;
  std::uint32_t stream;
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), 16 blocks side by side, and
/// the distributions of float32 made of its words.
struct RandomKernels {
  /// The four words of each of `blocks` blocks from `first` on, whose counter is the block's number and the stream.
  void (*words)(const PhiloxKey& key, std::uint64_t first, std::int64_t blocks, std::uint32_t* words);
  /// y[i] in [0, 1) of the upper 24 bits of words[i].
  void (*uniform)(const std::uint32_t* words, std::int64_t count, float* y);
  /// Pairs of uniform numbers become pairs of normal ones, in float64 lanes (Box and Muller, 1958).
  void (*normal)(float* y, std::int64_t pairs);
};

}  // namespace gemmule

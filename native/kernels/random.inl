// Implements kernels/random.h; included once a target by kernels/targets.

namespace philox {

inline constexpr int kBlocks = 16;

/// 16 blocks, one a lane: ten rounds of two widening products a block.
inline void sixteenBlocks(const PhiloxKey& key, std::uint64_t first, std::uint32_t* __restrict words) {
  alignas(64) std::uint32_t c0[kBlocks];
  alignas(64) std::uint32_t c1[kBlocks];
  alignas(64) std::uint32_t c2[kBlocks];
  alignas(64) std::uint32_t c3[kBlocks];
  for (int lane = 0; lane < kBlocks; ++lane) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(lane);
    c0[lane] = static_cast<std::uint32_t>(block);
    c1[lane] = static_cast<std::uint32_t>(block >> 32);
    c2[lane] = key.stream;
    c3[lane] = 0;
  }
  std::uint32_t k0 = key.seedLow;
  std::uint32_t k1 = key.seedHigh;
  for (int round = 0; round < 10; ++round) {
    for (int lane = 0; lane < kBlocks; ++lane) {
      const std::uint64_t even = std::uint64_t{0xd2511f53} * c0[lane];
      const std::uint64_t odd = std::uint64_t{0xcd9e8d57} * c2[lane];
      c0[lane] = static_cast<std::uint32_t>(odd >> 32) ^ c1[lane] ^ k0;
      c1[lane] = static_cast<std::uint32_t>(odd);
      c2[lane] = static_cast<std::uint32_t>(even >> 32) ^ c3[lane] ^ k1;
      c3[lane] = static_cast<std::uint32_t>(even);
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  for (int lane = 0; lane < kBlocks; ++lane) {
    words[4 * lane] = c0[lane];
    words[4 * lane + 1] = c1[lane];
    words[4 * lane + 2] = c2[lane];
    words[4 * lane + 3] = c3[lane];
  }
}

inline void words(const PhiloxKey& key, std::uint64_t first, std::int64_t blocks, std::uint32_t* words) {
  std::int64_t n = 0;
  for (; n + kBlocks <= blocks; n += kBlocks) sixteenBlocks(key, first + static_cast<std::uint64_t>(n), words + 4 * n);
  if (n == blocks) return;
  std::uint32_t rest[4 * kBlocks];
  sixteenBlocks(key, first + static_cast<std::uint64_t>(n), rest);
  std::memcpy(words + 4 * n, rest, static_cast<std::size_t>(4 * (blocks - n)) * sizeof(std::uint32_t));
}

inline void uniform(const std::uint32_t* __restrict words, std::int64_t count, float* __restrict y) {
  for (std::int64_t n = 0; n < count; ++n) {
    y[n] = static_cast<float>(static_cast<std::int32_t>(words[n] >> 8)) * 0x1p-24f;
  }
}

inline void normal(float* y, std::int64_t pairs) {
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t begin = 0; begin < pairs; begin += kBlock) {
    const std::int64_t size = pairs - begin < kBlock ? pairs - begin : kBlock;
    float* pair = y + 2 * begin;
    float first[kBlock];
    float second[kBlock];
    for (std::int64_t n = 0; n < size; ++n) {
      first[n] = pair[2 * n];
      second[n] = pair[2 * n + 1];
    }
    for (std::int64_t n = 0; n < size; ++n) {
      const wide::LogParts log = wide::logParts(1.0 - static_cast<double>(first[n]));
      const double radius = __builtin_sqrt(-2.0 * (log.k * wide::kLn2 + log.logOfM));
      const double angle = 2.0 * wide::kPi * static_cast<double>(second[n]);
      first[n] = static_cast<float>(radius * wide::sineOfTurned(angle, 1.0));
      second[n] = static_cast<float>(radius * wide::sineOfTurned(angle, 0.0));
    }
    for (std::int64_t n = 0; n < size; ++n) {
      pair[2 * n] = first[n];
      pair[2 * n + 1] = second[n];
    }
  }
}

}  // namespace philox

inline constexpr RandomKernels kRandomKernels = {philox::words, philox::uniform, philox::normal};

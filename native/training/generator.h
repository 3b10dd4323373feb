#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace gemmule {

/// xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021): fast, and only of 32-bit
/// operations, which `src/backend/reference/generator.ts` does as well.
class Generator {
 public:
  /// A state for each list of numbers; neighbouring lists give unrelated ones.
  explicit Generator(std::span<const std::uint32_t> seeds) {
    for (std::uint32_t n = 0; n < 4; ++n) {
      std::uint32_t mixed = mix(n + 1);
      for (const std::uint32_t seed : seeds) mixed = mix(mixed ^ seed) + 0x9E3779B9u;
      state_[n] = mixed;
    }
    // All zeros would stay so.
    state_[0] |= 1u;
  }

  std::uint32_t next() {
    const std::uint32_t result = std::rotl(state_[0] + state_[3], 7) + state_[0];
    const std::uint32_t shifted = state_[1] << 9;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 11);
    return result;
  }

  /// A whole number below `bound`; evenly so but for bound / 2^32.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(next()) * bound >> 32);
  }

 private:
  /// The finaliser of MurmurHash3.
  static std::uint32_t mix(std::uint32_t x) {
    x = (x ^ x >> 16) * 0x85EBCA6Bu;
    x = (x ^ x >> 13) * 0xC2B2AE35u;
    return x ^ x >> 16;
  }

  std::uint32_t state_[4];
};

}  // namespace gemmule

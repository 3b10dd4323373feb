#pragma once

#include <cstdint>
#include <cstring>

namespace gemmule {

// Unsigned keys that rise as the numbers do; both zeros are one, and NaN is the greatest.

inline std::uint32_t keyOf(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = x == 0 ? 0 : bits;
  const std::uint32_t key = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
  return x != x ? UINT32_MAX : key;
}

inline std::uint64_t keyOf(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = x == 0 ? 0 : bits;
  const std::uint64_t key = (bits >> 63) != 0 ? ~bits : bits | std::uint64_t{1} << 63;
  return x != x ? UINT64_MAX : key;
}

inline std::uint32_t keyOf(std::int32_t x) { return static_cast<std::uint32_t>(x) ^ 0x80000000u; }

inline std::uint8_t keyOf(std::uint8_t x) { return x; }

/// The number that has the key; zero where it was negative zero, a NaN where it was any.
inline float numberOf(std::uint32_t key) {
  const std::uint32_t bits = (key >> 31) != 0 ? key & 0x7fffffffu : ~key;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace gemmule

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/candidates/candidate.h"

namespace gemmule::bench {

using PackedCandidate = std::unique_ptr<void, void (*)(void*)>;

inline PackedCandidate packCandidate(const Candidate& candidate, const float* weight, std::int64_t n, std::int64_t k) {
  return {candidate.pack(weight, n, k), candidate.release};
}

/// Numbers with NaN behind them, which whoever reads on cannot miss. They begin 4 bytes past an aligned address.
class UnalignedNumbers {
 public:
  UnalignedNumbers(std::int64_t count, unsigned seed)
      : memory_(static_cast<std::size_t>(1 + count) + kBehind, std::numeric_limits<float>::quiet_NaN()) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    for (std::int64_t n = 0; n < count; ++n) memory_[static_cast<std::size_t>(1 + n)] = normal(engine);
  }
  const float* data() const { return memory_.data() + 1; }
  void forget() { std::fill(memory_.begin(), memory_.end(), std::numeric_limits<float>::quiet_NaN()); }

 private:
  static constexpr std::size_t kBehind = 64;
  std::vector<float> memory_;
};

/// Room for a result between guards, unaligned too.
class GuardedResult {
 public:
  GuardedResult(std::int64_t count, float before)
      : count_(static_cast<std::size_t>(count)), memory_(2 * kGuard + count_, before) {
    for (std::size_t n = 0; n < kGuard; ++n) {
      std::memcpy(&memory_[n], &kPattern, sizeof kPattern);
      std::memcpy(&memory_[kGuard + count_ + n], &kPattern, sizeof kPattern);
    }
  }
  float* data() { return memory_.data() + kGuard; }
  bool sameBits(const GuardedResult& other) const {
    return std::memcmp(memory_.data(), other.memory_.data(), memory_.size() * sizeof(float)) == 0;
  }
  bool guardsAreWhole() const {
    for (std::size_t n = 0; n < kGuard; ++n) {
      if (std::memcmp(&memory_[n], &kPattern, sizeof kPattern) != 0) return false;
      if (std::memcmp(&memory_[kGuard + count_ + n], &kPattern, sizeof kPattern) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 65;
  static constexpr std::uint32_t kPattern = 0x4b1dface;
  std::size_t count_;
  std::vector<float> memory_;
};

/// Why a candidate is wrong at one shape; empty where it is right.
inline std::string faultAt(const Candidate& candidate, std::int64_t m, std::int64_t n, std::int64_t k) {
  const auto seed = static_cast<unsigned>(m * 1000003 + n * 1009 + k);
  const UnalignedNumbers x(m * k, seed);
  UnalignedNumbers weight(n * k, seed + 1);
  std::vector<double> exact;
  std::vector<double> allowed;
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t column = 0; column < n; ++column) {
      double sum = 0;
      double magnitude = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        const double product = double{x.data()[row * k + i]} * double{weight.data()[column * k + i]};
        sum += product;
        magnitude += std::fabs(product);
      }
      exact.push_back(sum);
      allowed.push_back(candidate.tolerance * magnitude);
    }
  }

  const std::string shape = "m " + std::to_string(m) + ", n " + std::to_string(n) + ", k " + std::to_string(k) + ": ";
  const PackedCandidate packed = packCandidate(candidate, weight.data(), n, k);
  if (packed == nullptr) return shape + "pack returned null";
  weight.forget();
  // What y holds before must not matter.
  GuardedResult first(m * n, std::numeric_limits<float>::quiet_NaN());
  GuardedResult second(m * n, 1e30f);
  candidate.run(packed.get(), x.data(), m, first.data());
  candidate.run(packed.get(), x.data(), m, second.data());

  if (!first.guardsAreWhole() || !second.guardsAreWhole()) return shape + "wrote before or beyond y";
  for (std::int64_t index = 0; index < m * n; ++index) {
    const double value = first.data()[index];
    const auto at = static_cast<std::size_t>(index);
    const double difference = std::fabs(value - exact[at]);
    if (difference <= allowed[at]) continue;
    char text[160];
    std::snprintf(text, sizeof text, "y[%lld, %lld] is %.9g instead of %.9g: off by %.3g, allowed %.3g",
                  static_cast<long long>(index / n), static_cast<long long>(index % n), value, exact[at], difference,
                  allowed[at]);
    return shape + text;
  }
  if (!first.sameBits(second)) return shape + "a second run gave other bits";
  return {};
}

/// Why a candidate is wrong, with the shape at which it was found out; empty where it is right.
inline std::string faultOf(const Candidate& candidate) {
  constexpr std::int64_t kRows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 97};
  constexpr std::int64_t kColumns[] = {1, 15, 16, 17, 100};
  constexpr std::int64_t kDepths[] = {1, 7, 64, 100, 384};
  for (const std::int64_t m : kRows) {
    for (const std::int64_t n : kColumns) {
      for (const std::int64_t k : kDepths) {
        const std::string fault = faultAt(candidate, m, n, k);
        if (!fault.empty()) return fault;
      }
    }
  }
  // Large ones, which may be cut into blocks.
  for (const std::int64_t m : {3, 33}) {
    for (const auto& [n, k] : {std::pair<std::int64_t, std::int64_t>{1152, 384}, {384, 1536}}) {
      const std::string fault = faultAt(candidate, m, n, k);
      if (!fault.empty()) return fault;
    }
  }
  return {};
}

}  // namespace gemmule::bench

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "runtime/cpu.h"

namespace gemmule::bench {

using Clock = std::chrono::steady_clock;

inline double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double medianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// How many repetitions of `run(repetitions)` take about `wanted` seconds. Warms up on the way.
template <typename Run>
std::int64_t repetitionsFor(double wanted, const Run& run) {
  for (std::int64_t repetitions = 1;; repetitions *= 4) {
    const Clock::time_point start = Clock::now();
    run(repetitions);
    const double seconds = secondsSince(start);
    if (seconds < wanted / 16) continue;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(repetitions) * wanted / seconds));
  }
}

/// Seconds that one call takes: the median of `rounds` rounds of about `roundSeconds` each.
template <typename Call>
double medianSeconds(int rounds, double roundSeconds, const Call& call) {
  const auto run = [&](std::int64_t calls) {
    for (std::int64_t n = 0; n < calls; ++n) call();
  };
  const std::int64_t calls = repetitionsFor(roundSeconds, run);
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const Clock::time_point start = Clock::now();
    run(calls);
    times.push_back(secondsSince(start) / static_cast<double>(calls));
  }
  return medianOf(times);
}

/// The instruction sets that both this build and this processor have, lowest first.
inline std::vector<Isa> availableIsas() {
  if (cpuFeatures().neon) return {Isa::kNeon};
  std::vector<Isa> all = {Isa::kBaseline};
  if (cpuFeatures().avx2) all.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) all.push_back(Isa::kAvx512);
  return all;
}

}  // namespace gemmule::bench

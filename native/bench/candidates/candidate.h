#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cpu.h"
#include "runtime/packed_weight.h"

namespace gemmule::bench {

/// Another way to multiply with packed weights, `y = x * weight^T`, that kernels_bench proves and then times beside
/// ours: see README.md.
struct Candidate {
  const char* name;
  /// Whose products it is compared with.
  PackFormat format;
  /// Whether this processor has what it needs; nothing else is called where it has not.
  bool (*runsOn)(const CpuFeatures& features);
  /// Whatever `run` needs of weight [n, k], n and k included; the weight itself is gone afterwards. Null when memory
  /// ran out.
  void* (*pack)(const float* weight, std::int64_t n, std::int64_t k);
  /// Fills y [m, n] from x [m, k], on the calling thread. Both are aligned to 4 bytes only.
  void (*run)(const void* packed, const float* x, std::int64_t m, float* y);
  void (*release)(void* packed);
  /// How far an element of y may be off, as a share of the sum of |x| * |weight| that makes it: derived, not tuned.
  double tolerance;
};

/// All that are compiled in.
inline std::vector<Candidate>& candidates() {
  static std::vector<Candidate> all;
  return all;
}

/// For the initialiser of a variable: `const bool registered = addCandidate({...});`
inline bool addCandidate(const Candidate& candidate) {
  candidates().push_back(candidate);
  return true;
}

}  // namespace gemmule::bench

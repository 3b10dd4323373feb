#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Words that are made at once; they stay in the first-level cache.
constexpr std::int64_t kWords = 1024;

/// Pieces that one lane should make at least.
constexpr std::int64_t kGrain = 8;

void fill32(const OpContext& context, bool normal, const PhiloxKey& key) {
  const RandomKernels& kernels = context.kernels.random;
  const std::int64_t count = context.results[0].size();
  float* y = context.results[0].as<float>();
  context.team.parallelFor((count + kWords - 1) / kWords, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) std::uint32_t words[kWords];
    alignas(64) float numbers[kWords];
    for (std::int64_t piece = begin; piece < end; ++piece) {
      // Always whole pieces: the last number of an odd count needs its partner.
      kernels.words(key, static_cast<std::uint64_t>(piece * (kWords / 4)), kWords / 4, words);
      kernels.uniform(words, kWords, numbers);
      if (normal) kernels.normal(numbers, kWords / 2);
      const std::int64_t first = piece * kWords;
      std::memcpy(y + first, numbers, static_cast<std::size_t>(std::min(count - first, kWords)) * sizeof(float));
    }
  });
}

/// A uniform number of float64 takes 53 bits of two words.
void fill64(const OpContext& context, bool normal, const PhiloxKey& key) {
  constexpr std::int64_t kNumbers = kWords / 2;
  constexpr double kTau = 6.283185307179586476925;
  const std::int64_t count = context.results[0].size();
  double* y = context.results[0].as<double>();
  context.team.parallelFor((count + kNumbers - 1) / kNumbers, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) std::uint32_t words[kWords];
    alignas(64) double numbers[kNumbers];
    for (std::int64_t piece = begin; piece < end; ++piece) {
      context.kernels.random.words(key, static_cast<std::uint64_t>(piece * (kWords / 4)), kWords / 4, words);
      for (std::int64_t n = 0; n < kNumbers; ++n) {
        numbers[n] =
            (static_cast<double>(words[2 * n] >> 5) * 0x1p26 + static_cast<double>(words[2 * n + 1] >> 6)) * 0x1p-53;
      }
      for (std::int64_t n = 0; normal && n < kNumbers; n += 2) {
        const double radius = std::sqrt(-2 * std::log(1 - numbers[n]));
        const double angle = kTau * numbers[n + 1];
        numbers[n] = radius * std::cos(angle);
        numbers[n + 1] = radius * std::sin(angle);
      }
      const std::int64_t first = piece * kNumbers;
      std::memcpy(y + first, numbers, static_cast<std::size_t>(std::min(count - first, kNumbers)) * sizeof(double));
    }
  });
}

Status random(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("random", context, 0, 1));
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireDType("random", "result", y, {DType::kFloat32, DType::kFloat64}));
  if (!y.isContiguous()) return Status::invalid("random: the result must be contiguous");
  std::int64_t normal = 0;
  std::array<std::int64_t, 3> seed{};
  GEMMULE_RETURN_IF_ERROR(integerAttribute("random", context, 0, 0, 1, &normal));
  for (std::size_t n = 0; n < 3; ++n) {
    GEMMULE_RETURN_IF_ERROR(integerAttribute("random", context, n + 1, 0, 4294967295.0, &seed[n]));
  }
  const PhiloxKey key{static_cast<std::uint32_t>(seed[0]), static_cast<std::uint32_t>(seed[1]),
                      static_cast<std::uint32_t>(seed[2])};
  if (y.dtype == DType::kFloat32) {
    fill32(context, normal == 1, key);
  } else {
    fill64(context, normal == 1, key);
  }
  return Status::ok();
}

}  // namespace

std::span<const OpDefinition> randomOps() {
  static constexpr OpDefinition kOps[] = {{"random", 0, 0, 5, 1, random}};
  return kOps;
}

}  // namespace gemmule

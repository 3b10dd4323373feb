#include <array>
#include <cmath>
#include <cstdint>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Elements that one lane should make at least.
constexpr std::int64_t kGrain = 4096;

/// The words of one seed and stream of Philox4x32-10 (Salmon et al., SC 2011): word i is word i % 4 of the block whose
/// counter is i / 4 and the stream. Ten rounds of two multiplications a block.
class PhiloxStream {
 public:
  PhiloxStream(std::uint32_t seedLow, std::uint32_t seedHigh, std::uint32_t stream)
      : key_{seedLow, seedHigh}, stream_(stream) {}

  std::uint32_t at(std::int64_t index) {
    const std::int64_t block = index / 4;
    if (block != block_) {
      block_ = block;
      words_ = encrypt(static_cast<std::uint64_t>(block));
    }
    return words_[static_cast<std::size_t>(index % 4)];
  }

 private:
  std::array<std::uint32_t, 4> encrypt(std::uint64_t block) const {
    std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                                      stream_, 0};
    std::uint32_t k0 = key_[0];
    std::uint32_t k1 = key_[1];
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xd2511f53} * c[0];
      const std::uint64_t p1 = std::uint64_t{0xcd9e8d57} * c[2];
      c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
           static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    return c;
  }

  std::array<std::uint32_t, 2> key_;
  std::uint32_t stream_;
  std::int64_t block_ = -1;
  std::array<std::uint32_t, 4> words_{};
};

/// Element `index` of a uniform distribution over [0, 1), with all the bits that T holds.
template <typename T>
T uniformAt(PhiloxStream& stream, std::int64_t index) {
  if constexpr (sizeof(T) == 4) return static_cast<float>(stream.at(index) >> 8) * 0x1p-24f;
  const double high = stream.at(2 * index) >> 5;
  const double low = stream.at(2 * index + 1) >> 6;
  return static_cast<T>((high * 0x1p26 + low) * 0x1p-53);
}

template <typename T>
void fill(const OpContext& context, bool normal, PhiloxStream stream) {
  constexpr double kTau = 6.283185307179586476925;
  const TensorView& y = context.results[0];
  context.team.parallelFor(y.size(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    PhiloxStream own = stream;
    for (std::int64_t index = begin; index < end; ++index) {
      if (!normal) {
        y.as<T>()[index] = uniformAt<T>(own, index);
        continue;
      }
      // Box and Muller: a pair of uniforms gives a pair of normals.
      const std::int64_t first = index / 2 * 2;
      const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(uniformAt<T>(own, first))));
      const double angle = kTau * static_cast<double>(uniformAt<T>(own, first + 1));
      y.as<T>()[index] = static_cast<T>(radius * (index % 2 == 0 ? std::cos(angle) : std::sin(angle)));
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
  const PhiloxStream stream(static_cast<std::uint32_t>(seed[0]), static_cast<std::uint32_t>(seed[1]),
                            static_cast<std::uint32_t>(seed[2]));
  if (y.dtype == DType::kFloat32) {
    fill<float>(context, normal == 1, stream);
  } else {
    fill<double>(context, normal == 1, stream);
  }
  return Status::ok();
}

}  // namespace

std::span<const OpDefinition> randomOps() {
  static constexpr OpDefinition kOps[] = {{"random", 0, 0, 5, 1, random}};
  return kOps;
}

}  // namespace gemmule

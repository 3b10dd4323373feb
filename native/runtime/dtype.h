#pragma once

#include <cstdint>

namespace gemmule {

/// Element types; the values are those of `src/tensor/dtype.ts`.
enum class DType : std::uint8_t {
  kFloat32 = 0,
  kFloat64 = 1,
  kInt32 = 2,
  kUint8 = 3,
  kBool = 4,
  kFloat16 = 5,
  kBfloat16 = 6
};

inline constexpr int kDTypeCount = 7;

/// Bytes of one element.
constexpr std::int64_t bytesPerElement(DType dtype) {
  constexpr std::int64_t kBytes[kDTypeCount] = {4, 8, 4, 1, 1, 2, 2};
  return kBytes[static_cast<int>(dtype)];
}

}  // namespace gemmule

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/dtype.h"

namespace gemmule {

inline constexpr int kMaxRank = 8;

/// A strided window onto memory that somebody else owns. Strides count elements and may be zero or negative.
/// Whoever makes a view from outside input has checked that every element lies inside its buffer.
struct TensorView {
  DType dtype = DType::kFloat32;
  int rank = 0;
  std::array<std::int64_t, kMaxRank> dims{};
  std::array<std::int64_t, kMaxRank> strides{};
  /// The element at index zero.
  std::byte* data = nullptr;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }

  std::int64_t size() const {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= dims[axis];
    return count;
  }

  /// Whether elements lie in row-major order without gaps.
  bool isContiguous() const {
    std::int64_t expected = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      if (dims[axis] == 0) return true;
      if (dims[axis] != 1 && strides[axis] != expected) return false;
      expected *= dims[axis];
    }
    return true;
  }
};

}  // namespace gemmule

#pragma once

#include <cstdint>

#include "runtime/tensor_view.h"

namespace gemmule {

/// More elements than any memory holds; keeps products of sizes inside 64 bits.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 48;

/// The number of elements of a shape, or -1 when a dimension is negative or there are too many.
inline std::int64_t elementsOf(const std::int64_t* dims, int rank) {
  std::int64_t product = 1;
  bool empty = false;
  for (int axis = 0; axis < rank; ++axis) {
    if (dims[axis] < 0 || dims[axis] > kMostElements) return -1;
    if (dims[axis] == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, dims[axis], &product) || product > kMostElements) {
      return -1;
    }
  }
  return empty ? 0 : product;
}

/// Whether every element of a view with these strides, whose first element is `offset`, lies in [0, elements).
/// The dims are such that elementsOf accepts them.
inline bool viewFits(const TensorView& view, std::int64_t offset, std::int64_t elements) {
  std::int64_t low = offset;
  std::int64_t high = offset;
  for (int axis = 0; axis < view.rank; ++axis) {
    if (view.dims[axis] == 0) return true;
    std::int64_t reach;
    if (__builtin_mul_overflow(view.dims[axis] - 1, view.strides[axis], &reach)) return false;
    if (__builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high)) return false;
  }
  return low >= 0 && high < elements;
}

inline void setContiguousStrides(TensorView& view) {
  std::int64_t stride = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    view.strides[axis] = stride;
    stride *= view.dims[axis];
  }
}

}  // namespace gemmule

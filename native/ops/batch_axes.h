#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "runtime/tensor_view.h"

namespace gemmule {

/// The matrices of a batch: the leading axes of a view, walked in row-major order.
struct BatchAxes {
  int rank;
  std::array<std::int64_t, kMaxRank> dims;

  std::int64_t count() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= dims[axis];
    return product;
  }

  /// The offset in elements of matrix `index` of a view with these leading axes.
  std::int64_t offsetOf(const TensorView& view, std::int64_t index) const {
    std::int64_t offset = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      offset += index % dims[axis] * view.strides[axis];
      index /= dims[axis];
    }
    return offset;
  }

  /// Matrix `index` of argument `name`, for people: `a`, or `a[2, 0]` in a batch of two axes.
  std::string nameOf(const std::string& name, std::int64_t index) const {
    std::string place;
    for (int axis = rank - 1; axis >= 0; --axis) {
      place = std::to_string(index % dims[axis]) + (place.empty() ? "" : ", ") + place;
      index /= dims[axis];
    }
    return rank == 0 ? name : name + "[" + place + "]";
  }
};

}  // namespace gemmule

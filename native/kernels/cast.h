#pragma once

#include <cstdint>

#include "runtime/dtype.h"

namespace gemmule {

/// y[i] = x[i] in another dtype, over contiguous arrays that do not overlap.
using CastKernel = void (*)(const void* x, void* y, std::int64_t count);

/// Conversions between all pairs of different dtypes, each one pass of vectors of the instruction set.
struct CastKernels {
  /// Null where the dtypes are the same, which is a copy.
  CastKernel (*between)(DType from, DType to);
};

}  // namespace gemmule

#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "runtime/dtype.h"

namespace gemmule {

/// Functions of one argument, in the order of `unaryPrimitives` in src/backend/primitives/elementwise.ts.
enum class UnaryFunction {
  kNegative,
  kAbsolute,
  kSign,
  kSquare,
  kReciprocal,
  kSqrt,
  kRsqrt,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kLog2,
  kLog10,
  kSin,
  kCos,
  kTan,
  kArcsin,
  kArccos,
  kArctan,
  kSinh,
  kCosh,
  kTanh,
  kFloor,
  kCeil,
  kRound,
  kTrunc,
  kErf,
  kSigmoid,
  kRelu,
  kGelu,
  kGeluTanh,
  kSilu,
  kIsNaN,
  kIsFinite,
  kLogicalNot
};

/// Functions of two arguments, in the order of `binaryPrimitives`.
enum class BinaryFunction {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kRemainder,
  kPower,
  kArctan2,
  kMaximum,
  kMinimum,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor
};

/// Which argument of a binary function is one element that stands for all.
enum class BinaryForm { kArrays, kLeftConstant, kRightConstant };

/// y[i] = f(x[i]) over contiguous arrays that do not overlap.
using UnaryKernel = void (*)(const void* x, void* y, std::int64_t count);

/// y[i] = f(a[i], b[i]); a constant argument is read at index 0 only.
using BinaryKernel = void (*)(const void* a, const void* b, void* y, std::int64_t count);

/// Elementwise kernels, all in one pass with vectors of the instruction set. float32 functions that are not a single
/// operation are those of vector_math.inl (16 lanes of float32) or wide_math.inl (float64 lanes, rounded once).
struct ElementwiseKernels {
  /// Null where the function is not defined for the dtype.
  UnaryKernel (*unary)(UnaryFunction function, DType dtype);
  BinaryKernel (*binary)(BinaryFunction function, DType dtype, BinaryForm form);
  /// y[i] = condition[i] != 0 ? a[i] : b[i] for elements of 1, 2, 4 or 8 bytes.
  void (*where)(std::int64_t elementBytes, const std::uint8_t* condition, const void* a, const void* b, void* y,
                std::int64_t count);
};

}  // namespace gemmule

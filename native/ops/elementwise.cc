#include <algorithm>
#include <utility>
#include <vector>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

// Elements that one lane should have at least, about 10 microseconds of work: below, handing over costs more than it
// saves.
constexpr std::int64_t kCheapGrain = 32768;
constexpr std::int64_t kVectorMathGrain = 16384;
constexpr std::int64_t kLibraryGrain = 1024;

constexpr bool isSingleOperation(UnaryFunction function) {
  using enum UnaryFunction;
  return function <= kRsqrt || (function >= kFloor && function <= kTrunc) || function == kRelu || function > kSilu;
}

constexpr bool isSingleOperation(BinaryFunction function) {
  return function <= BinaryFunction::kDivide || function >= BinaryFunction::kMaximum;
}

template <typename Function>
std::int64_t grainOf(Function function, DType dtype) {
  if (isSingleOperation(function)) return kCheapGrain;
  return dtype == DType::kFloat32 ? kVectorMathGrain : kLibraryGrain;
}

DType resultDType(UnaryFunction function, DType operand) {
  return function >= UnaryFunction::kIsNaN ? DType::kBool : operand;
}

DType resultDType(BinaryFunction function, DType operand) {
  return function >= BinaryFunction::kEqual ? DType::kBool : operand;
}

std::string unsupported(const char* name, DType dtype) {
  return std::string(name) + ": not defined for dtype " + kDTypeNames[static_cast<int>(dtype)];
}

Status runUnary(const char* name, UnaryFunction function, const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 1, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  const UnaryKernel kernel = context.kernels.elementwise.unary(function, x.dtype);
  if (kernel == nullptr) return Status::invalid(unsupported(name, x.dtype));
  const DType dtype = resultDType(function, x.dtype);
  GEMMULE_RETURN_IF_ERROR(requireResult(name, y, dtype, x));
  const std::int64_t bytes = bytesPerElement(dtype);
  forEachPiece<1>({&x}, context, grainOf(function, x.dtype),
                  [&](const Piece<1>& piece, std::int64_t position, std::int64_t count) {
                    std::byte* to = y.data + position * bytes;
                    if (piece.constant[0]) {
                      kernel(piece.data[0], to, 1);
                      fillElements(to, bytes, count, to);
                    } else {
                      kernel(piece.data[0], to, count);
                    }
                  });
  return Status::ok();
}

Status runBinary(const char* name, BinaryFunction function, const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 2, 1));
  const TensorView& a = context.operands[0].tensor;
  const TensorView& b = context.operands[1].tensor;
  const TensorView& y = context.results[0];
  if (a.dtype != b.dtype) return Status::invalid(std::string(name) + ": operands differ in dtype");
  GEMMULE_RETURN_IF_ERROR(requireSameDims(name, a, b));
  const auto kernelOf = [&](BinaryForm form) { return context.kernels.elementwise.binary(function, a.dtype, form); };
  const BinaryKernel arrays = kernelOf(BinaryForm::kArrays);
  if (arrays == nullptr) return Status::invalid(unsupported(name, a.dtype));
  const BinaryKernel leftConstant = kernelOf(BinaryForm::kLeftConstant);
  const BinaryKernel rightConstant = kernelOf(BinaryForm::kRightConstant);
  const DType dtype = resultDType(function, a.dtype);
  GEMMULE_RETURN_IF_ERROR(requireResult(name, y, dtype, a));
  const std::int64_t bytes = bytesPerElement(dtype);
  forEachPiece<2>({&a, &b}, context, grainOf(function, a.dtype),
                  [&](const Piece<2>& piece, std::int64_t position, std::int64_t count) {
                    std::byte* to = y.data + position * bytes;
                    if (piece.constant[0] && piece.constant[1]) {
                      arrays(piece.data[0], piece.data[1], to, 1);
                      fillElements(to, bytes, count, to);
                    } else if (piece.constant[0]) {
                      leftConstant(piece.data[0], piece.data[1], to, count);
                    } else if (piece.constant[1]) {
                      rightConstant(piece.data[0], piece.data[1], to, count);
                    } else {
                      arrays(piece.data[0], piece.data[1], to, count);
                    }
                  });
  return Status::ok();
}

Status where(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("where", context, 3, 1));
  const TensorView& condition = context.operands[0].tensor;
  const TensorView& a = context.operands[1].tensor;
  const TensorView& b = context.operands[2].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireDType("where", "condition", condition, {DType::kBool}));
  if (a.dtype != b.dtype) return Status::invalid("where: a and b differ in dtype");
  GEMMULE_RETURN_IF_ERROR(requireSameDims("where", condition, a));
  GEMMULE_RETURN_IF_ERROR(requireSameDims("where", a, b));
  GEMMULE_RETURN_IF_ERROR(requireResult("where", y, a.dtype, a));
  const std::int64_t bytes = bytesPerElement(a.dtype);
  forEachPiece<3>({&condition, &a, &b}, context, kCheapGrain,
                  [&](const Piece<3>& piece, std::int64_t position, std::int64_t count) {
                    std::byte* to = y.data + position * bytes;
                    if (piece.constant[0]) {
                      const int chosen = *piece.data[0] != std::byte{0} ? 1 : 2;
                      if (piece.constant[chosen]) {
                        fillElements(piece.data[chosen], bytes, count, to);
                      } else {
                        std::memcpy(to, piece.data[chosen], static_cast<std::size_t>(count * bytes));
                      }
                      return;
                    }
                    // A constant becomes a block that stays in the first-level cache.
                    alignas(64) std::byte blocks[2][kGatherBlock * 8];
                    for (int side = 0; side < 2; ++side) {
                      if (piece.constant[side + 1]) {
                        fillElements(piece.data[side + 1], bytes, std::min(count, kGatherBlock), blocks[side]);
                      }
                    }
                    const std::int64_t step = piece.constant[1] || piece.constant[2] ? kGatherBlock : count;
                    for (std::int64_t begin = 0; begin < count; begin += step) {
                      const auto* chooser = reinterpret_cast<const std::uint8_t*>(piece.data[0]) + begin;
                      const auto source = [&](int side) {
                        return piece.constant[side + 1] ? blocks[side] : piece.data[side + 1] + begin * bytes;
                      };
                      context.kernels.elementwise.where(bytes, chooser, source(0), source(1), to + begin * bytes,
                                                        std::min(step, count - begin));
                    }
                  });
  return Status::ok();
}

constexpr const char* kUnaryNames[] = {
    "negative", "absolute", "sign", "square",   "reciprocal", "sqrt",  "rsqrt",    "exp",       "expm1",
    "log",      "log1p",    "log2", "log10",    "sin",        "cos",   "tan",      "arcsin",    "arccos",
    "arctan",   "sinh",     "cosh", "tanh",     "floor",      "ceil",  "round",    "trunc",     "erf",
    "sigmoid",  "relu",     "gelu", "geluTanh", "silu",       "isNaN", "isFinite", "logicalNot"};
constexpr const char* kBinaryNames[] = {"add",          "subtract",   "multiply",  "divide",    "floorDivide",
                                        "remainder",    "power",      "arctan2",   "maximum",   "minimum",
                                        "equal",        "notEqual",   "less",      "lessEqual", "greater",
                                        "greaterEqual", "logicalAnd", "logicalOr", "logicalXor"};

template <int kFunction>
Status unaryOp(const OpContext& context) {
  return runUnary(kUnaryNames[kFunction], static_cast<UnaryFunction>(kFunction), context);
}

template <int kFunction>
Status binaryOp(const OpContext& context) {
  return runBinary(kBinaryNames[kFunction], static_cast<BinaryFunction>(kFunction), context);
}

template <int... kFunctions>
void addUnary(std::vector<OpDefinition>& ops, std::integer_sequence<int, kFunctions...>) {
  (ops.push_back({kUnaryNames[kFunctions], 1, 1, 0, 1, unaryOp<kFunctions>}), ...);
}

template <int... kFunctions>
void addBinary(std::vector<OpDefinition>& ops, std::integer_sequence<int, kFunctions...>) {
  (ops.push_back({kBinaryNames[kFunctions], 2, 2, 0, 1, binaryOp<kFunctions>}), ...);
}

}  // namespace

std::span<const OpDefinition> elementwiseOps() {
  static_assert(std::size(kUnaryNames) == static_cast<int>(UnaryFunction::kLogicalNot) + 1);
  static_assert(std::size(kBinaryNames) == static_cast<int>(BinaryFunction::kLogicalXor) + 1);
  static const std::vector<OpDefinition> ops = [] {
    std::vector<OpDefinition> all;
    addUnary(all, std::make_integer_sequence<int, std::size(kUnaryNames)>());
    addBinary(all, std::make_integer_sequence<int, std::size(kBinaryNames)>());
    all.push_back({"where", 3, 3, 0, 1, where});
    return all;
  }();
  return ops;
}

}  // namespace gemmule

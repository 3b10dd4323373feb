#pragma once

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string>

#include "runtime/op.h"

namespace gemmule {

// The checks that keep a malformed call from touching memory that is not its own. TypeScript has checked the same with
// better messages; what fails here is a wrong Program or a bug.

inline constexpr const char* kDTypeNames[kDTypeCount] = {"float32", "float64", "int32",   "uint8",
                                                         "bool",    "float16", "bfloat16"};

inline std::string formatDims(const TensorView& view) {
  std::string text = "[";
  for (int axis = 0; axis < view.rank; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(view.dims[axis]);
  }
  return text + "]";
}

/// Operands 0 to count - 1 must be tensors, and there must be `results` results.
inline Status requireTensors(const char* name, const OpContext& context, std::size_t count, std::size_t results) {
  if (context.operands.size() < count || context.results.size() != results) {
    return Status::invalid(std::string(name) + ": wrong number of operands or results");
  }
  for (std::size_t index = 0; index < count; ++index) {
    if (context.operands[index].kind != Operand::Kind::kTensor) {
      return Status::invalid(std::string(name) + ": operand " + std::to_string(index) + " must be a tensor");
    }
  }
  return Status::ok();
}

inline Status requireDType(const char* name, const char* argument, const TensorView& view,
                           std::initializer_list<DType> allowed) {
  for (const DType dtype : allowed) {
    if (view.dtype == dtype) return Status::ok();
  }
  return Status::invalid(std::string(name) + ": " + argument + " has dtype " +
                         kDTypeNames[static_cast<int>(view.dtype)] + ", which is not supported");
}

inline bool sameDims(const TensorView& a, const TensorView& b) {
  if (a.rank != b.rank) return false;
  for (int axis = 0; axis < a.rank; ++axis) {
    if (a.dims[axis] != b.dims[axis]) return false;
  }
  return true;
}

inline Status requireSameDims(const char* name, const TensorView& a, const TensorView& b) {
  if (sameDims(a, b)) return Status::ok();
  return Status::invalid(std::string(name) + ": shapes " + formatDims(a) + " and " + formatDims(b) + " differ");
}

/// The result must be contiguous, of this dtype, and have `like`'s dims.
inline Status requireResult(const char* name, const TensorView& result, DType dtype, const TensorView& like) {
  if (result.dtype == dtype && sameDims(result, like) && result.isContiguous()) return Status::ok();
  return Status::invalid(std::string(name) + ": result of shape " + formatDims(result) + " must be contiguous " +
                         kDTypeNames[static_cast<int>(dtype)] + " of shape " + formatDims(like));
}

/// An optional operand: float32 [length].
inline Status requireVector(const char* name, const char* argument, const Operand& operand, std::int64_t length) {
  if (operand.kind == Operand::Kind::kNone) return Status::ok();
  const TensorView& view = operand.tensor;
  if (operand.kind == Operand::Kind::kTensor && view.rank == 1 && view.dtype == DType::kFloat32 &&
      view.dims[0] == length) {
    return Status::ok();
  }
  return Status::invalid(std::string(name) + ": " + argument + " must be float32 [" + std::to_string(length) + "]");
}

/// The attribute as an integer of [low, high].
inline Status integerAttribute(const char* name, const OpContext& context, std::size_t index, double low, double high,
                               std::int64_t* value) {
  if (index >= context.attributes.size()) return Status::invalid(std::string(name) + ": an attribute is missing");
  const double number = context.attributes[index];
  if (!(number >= low && number <= high) || number != std::floor(number)) {
    return Status::invalid(std::string(name) + ": attribute " + std::to_string(index) + " must be an integer from " +
                           std::to_string(static_cast<std::int64_t>(low)) + " to " +
                           std::to_string(static_cast<std::int64_t>(high)));
  }
  *value = static_cast<std::int64_t>(number);
  return Status::ok();
}

}  // namespace gemmule

/// Returns from the function that it stands in unless the Status is ok.
#define GEMMULE_RETURN_IF_ERROR(expression)          \
  do {                                               \
    ::gemmule::Status gemmuleStatus = (expression);  \
    if (!gemmuleStatus.isOk()) return gemmuleStatus; \
  } while (false)

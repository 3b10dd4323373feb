#pragma once

#include <cstdint>
#include <string>

#include "ops/validate.h"

namespace gemmule {

// What the fused operations of transformers expect of their arguments, beyond `validate.h`.

/// float32 [rows, columns] with unit column stride; rows may be strided.
inline Status requireRows(const char* name, const char* argument, const TensorView& view) {
  if (view.rank == 2 && view.dtype == DType::kFloat32 && (view.strides[1] == 1 || view.dims[1] <= 1)) {
    return Status::ok();
  }
  return Status::invalid(std::string(name) + ": " + argument +
                         " must be float32 [rows, columns] with unit column stride");
}

/// An optional operand: rows of `like`'s shape.
inline Status requireMatrix(const char* name, const char* argument, const Operand& operand, const TensorView& like) {
  if (operand.kind == Operand::Kind::kNone) return Status::ok();
  if (operand.kind != Operand::Kind::kTensor) {
    return Status::invalid(std::string(name) + ": " + argument + " must be a tensor");
  }
  GEMMULE_RETURN_IF_ERROR(requireRows(name, argument, operand.tensor));
  return requireSameDims(name, operand.tensor, like);
}

/// The numbers of an optional vector, in place where they are contiguous, else gathered; null where it is absent.
inline Status contiguousVector(const OpContext& context, const Operand& operand, const float** numbers) {
  *numbers = nullptr;
  if (!operand.isPresent()) return Status::ok();
  const TensorView& view = operand.tensor;
  *numbers = view.as<float>();
  if (view.isContiguous()) return Status::ok();
  float* copy = context.scratch.allocate<float>(view.dims[0]);
  if (copy == nullptr) return Status::outOfMemory("not enough memory for a vector");
  for (std::int64_t n = 0; n < view.dims[0]; ++n) copy[n] = view.as<float>()[n * view.strides[0]];
  *numbers = copy;
  return Status::ok();
}

/// int32 [sequences + 1], rising from 0 to `tokens`.
inline Status requireCuSeqlens(const char* name, const Operand& operand, std::int64_t tokens) {
  const TensorView& view = operand.tensor;
  if (operand.kind != Operand::Kind::kTensor || view.rank != 1 || view.dtype != DType::kInt32 || view.dims[0] < 1) {
    return Status::invalid(std::string(name) + ": cuSeqlens must be int32 [sequences + 1]");
  }
  const auto at = [&](std::int64_t n) { return std::int64_t{view.as<std::int32_t>()[n * view.strides[0]]}; };
  bool rises = at(0) == 0 && at(view.dims[0] - 1) == tokens;
  for (std::int64_t n = 1; n < view.dims[0]; ++n) rises &= at(n) >= at(n - 1);
  if (rises) return Status::ok();
  return Status::invalid(std::string(name) + ": argument cuSeqlens must rise from 0 to the number of tokens, " +
                         std::to_string(tokens));
}

/// Element n of cuSeqlens.
inline std::int64_t sequenceStart(const TensorView& cuSeqlens, std::int64_t n) {
  return cuSeqlens.as<std::int32_t>()[n * cuSeqlens.strides[0]];
}

}  // namespace gemmule

#include <cmath>
#include <cstdint>
#include <string>

#include "ops/ops.h"
#include "ops/transformer_checks.h"

namespace gemmule {
namespace {

/// Numbers of a row block that are worth another thread.
constexpr std::int64_t kGrainElements = 16 * 1024;

std::int64_t grainRows(std::int64_t columns) { return columns >= kGrainElements ? 1 : kGrainElements / (columns + 1); }

Status epsilonAttribute(const char* name, const OpContext& context, float* epsilon) {
  const double value = context.attributes[0];
  if (!(value >= 0.0) || !std::isfinite(value)) {
    return Status::invalid(std::string(name) + ": epsilon must be finite and not negative");
  }
  *epsilon = static_cast<float>(value);
  return Status::ok();
}

Status layerNorm(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("layerNorm", context, 1, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireRows("layerNorm", "x", x));
  GEMMULE_RETURN_IF_ERROR(requireResult("layerNorm", y, DType::kFloat32, x));
  GEMMULE_RETURN_IF_ERROR(requireMatrix("layerNorm", "residual", context.operands[1], x));
  GEMMULE_RETURN_IF_ERROR(requireVector("layerNorm", "weight", context.operands[2], x.dims[1]));
  GEMMULE_RETURN_IF_ERROR(requireVector("layerNorm", "bias", context.operands[3], x.dims[1]));
  LayerNormRows all{};
  GEMMULE_RETURN_IF_ERROR(epsilonAttribute("layerNorm", context, &all.epsilon));
  GEMMULE_RETURN_IF_ERROR(contiguousVector(context, context.operands[2], &all.weight));
  GEMMULE_RETURN_IF_ERROR(contiguousVector(context, context.operands[3], &all.bias));
  const Operand& residual = context.operands[1];
  all.xStride = x.strides[0];
  all.residualStride = residual.isPresent() ? residual.tensor.strides[0] : 0;
  all.columns = x.dims[1];
  all.yStride = x.dims[1];
  context.team.parallelFor(x.dims[0], grainRows(all.columns), [&](std::int64_t begin, std::int64_t end, int) {
    LayerNormRows rows = all;
    rows.x = x.as<float>() + begin * all.xStride;
    if (residual.isPresent()) rows.residual = residual.tensor.as<float>() + begin * all.residualStride;
    rows.rows = end - begin;
    rows.y = y.as<float>() + begin * all.yStride;
    context.kernels.normalization.layerNorm(rows);
  });
  return Status::ok();
}

Status checkTable(const TensorView& ids, const TensorView& table, std::int64_t tokens, std::int64_t hidden) {
  GEMMULE_RETURN_IF_ERROR(requireDType("embedding", "ids", ids, {DType::kInt32}));
  GEMMULE_RETURN_IF_ERROR(
      requireDType("embedding", "table", table, {DType::kFloat32, DType::kFloat16, DType::kBfloat16}));
  if (ids.rank != 1 || ids.dims[0] != tokens || table.rank != 2 || table.dims[1] != hidden ||
      (table.strides[1] != 1 && hidden > 1)) {
    return Status::invalid("embedding: ids " + formatDims(ids) + " and table " + formatDims(table) + " do not fit");
  }
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int32_t id = ids.as<std::int32_t>()[token * ids.strides[0]];
    if (id < 0 || id >= table.dims[0]) {
      return Status::index("embedding: id " + std::to_string(id) + " at position " + std::to_string(token) +
                           " is out of range for a table of " + std::to_string(table.dims[0]) + " rows");
    }
  }
  return Status::ok();
}

Status embedding(const OpContext& context) {
  const std::size_t count = context.operands.size();
  if (count % 2 != 0) return Status::invalid("embedding: every ids needs a table");
  for (std::size_t index = 2; index < count; ++index) {
    if (context.operands[index].kind != Operand::Kind::kTensor) {
      return Status::invalid("embedding: ids and tables must be tensors");
    }
  }
  const TensorView& y = context.results[0];
  if (y.rank != 2 || y.dtype != DType::kFloat32 || !y.isContiguous()) {
    return Status::invalid("embedding: the result must be contiguous float32 [tokens, hidden]");
  }
  const std::int64_t hidden = y.dims[1];
  for (std::size_t index = 2; index < count; index += 2) {
    GEMMULE_RETURN_IF_ERROR(
        checkTable(context.operands[index].tensor, context.operands[index + 1].tensor, y.dims[0], hidden));
  }
  GEMMULE_RETURN_IF_ERROR(requireVector("embedding", "weight", context.operands[0], hidden));
  GEMMULE_RETURN_IF_ERROR(requireVector("embedding", "bias", context.operands[1], hidden));
  LayerNormRows all{};
  GEMMULE_RETURN_IF_ERROR(epsilonAttribute("embedding", context, &all.epsilon));
  GEMMULE_RETURN_IF_ERROR(contiguousVector(context, context.operands[0], &all.weight));
  GEMMULE_RETURN_IF_ERROR(contiguousVector(context, context.operands[1], &all.bias));
  all.columns = hidden;
  const NormalizationKernels& kernels = context.kernels.normalization;
  context.team.parallelFor(y.dims[0], grainRows(hidden), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t token = begin; token < end; ++token) {
      float* row = y.as<float>() + token * hidden;
      for (std::size_t index = 2; index < count; index += 2) {
        const TensorView& ids = context.operands[index].tensor;
        const TensorView& table = context.operands[index + 1].tensor;
        const std::int64_t id = ids.as<std::int32_t>()[token * ids.strides[0]];
        const std::byte* source = table.data + id * table.strides[0] * bytesPerElement(table.dtype);
        kernels.addTableRow(table.dtype, source, hidden, index == 2, row);
      }
      if (all.weight != nullptr) {
        LayerNormRows rows = all;
        rows.x = row;
        rows.rows = 1;
        rows.y = row;
        kernels.layerNorm(rows);
      } else if (all.bias != nullptr) {
        kernels.addTableRow(DType::kFloat32, all.bias, hidden, false, row);
      }
    }
  });
  return Status::ok();
}

constexpr OpDefinition kNormalizationOps[] = {
    {"layerNorm", 4, 4, 1, 1, layerNorm},
    {"embedding", 4, 8, 1, 1, embedding},
};

}  // namespace

std::span<const OpDefinition> normalizationOps() { return kNormalizationOps; }

}  // namespace gemmule

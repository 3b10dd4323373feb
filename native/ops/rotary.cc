#include "kernels/rotary.h"

#include <cstdint>
#include <string>

#include "ops/ops.h"
#include "ops/transformer_checks.h"

namespace gemmule {
namespace {

/// Numbers of a row block that are worth another thread.
constexpr std::int64_t kGrainElements = 16 * 1024;

Status checkPositions(const TensorView& positions, std::int64_t tokens, std::int64_t rows) {
  GEMMULE_RETURN_IF_ERROR(requireDType("rotary", "positions", positions, {DType::kInt32}));
  if (positions.rank != 1 || positions.dims[0] != tokens) {
    return Status::invalid("rotary: positions " + formatDims(positions) + " must be [tokens]");
  }
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int32_t position = positions.as<std::int32_t>()[token * positions.strides[0]];
    if (position < 0 || position >= rows) {
      return Status::index("rotary: position " + std::to_string(position) + " of token " + std::to_string(token) +
                           " is out of range for a table of " + std::to_string(rows) + " rows");
    }
  }
  return Status::ok();
}

Status rotary(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("rotary", context, 3, 1));
  std::int64_t heads = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("rotary", context, 0, 1, 1 << 20, &heads));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& positions = context.operands[1].tensor;
  const TensorView& table = context.operands[2].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireRows("rotary", "x", x));
  GEMMULE_RETURN_IF_ERROR(requireRows("rotary", "table", table));
  GEMMULE_RETURN_IF_ERROR(requireResult("rotary", y, DType::kFloat32, x));
  if (x.dims[1] % heads != 0 || table.dims[1] % 2 != 0 || table.dims[1] > x.dims[1] / heads) {
    return Status::invalid("rotary: x " + formatDims(x) + " and table " + formatDims(table) + " do not fit " +
                           std::to_string(heads) + " heads");
  }
  GEMMULE_RETURN_IF_ERROR(checkPositions(positions, x.dims[0], table.dims[0]));
  RotaryRows all{};
  all.xStride = x.strides[0];
  all.heads = heads;
  all.headDim = x.dims[1] / heads;
  all.positionStride = positions.strides[0];
  all.table = table.as<float>();
  all.tableStride = table.strides[0];
  all.half = table.dims[1] / 2;
  all.yStride = x.dims[1];
  const std::int64_t grain = x.dims[1] >= kGrainElements ? 1 : kGrainElements / (x.dims[1] + 1);
  context.team.parallelFor(x.dims[0], grain, [&](std::int64_t begin, std::int64_t end, int) {
    RotaryRows rows = all;
    rows.x = x.as<float>() + begin * all.xStride;
    rows.positions = positions.as<std::int32_t>() + begin * all.positionStride;
    rows.rows = end - begin;
    rows.y = y.as<float>() + begin * all.yStride;
    context.kernels.rotary.rotate(rows);
  });
  return Status::ok();
}

constexpr OpDefinition kRotaryOps[] = {
    {"rotary", 3, 3, 1, 1, rotary},
};

}  // namespace

std::span<const OpDefinition> rotaryOps() { return kRotaryOps; }

}  // namespace gemmule

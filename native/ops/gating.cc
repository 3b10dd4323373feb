#include "kernels/gating.h"

#include <cstdint>

#include "ops/ops.h"
#include "ops/transformer_checks.h"

namespace gemmule {
namespace {

/// Numbers of a row block that are worth another thread.
constexpr std::int64_t kGrainElements = 8 * 1024;

Status gatedActivation(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("gatedActivation", context, 1, 1));
  std::int64_t activation = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("gatedActivation", context, 0, 0, kActivationCount - 1, &activation));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireRows("gatedActivation", "x", x));
  if (y.rank != 2 || y.dtype != DType::kFloat32 || !y.isContiguous() || y.dims[0] != x.dims[0] ||
      2 * y.dims[1] != x.dims[1]) {
    return Status::invalid("gatedActivation: x " + formatDims(x) + " and result " + formatDims(y) + " do not fit");
  }
  const std::int64_t width = y.dims[1];
  const std::int64_t grain = width >= kGrainElements ? 1 : kGrainElements / (width + 1);
  context.team.parallelFor(x.dims[0], grain, [&](std::int64_t begin, std::int64_t end, int) {
    GatedRows rows{};
    rows.x = x.as<float>() + begin * x.strides[0];
    rows.xStride = x.strides[0];
    rows.rows = end - begin;
    rows.width = width;
    rows.activation = static_cast<Activation>(activation);
    rows.y = y.as<float>() + begin * width;
    rows.yStride = width;
    context.kernels.gating.gate(rows);
  });
  return Status::ok();
}

constexpr OpDefinition kGatingOps[] = {
    {"gatedActivation", 1, 1, 1, 1, gatedActivation},
};

}  // namespace

std::span<const OpDefinition> gatingOps() { return kGatingOps; }

}  // namespace gemmule

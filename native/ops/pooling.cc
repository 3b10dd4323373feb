#include "kernels/pooling.h"

#include <cstdint>

#include "ops/ops.h"
#include "ops/transformer_checks.h"

namespace gemmule {
namespace {

/// Numbers that are worth another thread.
constexpr std::int64_t kGrainElements = 32 * 1024;

Status pool(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("pool", context, 2, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& cuSeqlens = context.operands[1].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireRows("pool", "x", x));
  GEMMULE_RETURN_IF_ERROR(requireCuSeqlens("pool", context.operands[1], x.dims[0]));
  const std::int64_t sequences = cuSeqlens.dims[0] - 1;
  const std::int64_t hidden = x.dims[1];
  if (y.rank != 2 || y.dtype != DType::kFloat32 || y.dims[0] != sequences || y.dims[1] != hidden || !y.isContiguous()) {
    return Status::invalid("pool: the result has the wrong shape " + formatDims(y));
  }
  std::int64_t mode = 0;
  std::int64_t normalize = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("pool", context, 0, 0, kPoolingModeCount - 1, &mode));
  GEMMULE_RETURN_IF_ERROR(integerAttribute("pool", context, 1, 0, 1, &normalize));
  if (sequences == 0) return Status::ok();
  const std::int64_t elements = x.dims[0] * hidden / sequences + hidden + 1;
  context.team.parallelFor(sequences, kGrainElements / elements + 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t start = sequenceStart(cuSeqlens, n);
      PooledSequence sequence{};
      sequence.x = x.as<float>() + start * x.strides[0];
      sequence.xStride = x.strides[0];
      sequence.tokens = sequenceStart(cuSeqlens, n + 1) - start;
      sequence.columns = hidden;
      sequence.mode = static_cast<PoolingMode>(mode);
      sequence.normalize = normalize == 1;
      sequence.y = y.as<float>() + n * hidden;
      context.kernels.pooling.pool(sequence);
    }
  });
  return Status::ok();
}

constexpr OpDefinition kPoolingOps[] = {
    {"pool", 2, 2, 2, 1, pool},
};

}  // namespace

std::span<const OpDefinition> poolingOps() { return kPoolingOps; }

}  // namespace gemmule

#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "ops/ops.h"
#include "ops/transformer_checks.h"

namespace gemmule {
namespace {

/// Multiply-adds that are worth another thread.
constexpr double kGrainMultiplyAdds = 128 * 1024;

struct Settings {
  std::int64_t numHeads = 1;
  float scale = 1;
  bool causal = false;
  std::int64_t window = 0;
};

Status readSettings(const char* name, const OpContext& context, Settings* settings) {
  std::int64_t causal = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute(name, context, 0, 1, 1 << 20, &settings->numHeads));
  GEMMULE_RETURN_IF_ERROR(integerAttribute(name, context, 2, 0, 1, &causal));
  GEMMULE_RETURN_IF_ERROR(integerAttribute(name, context, 3, 0, 1 << 30, &settings->window));
  settings->scale = static_cast<float>(context.attributes[1]);
  settings->causal = causal == 1;
  return Status::ok();
}

/// query (and what must look like it) [tokens, numHeads * headDim].
Status checkTokens(const char* name, const OpContext& context, std::size_t count, std::int64_t numHeads) {
  const TensorView& query = context.operands[0].tensor;
  for (std::size_t index = 0; index < count; ++index) {
    GEMMULE_RETURN_IF_ERROR(requireRows(name, "query, key or value", context.operands[index].tensor));
    GEMMULE_RETURN_IF_ERROR(requireSameDims(name, context.operands[index].tensor, query));
  }
  if (query.dims[1] % numHeads == 0) return Status::ok();
  return Status::invalid(std::string(name) + ": hidden size " + std::to_string(query.dims[1]) +
                         " is not a multiple of numHeads " + std::to_string(numHeads));
}

Status checkBias(const char* name, const Operand& operand, std::int64_t numHeads) {
  if (!operand.isPresent()) return Status::ok();
  const TensorView& bias = operand.tensor;
  if (operand.kind == Operand::Kind::kTensor && bias.rank == 2 && bias.dtype == DType::kFloat32 &&
      bias.dims[0] == numHeads && bias.dims[1] % 2 == 1) {
    return Status::ok();
  }
  return Status::invalid(std::string(name) + ": relativeBias must be float32 [numHeads, odd]");
}

/// int32 [sequences], or absent: how many of a sequence's tokens are keys, from 0 to its length.
Status checkKeyCounts(const Operand& operand, const TensorView& cuSeqlens) {
  if (!operand.isPresent()) return Status::ok();
  const TensorView& counts = operand.tensor;
  const std::int64_t sequences = cuSeqlens.dims[0] - 1;
  if (operand.kind != Operand::Kind::kTensor || counts.rank != 1 || counts.dtype != DType::kInt32 ||
      counts.dims[0] != sequences) {
    return Status::invalid("attention: keyCounts must be int32 [sequences]");
  }
  for (std::int64_t n = 0; n < sequences; ++n) {
    const std::int64_t length = sequenceStart(cuSeqlens, n + 1) - sequenceStart(cuSeqlens, n);
    const std::int64_t count = sequenceStart(counts, n);
    if (count < 0 || count > length) {
      return Status::index("attention: keyCounts has " + std::to_string(count) + " keys for sequence " +
                           std::to_string(n) + " of " + std::to_string(length) + " tokens");
    }
  }
  return Status::ok();
}

/// Biases that a lane lays out for one head of one sequence: see AttentionHead::bias.
std::int64_t biasFloats(std::int64_t tokens) { return 2 * tokens + 15; }

void expandBias(const TensorView& table, std::int64_t head, std::int64_t tokens, float* expanded) {
  const std::int64_t reach = (table.dims[1] - 1) / 2;
  const float* row = table.as<float>() + head * table.strides[0];
  for (std::int64_t n = 0; n < biasFloats(tokens); ++n) {
    const std::int64_t distance = std::clamp(n - (tokens - 1), -reach, reach);
    expanded[n] = row[(reach + distance) * table.strides[1]];
  }
}

/// Memory of each lane for sequences of up to `longest` tokens.
struct LaneMemory {
  float* base = nullptr;
  std::int64_t floats = 0;
  std::int64_t bias = 0;

  Status allocate(const OpContext& context, int lanes, std::int64_t longest, std::int64_t headDim, bool hasBias) {
    const auto align = [](std::int64_t count) { return (count + 15) / 16 * 16; };
    bias = align(context.kernels.attention.scratchFloats(longest, headDim));
    floats = bias + (hasBias ? align(biasFloats(longest)) : 0);
    base = context.scratch.allocate<float>(floats * lanes);
    return base == nullptr ? Status::outOfMemory("attention: not enough memory for a sequence of " +
                                                 std::to_string(longest) + " tokens")
                           : Status::ok();
  }

  float* scratchOf(int lane) const { return base + lane * floats; }
  float* biasOf(int lane) const { return base + lane * floats + bias; }
};

Status attention(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("attention", context, 4, 1));
  Settings settings;
  GEMMULE_RETURN_IF_ERROR(readSettings("attention", context, &settings));
  GEMMULE_RETURN_IF_ERROR(checkTokens("attention", context, 3, settings.numHeads));
  const TensorView& query = context.operands[0].tensor;
  const TensorView& key = context.operands[1].tensor;
  const TensorView& value = context.operands[2].tensor;
  const TensorView& cuSeqlens = context.operands[3].tensor;
  const Operand& bias = context.operands[4];
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireResult("attention", y, DType::kFloat32, query));
  GEMMULE_RETURN_IF_ERROR(requireCuSeqlens("attention", context.operands[3], query.dims[0]));
  GEMMULE_RETURN_IF_ERROR(checkBias("attention", bias, settings.numHeads));
  const Operand keyCounts = context.optionalOperand(5);
  GEMMULE_RETURN_IF_ERROR(checkKeyCounts(keyCounts, cuSeqlens));

  const std::int64_t hidden = query.dims[1];
  const std::int64_t headDim = hidden / settings.numHeads;
  const std::int64_t sequences = cuSeqlens.dims[0] - 1;
  std::int64_t longest = 0;
  double squares = 0;
  for (std::int64_t n = 0; n < sequences; ++n) {
    const std::int64_t length = sequenceStart(cuSeqlens, n + 1) - sequenceStart(cuSeqlens, n);
    longest = std::max(longest, length);
    squares += static_cast<double>(length) * static_cast<double>(length);
  }
  if (longest == 0 || headDim == 0) return Status::ok();
  LaneMemory memory;
  GEMMULE_RETURN_IF_ERROR(memory.allocate(context, context.team.threads(), longest, headDim, bias.isPresent()));

  const auto attend = [&](std::int64_t sequence, std::int64_t index, int lane) {
    const std::int64_t begin = sequenceStart(cuSeqlens, sequence);
    AttentionHead head{};
    head.tokens = sequenceStart(cuSeqlens, sequence + 1) - begin;
    head.keys = keyCounts.isPresent() ? sequenceStart(keyCounts.tensor, sequence) : head.tokens;
    head.headDim = headDim;
    head.query = query.as<float>() + begin * query.strides[0] + index * headDim;
    head.key = key.as<float>() + begin * key.strides[0] + index * headDim;
    head.value = value.as<float>() + begin * value.strides[0] + index * headDim;
    head.queryStride = query.strides[0];
    head.keyStride = key.strides[0];
    head.valueStride = value.strides[0];
    head.scale = settings.scale;
    head.causal = settings.causal;
    head.window = settings.window;
    head.y = y.as<float>() + begin * hidden + index * headDim;
    head.yStride = hidden;
    head.scratch = memory.scratchOf(lane);
    if (bias.isPresent() && head.tokens > 0) {
      expandBias(bias.tensor, index, head.tokens, memory.biasOf(lane));
      head.bias = memory.biasOf(lane) + head.tokens - 1;
    }
    context.kernels.attention.attend(head);
  };

  const double multiplyAdds = 2 * squares * static_cast<double>(headDim) / static_cast<double>(sequences);
  const std::int64_t grain = 1 + static_cast<std::int64_t>(kGrainMultiplyAdds / multiplyAdds);
  context.team.parallelFor(sequences * settings.numHeads, grain, [&](std::int64_t begin, std::int64_t end, int lane) {
    for (std::int64_t item = begin; item < end; ++item) {
      attend(item / settings.numHeads, item % settings.numHeads, lane);
    }
  });
  return Status::ok();
}

Status attentionWeights(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("attentionWeights", context, 2, 1));
  Settings settings;
  GEMMULE_RETURN_IF_ERROR(readSettings("attentionWeights", context, &settings));
  GEMMULE_RETURN_IF_ERROR(checkTokens("attentionWeights", context, 2, settings.numHeads));
  const TensorView& query = context.operands[0].tensor;
  const TensorView& key = context.operands[1].tensor;
  const Operand& bias = context.operands[2];
  const TensorView& y = context.results[0];
  const std::int64_t tokens = query.dims[0];
  GEMMULE_RETURN_IF_ERROR(checkBias("attentionWeights", bias, settings.numHeads));
  if (y.rank != 2 || y.dtype != DType::kFloat32 || y.dims[0] != settings.numHeads * tokens || y.dims[1] != tokens ||
      !y.isContiguous()) {
    return Status::invalid("attentionWeights: the result has the wrong shape " + formatDims(y));
  }
  if (tokens == 0) return Status::ok();
  const std::int64_t headDim = query.dims[1] / settings.numHeads;
  LaneMemory memory;
  GEMMULE_RETURN_IF_ERROR(memory.allocate(context, context.team.threads(), tokens, headDim, bias.isPresent()));
  context.team.parallelFor(settings.numHeads, 1, [&](std::int64_t begin, std::int64_t end, int lane) {
    for (std::int64_t index = begin; index < end; ++index) {
      AttentionHead head{};
      head.tokens = tokens;
      head.keys = tokens;
      head.headDim = headDim;
      head.query = query.as<float>() + index * headDim;
      head.key = key.as<float>() + index * headDim;
      head.queryStride = query.strides[0];
      head.keyStride = key.strides[0];
      head.scale = settings.scale;
      head.causal = settings.causal;
      head.window = settings.window;
      head.y = y.as<float>() + index * tokens * tokens;
      head.yStride = tokens;
      head.scratch = memory.scratchOf(lane);
      if (bias.isPresent()) {
        expandBias(bias.tensor, index, tokens, memory.biasOf(lane));
        head.bias = memory.biasOf(lane) + tokens - 1;
      }
      context.kernels.attention.attend(head);
    }
  });
  return Status::ok();
}

constexpr OpDefinition kAttentionOps[] = {
    {"attention", 5, 6, 4, 1, attention},
    {"attentionWeights", 3, 3, 4, 1, attentionWeights},
};

}  // namespace

std::span<const OpDefinition> attentionOps() { return kAttentionOps; }

}  // namespace gemmule

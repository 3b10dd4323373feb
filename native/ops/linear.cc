#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/gemm.h"
#include "kernels/gemm_bfloat16.h"
#include "kernels/gemm_int8.h"
#include "ops/ops.h"
#include "ops/transformer_checks.h"
#include "runtime/packed_weight.h"

namespace gemmule {
namespace {

/// Rows of x that stay in the second-level cache while the panels of the weight pass by.
constexpr std::int64_t kBlockRows = 96;
/// Multiply-adds that are worth another thread.
constexpr std::int64_t kGrainMultiplyAdds = 128 * 1024;
/// Numbers to quantise that are worth another thread.
constexpr std::int64_t kGrainQuantized = 32 * 1024;
/// Units of work that a product is cut into, at least where it is large enough.
constexpr std::int64_t kUnitsPerThread = 64;
/// Panels that the kernels take at once where there are few rows.
constexpr std::int64_t kPanelGroup = 4;

std::int64_t divideUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// How a product is cut: row blocks by groups of panels, each one unit of work. No sum is ever cut.
struct Partition {
  std::int64_t rowBlocks;
  std::int64_t rowsPerBlock;
  std::int64_t columnBlocks;
  std::int64_t panelsPerBlock;

  Partition(std::int64_t rows, std::int64_t panels, int tileRows, int threads) {
    rowBlocks = std::max<std::int64_t>(1, divideUp(rows, kBlockRows));
    // Equal blocks of whole tiles.
    rowsPerBlock = divideUp(divideUp(rows, rowBlocks), tileRows) * tileRows;
    rowBlocks = divideUp(rows, rowsPerBlock);
    const std::int64_t groups = divideUp(panels, kPanelGroup);
    // Many small units even out what one thread lacks.
    const std::int64_t wanted = divideUp(kUnitsPerThread * threads, rowBlocks);
    panelsPerBlock = divideUp(groups, std::min(wanted, groups)) * kPanelGroup;
    columnBlocks = divideUp(panels, panelsPerBlock);
  }
};

/// x of a product in int8, quantised; or in bfloat16, rounded.
struct QuantizedInput {
  std::int64_t rowBytes = 0;
  std::byte* numbers = nullptr;
  float* scales = nullptr;
  std::int32_t* corrections = nullptr;
};

Status quantize(const OpContext& context, const TensorView& x, const PackedWeight& weight, QuantizedInput* input) {
  const Int8Kernels& kernels = context.kernels.int8;
  if (weight.int8Layout() != kernels.layout) {
    return Status::invalid("linear: the weight was packed for another instruction set");
  }
  const std::int64_t rows = x.dims[0];
  const std::int64_t groups = weight.groups();
  input->rowBytes = groups * kInt8Group * (kernels.layout == Int8Layout::kPairs ? 2 : 1);
  input->numbers = context.scratch.allocate<std::byte>(rows * input->rowBytes);
  input->scales = context.scratch.allocate<float>(rows * groups);
  input->corrections = context.scratch.allocate<std::int32_t>(rows * groups);
  if (input->numbers == nullptr || input->scales == nullptr || input->corrections == nullptr) {
    return Status::outOfMemory("linear: not enough memory for " + std::to_string(rows) + " quantised rows");
  }
  const std::int64_t grain = kGrainQuantized / (x.dims[1] + 1) + 1;
  context.team.parallelFor(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
    Int8Rows block;
    block.x = x.as<float>() + begin * x.strides[0];
    block.xStride = x.strides[0];
    block.rows = end - begin;
    block.depth = x.dims[1];
    block.inputScale = weight.inputScale();
    block.quantized = input->numbers + begin * input->rowBytes;
    block.scales = input->scales + begin * groups;
    block.corrections = input->corrections + begin * groups;
    kernels.quantize(block);
  });
  return Status::ok();
}

Status roundToBfloat16(const OpContext& context, const TensorView& x, const PackedWeight& weight,
                       QuantizedInput* input) {
  const std::int64_t rows = x.dims[0];
  const std::int64_t depth = x.dims[1];
  const std::int64_t width = weight.pairs() * 2;
  input->rowBytes = width * 2;
  input->numbers = context.scratch.allocate<std::byte>(rows * input->rowBytes);
  if (input->numbers == nullptr) {
    return Status::outOfMemory("linear: not enough memory for " + std::to_string(rows) + " rounded rows");
  }
  const CastKernel round = context.kernels.cast.between(DType::kFloat32, DType::kBfloat16);
  const std::int64_t grain = kGrainQuantized / (depth + 1) + 1;
  context.team.parallelFor(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      auto* rounded = reinterpret_cast<std::uint16_t*>(input->numbers + row * input->rowBytes);
      round(x.as<float>() + row * x.strides[0], rounded, depth);
      if (depth < width) rounded[depth] = 0;
    }
  });
  return Status::ok();
}

/// One unit of work: rows from `row` on by panels from `panel` on.
struct Unit {
  std::int64_t row;
  std::int64_t rows;
  std::int64_t panel;
  std::int64_t columns;
  GemmEpilogue epilogue;
};

void multiply(const OpContext& context, const TensorView& x, const PackedWeight& weight, const QuantizedInput& input,
              const Unit& unit) {
  if (weight.format() == PackFormat::kInt8) {
    Int8Block block;
    block.quantized = input.numbers + unit.row * input.rowBytes;
    block.scales = input.scales + unit.row * weight.groups();
    block.corrections = input.corrections + unit.row * weight.groups();
    block.rows = unit.rows;
    block.groups = weight.groups();
    block.panels = weight.panel(unit.panel);
    block.columns = unit.columns;
    block.epilogue = unit.epilogue;
    context.kernels.int8.multiply(block);
    return;
  }
  if (weight.format() == PackFormat::kBfloat16Products) {
    Bfloat16Block block;
    block.x = reinterpret_cast<const std::uint16_t*>(input.numbers + unit.row * input.rowBytes);
    block.rows = unit.rows;
    block.pairs = weight.pairs();
    block.panels = reinterpret_cast<const std::uint16_t*>(weight.panel(unit.panel));
    block.columns = unit.columns;
    block.epilogue = unit.epilogue;
    context.kernels.bfloat16.multiply(block);
    return;
  }
  GemmBlock block;
  block.x = x.as<float>() + unit.row * x.strides[0];
  block.xStride = x.strides[0];
  block.rows = unit.rows;
  block.depth = weight.inFeatures();
  block.panels = weight.panel(unit.panel);
  block.panelStride = weight.inFeatures() * kPanelWidth;
  block.columns = unit.columns;
  block.epilogue = unit.epilogue;
  const GemmKernels& kernels = context.kernels.gemm;
  (weight.format() == PackFormat::kBfloat16 ? kernels.bfloat16 : kernels.float32)(block);
}

Status checkLinear(const OpContext& context, const PackedWeight& weight, std::int64_t* activation) {
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireRows("linear", "x", x));
  if (x.dims[1] != weight.inFeatures()) {
    return Status::invalid("linear: x has shape " + formatDims(x) + ", the weight takes " +
                           std::to_string(weight.inFeatures()) + " features");
  }
  if (y.rank != 2 || y.dtype != DType::kFloat32 || y.dims[0] != x.dims[0] || y.dims[1] != weight.outFeatures() ||
      !y.isContiguous()) {
    return Status::invalid("linear: the result has the wrong shape " + formatDims(y));
  }
  GEMMULE_RETURN_IF_ERROR(requireVector("linear", "bias", context.operands[2], weight.outFeatures()));
  GEMMULE_RETURN_IF_ERROR(requireMatrix("linear", "residual", context.operands[3], y));
  return integerAttribute("linear", context, 0, 0, kActivationCount - 1, activation);
}

Status linear(const OpContext& context) {
  if (context.operands[0].kind != Operand::Kind::kTensor || context.operands[1].kind != Operand::Kind::kPacked) {
    return Status::invalid("linear: x must be a tensor and weight a packed weight");
  }
  const PackedWeight& weight = *context.operands[1].packed;
  std::int64_t activation = 0;
  GEMMULE_RETURN_IF_ERROR(checkLinear(context, weight, &activation));

  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  const std::int64_t rows = x.dims[0];
  const std::int64_t columns = weight.outFeatures();
  if (rows == 0 || columns == 0) return Status::ok();
  const float* bias = nullptr;
  GEMMULE_RETURN_IF_ERROR(contiguousVector(context, context.operands[2], &bias));
  const Operand& residual = context.operands[3];
  QuantizedInput input;
  if (weight.format() == PackFormat::kInt8) GEMMULE_RETURN_IF_ERROR(quantize(context, x, weight, &input));
  if (weight.format() == PackFormat::kBfloat16Products) {
    GEMMULE_RETURN_IF_ERROR(roundToBfloat16(context, x, weight, &input));
  }

  const Partition partition(rows, weight.panels(), context.kernels.gemm.tileRows, context.team.threads());
  const std::int64_t units = partition.rowBlocks * partition.columnBlocks;
  const std::int64_t unitMultiplyAdds =
      std::max<std::int64_t>(1, rows * columns / units * std::max<std::int64_t>(1, weight.inFeatures()));
  const std::int64_t grain = divideUp(kGrainMultiplyAdds, unitMultiplyAdds);
  // Units of one row block lie side by side: its rows stay in the cache of the thread that takes them.
  context.team.parallelFor(units, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t index = begin; index < end; ++index) {
      Unit unit;
      unit.row = index / partition.columnBlocks * partition.rowsPerBlock;
      unit.rows = std::min(partition.rowsPerBlock, rows - unit.row);
      unit.panel = index % partition.columnBlocks * partition.panelsPerBlock;
      const std::int64_t column = unit.panel * kPanelWidth;
      unit.columns = std::min(partition.panelsPerBlock * kPanelWidth, columns - column);
      unit.epilogue.bias = bias == nullptr ? nullptr : bias + column;
      if (residual.isPresent()) {
        unit.epilogue.residual = residual.tensor.as<float>() + unit.row * residual.tensor.strides[0] + column;
        unit.epilogue.residualStride = residual.tensor.strides[0];
      }
      unit.epilogue.activation = static_cast<Activation>(activation);
      unit.epilogue.y = y.as<float>() + unit.row * columns + column;
      unit.epilogue.yStride = columns;
      multiply(context, x, weight, input, unit);
    }
  });
  return Status::ok();
}

constexpr OpDefinition kLinearOps[] = {
    {"linear", 4, 4, 1, 1, linear},
};

}  // namespace

std::span<const OpDefinition> linearOps() { return kLinearOps; }

}  // namespace gemmule

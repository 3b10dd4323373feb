#include <cstring>
#include <string>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Bytes that one lane should copy at least.
constexpr std::int64_t kGrainBytes = 64 * 1024;

/// Elements that one lane should look up at least.
constexpr std::int64_t kGrainElements = 16 * 1024;

std::int64_t product(const TensorView& view, int begin, int end) {
  std::int64_t count = 1;
  for (int axis = begin; axis < end; ++axis) count *= view.dims[axis];
  return count;
}

Status axisAttribute(const char* name, const OpContext& context, int rank, int* axis) {
  std::int64_t value = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute(name, context, 0, 0, rank - 1, &value));
  *axis = static_cast<int>(value);
  return Status::ok();
}

Status checkConcat(const OpContext& context, int* axis) {
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireTensors("concat", context, context.operands.size(), 1));
  GEMMULE_RETURN_IF_ERROR(axisAttribute("concat", context, y.rank, axis));
  std::int64_t length = 0;
  for (const Operand& operand : context.operands) {
    const TensorView& x = operand.tensor;
    bool fits = x.rank == y.rank && x.dtype == y.dtype;
    for (int other = 0; other < y.rank && fits; ++other) fits = other == *axis || x.dims[other] == y.dims[other];
    if (!fits) return Status::invalid("concat: shapes " + formatDims(x) + " and " + formatDims(y) + " do not fit");
    length += x.dims[*axis];
  }
  if (length != y.dims[*axis] || !y.isContiguous()) {
    return Status::invalid("concat: the result has the wrong shape " + formatDims(y));
  }
  return Status::ok();
}

/// Operands one after another: each gives a block of the result for every index of the axes before `axis`.
Status concat(const OpContext& context) {
  int axis = 0;
  GEMMULE_RETURN_IF_ERROR(checkConcat(context, &axis));
  const TensorView& y = context.results[0];
  const std::int64_t bytes = bytesPerElement(y.dtype);
  const std::int64_t outer = product(y, 0, axis);
  const std::int64_t inner = product(y, axis + 1, y.rank);
  std::int64_t offset = 0;
  for (const Operand& operand : context.operands) {
    const TensorView& x = operand.tensor;
    const std::int64_t block = x.dims[axis] * inner;
    if (block > 0 && outer > 0) {
      const StridedWalk<1> walk({&x});
      context.team.parallelFor(outer, kGrainBytes / (block * bytes) + 1,
                               [&](std::int64_t begin, std::int64_t end, int) {
                                 for (std::int64_t index = begin; index < end; ++index) {
                                   std::byte* target = y.data + (index * y.dims[axis] * inner + offset) * bytes;
                                   gatherElements(walk, x.data, bytes, index * block, block, target);
                                 }
                               });
    }
    offset += block;
  }
  return Status::ok();
}

/// Indices as they are used: counted from the front, checked.
Status readIndices(const char* name, const OpContext& context, const TensorView& indices, std::int64_t length,
                   std::int32_t** result) {
  GEMMULE_RETURN_IF_ERROR(requireDType(name, "indices", indices, {DType::kInt32}));
  const std::int64_t count = indices.size();
  std::int32_t* numbers = context.scratch.allocate<std::int32_t>(count);
  if (numbers == nullptr) return Status::outOfMemory(std::string(name) + ": not enough memory for the indices");
  if (count > 0) gatherElements(StridedWalk<1>({&indices}), indices.data, 4, 0, count, numbers);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t index = numbers[n];
    if (index < -length || index >= length) {
      return Status::index(std::string(name) + ": index " + std::to_string(index) + " is out of range for length " +
                           std::to_string(length));
    }
    if (index < 0) numbers[n] = static_cast<std::int32_t>(index + length);
  }
  *result = numbers;
  return Status::ok();
}

Status take(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("take", context, 2, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& indices = context.operands[1].tensor;
  const TensorView& y = context.results[0];
  int axis = 0;
  GEMMULE_RETURN_IF_ERROR(axisAttribute("take", context, x.rank, &axis));
  bool fits = y.rank == x.rank - 1 + indices.rank && y.dtype == x.dtype && y.isContiguous();
  for (int other = 0; other < y.rank && fits; ++other) {
    const bool before = other < axis;
    const bool behind = other >= axis + indices.rank;
    const std::int64_t expected = before   ? x.dims[other]
                                  : behind ? x.dims[other - indices.rank + 1]
                                           : indices.dims[other - axis];
    fits = y.dims[other] == expected;
  }
  if (!fits) return Status::invalid("take: the result has the wrong shape " + formatDims(y));
  std::int32_t* numbers = nullptr;
  GEMMULE_RETURN_IF_ERROR(readIndices("take", context, indices, x.dims[axis], &numbers));
  const std::int64_t taken = indices.size();
  const std::int64_t outer = product(x, 0, axis);
  const std::int64_t block = product(x, axis + 1, x.rank);
  if (taken == 0 || outer == 0 || block == 0) return Status::ok();

  const std::int64_t bytes = bytesPerElement(x.dtype);
  const StridedWalk<1> outerWalk({&x}, 0, axis);
  const StridedWalk<1> blockWalk({&x}, axis + 1, x.rank);
  context.team.parallelFor(
      outer * taken, kGrainBytes / (block * bytes) + 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
          const StridedCursor<1> cursor(outerWalk, row / taken);
          const std::int64_t offset = cursor.offset(0) + numbers[row % taken] * x.strides[axis];
          gatherElements(blockWalk, x.data + offset * bytes, bytes, 0, block, y.data + row * block * bytes);
        }
      });
  return Status::ok();
}

template <typename Word>
void takeAlong(const TensorView& x, int axis, const std::int32_t* indices, const TensorView& y, ThreadTeam& team) {
  // Where an index leads is x's own place but for the axis, along which the index counts.
  TensorView base = x;
  base.dims = y.dims;
  base.strides[axis] = 0;
  const StridedWalk<1> walk({&base});
  team.parallelFor(walk.count, kGrainElements, [&](std::int64_t begin, std::int64_t end, int) {
    StridedCursor<1> cursor(walk, begin);
    for (std::int64_t n = begin; n < end; ++n) {
      y.as<Word>()[n] = x.as<Word>()[cursor.offset(0) + indices[n] * x.strides[axis]];
      cursor.advance(1);
    }
  });
}

Status takeAlongAxis(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("takeAlongAxis", context, 2, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& indices = context.operands[1].tensor;
  const TensorView& y = context.results[0];
  int axis = 0;
  GEMMULE_RETURN_IF_ERROR(axisAttribute("takeAlongAxis", context, x.rank, &axis));
  GEMMULE_RETURN_IF_ERROR(requireResult("takeAlongAxis", y, x.dtype, indices));
  bool fits = indices.rank == x.rank;
  for (int other = 0; other < x.rank && fits; ++other) fits = other == axis || indices.dims[other] == x.dims[other];
  if (!fits) {
    return Status::invalid("takeAlongAxis: indices " + formatDims(indices) + " do not fit x " + formatDims(x));
  }
  std::int32_t* numbers = nullptr;
  GEMMULE_RETURN_IF_ERROR(readIndices("takeAlongAxis", context, indices, x.dims[axis], &numbers));
  if (y.size() == 0) return Status::ok();
  switch (bytesPerElement(x.dtype)) {
    case 1:
      takeAlong<std::uint8_t>(x, axis, numbers, y, context.team);
      break;
    case 2:
      takeAlong<std::uint16_t>(x, axis, numbers, y, context.team);
      break;
    case 4:
      takeAlong<std::uint32_t>(x, axis, numbers, y, context.team);
      break;
    default:
      takeAlong<std::uint64_t>(x, axis, numbers, y, context.team);
      break;
  }
  return Status::ok();
}

}  // namespace

std::span<const OpDefinition> indexingOps() {
  static constexpr OpDefinition kOps[] = {
      {"concat", 1, 1 << 20, 1, 1, concat}, {"take", 2, 2, 1, 1, take}, {"takeAlongAxis", 2, 2, 1, 1, takeAlongAxis}};
  return kOps;
}

}  // namespace gemmule

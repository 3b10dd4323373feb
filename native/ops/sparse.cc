#include "kernels/sparse.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <type_traits>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Multiplications that one lane should do at least.
constexpr std::int64_t kGrainWork = 64 * 1024;

/// A matrix in compressed rows and a dense one, contiguous all, checked but for the column indices.
struct SparseOperands {
  const std::byte* values = nullptr;
  const std::int32_t* columns = nullptr;
  const std::int32_t* offsets = nullptr;
  const std::byte* dense = nullptr;
  std::int64_t rows = 0;
  /// Rows of the dense matrix, which column indices must lie within.
  std::int64_t length = 0;
  std::int64_t width = 0;
  std::int64_t entries = 0;
};

/// The view's elements in row-major order: its own memory, or a copy.
template <typename T>
Status readElements(const char* name, const OpContext& context, const TensorView& view, const T** elements) {
  *elements = view.as<T>();
  if (view.isContiguous() || view.size() == 0) return Status::ok();
  std::byte* copy = context.scratch.allocate<std::byte>(view.size() * bytesPerElement(view.dtype));
  if (copy == nullptr) return Status::outOfMemory(std::string(name) + ": not enough memory to copy an operand");
  copyElements(view, copy, context.team);
  *elements = reinterpret_cast<const T*>(copy);
  return Status::ok();
}

Status readOperands(const char* name, const OpContext& context, SparseOperands* read) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 4, 1));
  const TensorView& values = context.operands[0].tensor;
  const TensorView& columns = context.operands[1].tensor;
  const TensorView& offsets = context.operands[2].tensor;
  const TensorView& dense = context.operands[3].tensor;
  GEMMULE_RETURN_IF_ERROR(requireDType(name, "values", values, {DType::kFloat32, DType::kFloat64}));
  GEMMULE_RETURN_IF_ERROR(requireDType(name, "columnIndices", columns, {DType::kInt32}));
  GEMMULE_RETURN_IF_ERROR(requireDType(name, "rowOffsets", offsets, {DType::kInt32}));
  if (values.rank != 1 || !sameDims(values, columns) || offsets.rank != 1 || offsets.dims[0] < 1 || dense.rank != 2 ||
      dense.dtype != values.dtype) {
    return Status::invalid(std::string(name) + ": operands " + formatDims(values) + ", " + formatDims(columns) + ", " +
                           formatDims(offsets) + " and " + formatDims(dense) + " do not fit");
  }
  GEMMULE_RETURN_IF_ERROR(readElements(name, context, values, &read->values));
  GEMMULE_RETURN_IF_ERROR(readElements(name, context, columns, &read->columns));
  GEMMULE_RETURN_IF_ERROR(readElements(name, context, offsets, &read->offsets));
  GEMMULE_RETURN_IF_ERROR(readElements(name, context, dense, &read->dense));
  read->rows = offsets.dims[0] - 1;
  read->length = dense.dims[0];
  read->width = dense.dims[1];
  read->entries = values.dims[0];
  bool ascends = read->offsets[0] == 0 && read->offsets[read->rows] == read->entries;
  for (std::int64_t row = 0; row < read->rows && ascends; ++row) {
    ascends = read->offsets[row] <= read->offsets[row + 1];
  }
  if (ascends) return Status::ok();
  return Status::index(std::string(name) + ": rowOffsets must ascend from 0 to the number of values, " +
                       std::to_string(read->entries));
}

/// Calls `kernel(row, y)` for every row, `y` being `size` elements of the result.
template <typename T, typename Kernel>
Status forEachRow(const char* name, const OpContext& context, const SparseOperands& operands, std::int64_t size,
                  Kernel kernel) {
  T* result = context.results[0].as<T>();
  const std::int64_t work = (operands.entries / std::max<std::int64_t>(operands.rows, 1) + 1) * size;
  std::atomic<std::int64_t> wrong{-1};
  context.team.parallelFor(operands.rows, kGrainWork / (work + 1) + 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      if (context.cancelled != nullptr && context.cancelled->load(std::memory_order_relaxed)) {
        return;
      }
      SparseRow<T> row{};
      row.values = reinterpret_cast<const T*>(operands.values) + operands.offsets[r];
      row.columns = operands.columns + operands.offsets[r];
      row.count = operands.offsets[r + 1] - operands.offsets[r];
      row.dense = reinterpret_cast<const T*>(operands.dense);
      row.width = operands.width;
      for (std::int64_t entry = 0; entry < row.count; ++entry) {
        if (row.columns[entry] >= 0 && row.columns[entry] < operands.length) continue;
        wrong.store(operands.offsets[r] + entry, std::memory_order_relaxed);
        return;
      }
      kernel(row, result + r * size);
    }
  });
  const std::int64_t entry = wrong.load();
  if (entry < 0) return Status::ok();
  return Status::index(std::string(name) + ": column index " + std::to_string(operands.columns[entry]) +
                       " is out of range for a dense matrix of " + std::to_string(operands.length) + " rows");
}

Status sparseMatmul(const OpContext& context) {
  SparseOperands operands;
  GEMMULE_RETURN_IF_ERROR(readOperands("sparseMatmul", context, &operands));
  const TensorView& y = context.results[0];
  if (y.rank != 2 || y.dtype != context.operands[0].tensor.dtype || y.dims[0] != operands.rows ||
      y.dims[1] != operands.width || !y.isContiguous()) {
    return Status::invalid("sparseMatmul: the result has the wrong shape " + formatDims(y));
  }
  const SparseKernels& kernels = context.kernels.sparse;
  if (y.dtype == DType::kFloat32) {
    return forEachRow<float>("sparseMatmul", context, operands, operands.width, kernels.combine32);
  }
  return forEachRow<double>("sparseMatmul", context, operands, operands.width, kernels.combine64);
}

Status sparseGram(const OpContext& context) {
  SparseOperands operands;
  GEMMULE_RETURN_IF_ERROR(readOperands("sparseGram", context, &operands));
  const TensorView& y = context.results[0];
  if (y.rank != 3 || y.dtype != context.operands[0].tensor.dtype || y.dims[0] != operands.rows ||
      y.dims[1] != operands.width || y.dims[2] != operands.width || !y.isContiguous()) {
    return Status::invalid("sparseGram: the result has the wrong shape " + formatDims(y));
  }
  const std::int64_t size = operands.width * operands.width;
  const SparseKernels& kernels = context.kernels.sparse;
  if (y.dtype == DType::kFloat32) {
    return forEachRow<float>("sparseGram", context, operands, size, kernels.gram32);
  }
  return forEachRow<double>("sparseGram", context, operands, size, kernels.gram64);
}

constexpr OpDefinition kSparseOps[] = {
    {"sparseMatmul", 4, 4, 0, 1, sparseMatmul},
    {"sparseGram", 4, 4, 0, 1, sparseGram},
};

}  // namespace

std::span<const OpDefinition> sparseOps() { return kSparseOps; }

}  // namespace gemmule

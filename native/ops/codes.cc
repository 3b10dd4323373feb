#include "kernels/codes.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "ops/ops.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Bytes of codes that are worth another thread.
constexpr std::int64_t kGrainBytes = 64 * 1024;

constexpr std::int64_t kMostColumns = 65536;

Status requireCodes(const char* name, const char* argument, const TensorView& view) {
  if (view.rank == 2 && view.dtype == DType::kUint8 && view.dims[1] <= kMostColumns &&
      (view.strides[1] == 1 || view.dims[1] <= 1)) {
    return Status::ok();
  }
  return Status::invalid(std::string(name) + ": " + argument +
                         " must be uint8 [rows, columns] with unit column stride and at most 65536 columns");
}

Status requirePairs(const char* name, const OpContext& context, std::size_t operands, DType result) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, operands, 1));
  const TensorView& queries = context.operands[0].tensor;
  const TensorView& rows = context.operands[1].tensor;
  const TensorView& y = context.results[0];
  GEMMULE_RETURN_IF_ERROR(requireCodes(name, "queries", queries));
  GEMMULE_RETURN_IF_ERROR(requireCodes(name, "rows", rows));
  if (queries.dims[1] != rows.dims[1] || y.rank != 2 || y.dtype != result || y.dims[0] != queries.dims[0] ||
      y.dims[1] != rows.dims[0] || !y.isContiguous()) {
    return Status::invalid(std::string(name) + ": shapes " + formatDims(queries) + ", " + formatDims(rows) + " and " +
                           formatDims(y) + " do not fit together");
  }
  return Status::ok();
}

/// Calls `body` with ranges of rows, for every kCodeQueries queries in turn.
template <typename Body>
void forRows(const OpContext& context, Body body) {
  const TensorView& queries = context.operands[0].tensor;
  const TensorView& rows = context.operands[1].tensor;
  const std::int64_t grain = kGrainBytes / std::max<std::int64_t>(rows.dims[1], 1) + 1;
  for (std::int64_t first = 0; first < queries.dims[0]; first += kCodeQueries) {
    const int count = static_cast<int>(std::min<std::int64_t>(queries.dims[0] - first, kCodeQueries));
    context.team.parallelFor(rows.dims[0], grain, [&](std::int64_t begin, std::int64_t end, int) {
      CodeRows part{};
      part.codes = rows.as<std::uint8_t>() + begin * rows.strides[0];
      part.rowStride = rows.strides[0];
      part.rows = end - begin;
      part.columns = rows.dims[1];
      part.queries = count;
      body(part, first, begin);
    });
  }
}

Status codeProducts(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requirePairs("codeProducts", context, 3, DType::kFloat32));
  const TensorView& queries = context.operands[0].tensor;
  const TensorView& scales = context.operands[2].tensor;
  const std::int64_t rows = context.operands[1].tensor.dims[0];
  const std::int64_t columns = queries.dims[1];
  if (scales.rank != 1 || scales.dtype != DType::kFloat32 || scales.dims[0] != rows || !scales.isContiguous()) {
    return Status::invalid("codeProducts: scales must be contiguous float32 [" + std::to_string(rows) + "]");
  }
  std::int16_t* centred = context.scratch.allocate<std::int16_t>(queries.dims[0] * columns);
  if (centred == nullptr) return Status::outOfMemory("codeProducts: not enough memory for the queries");
  for (std::int64_t q = 0; q < queries.dims[0]; ++q) {
    const std::uint8_t* bytes = queries.as<std::uint8_t>() + q * queries.strides[0];
    for (std::int64_t n = 0; n < columns; ++n) {
      centred[q * columns + n] = static_cast<std::int16_t>(static_cast<int>(bytes[n]) - kCodeZero);
    }
  }
  forRows(context, [&](CodeRows& part, std::int64_t first, std::int64_t begin) {
    float* y[kCodeQueries] = {};
    for (int q = 0; q < part.queries; ++q) {
      part.centred[q] = centred + (first + q) * columns;
      y[q] = context.results[0].as<float>() + (first + q) * rows + begin;
    }
    context.kernels.codes.products(part, scales.as<float>() + begin, y);
  });
  return Status::ok();
}

Status hammingDistances(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requirePairs("hammingDistances", context, 2, DType::kInt32));
  const TensorView& queries = context.operands[0].tensor;
  const std::int64_t rows = context.operands[1].tensor.dims[0];
  forRows(context, [&](CodeRows& part, std::int64_t first, std::int64_t begin) {
    std::int32_t* y[kCodeQueries] = {};
    for (int q = 0; q < part.queries; ++q) {
      part.bytes[q] = queries.as<std::uint8_t>() + (first + q) * queries.strides[0];
      y[q] = context.results[0].as<std::int32_t>() + (first + q) * rows + begin;
    }
    context.kernels.codes.hamming(part, y);
  });
  return Status::ok();
}

constexpr OpDefinition kCodeOps[] = {
    {"codeProducts", 3, 3, 0, 1, codeProducts},
    {"hammingDistances", 2, 2, 0, 1, hammingDistances},
};

}  // namespace

std::span<const OpDefinition> codeOps() { return kCodeOps; }

}  // namespace gemmule

#include <algorithm>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Elements that one lane should have at least.
constexpr std::int64_t kGrain = 8192;

Status checkScan(const char* name, const OpContext& context, std::initializer_list<DType> allowed) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 1, 1));
  const TensorView& x = context.operands[0].tensor;
  if (x.rank == 0) return Status::invalid(std::string(name) + ": x must have at least one axis");
  GEMMULE_RETURN_IF_ERROR(requireDType(name, "x", x, allowed));
  return requireResult(name, context.results[0], x.dtype, x);
}

/// Calls `body(x, y, count)` for every row along the last axis, both contiguous; x is y where rows had to be gathered.
template <typename T, typename Body>
void forEachRow(const OpContext& context, const Body& body) {
  const TensorView& x = context.operands[0].tensor;
  T* results = context.results[0].as<T>();
  const std::int64_t length = x.dims[x.rank - 1];
  const std::int64_t size = x.size();
  if (size == 0) return;
  const bool inPlace = liesAcrossMemory(x);
  if (inPlace) copyElements(x, context.results[0].data, context.team);
  const StridedWalk<1> outer({&x}, 0, x.rank - 1);
  const StridedWalk<1> inner({&x}, x.rank - 1, x.rank);
  const std::int64_t grain = std::max<std::int64_t>(kGrain / length, 1);
  context.team.parallelFor(size / length, grain, [&](std::int64_t begin, std::int64_t end, int) {
    StridedCursor<1> cursor(outer, begin);
    for (std::int64_t row = begin; row < end; ++row) {
      T* y = results + row * length;
      const T* from = x.as<T>() + cursor.offset(0);
      cursor.advance(1);
      if (!inPlace && !inner.isContiguous(0)) gatherWords(inner, from, 0, length, y);
      body(inPlace || !inner.isContiguous(0) ? y : from, y, length);
    }
  });
}

/// Running sums; those of float32 are kept in float64.
template <typename T, typename Accumulator>
void sumRows(const OpContext& context) {
  forEachRow<T>(context, [](const T* x, T* y, std::int64_t count) {
    Accumulator sum = 0;
    for (std::int64_t n = 0; n < count; ++n) {
      sum += static_cast<Accumulator>(x[n]);
      y[n] = static_cast<T>(sum);
    }
  });
}

Status cumsum(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkScan("cumsum", context, {DType::kFloat32, DType::kFloat64, DType::kInt32}));
  switch (context.operands[0].tensor.dtype) {
    case DType::kFloat32:
      sumRows<float, double>(context);
      break;
    case DType::kFloat64:
      sumRows<double, double>(context);
      break;
    default:
      sumRows<std::int32_t, std::uint32_t>(context);
      break;
  }
  return Status::ok();
}

Status softmax(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkScan("softmax", context, {DType::kFloat32, DType::kFloat64}));
  if (context.operands[0].tensor.dtype == DType::kFloat32) {
    forEachRow<float>(context, context.kernels.scan.softmax32);
  } else {
    forEachRow<double>(context, context.kernels.scan.softmax64);
  }
  return Status::ok();
}

Status logSoftmax(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkScan("logSoftmax", context, {DType::kFloat32, DType::kFloat64}));
  if (context.operands[0].tensor.dtype == DType::kFloat32) {
    forEachRow<float>(context, context.kernels.scan.logSoftmax32);
  } else {
    forEachRow<double>(context, context.kernels.scan.logSoftmax64);
  }
  return Status::ok();
}

}  // namespace

std::span<const OpDefinition> scanOps() {
  static constexpr OpDefinition kOps[] = {
      {"cumsum", 1, 1, 0, 1, cumsum}, {"softmax", 1, 1, 0, 1, softmax}, {"logSoftmax", 1, 1, 0, 1, logSoftmax}};
  return kOps;
}

}  // namespace gemmule

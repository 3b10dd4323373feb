#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <vector>

#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Elements that one lane should sort at least.
constexpr std::int64_t kGrain = 4096;

constexpr std::initializer_list<DType> kComparable = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kUint8,
                                                      DType::kBool};

/// Ascending; NaN counts as the largest.
template <typename T>
bool isBelow(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (std::isnan(b) && !std::isnan(a));
  return a < b;
}

/// The first `count` elements of every row in sorted order, ties by lower index. Cost: n log n for all of a row, n log
/// count for a part.
template <typename T>
void sortRows(const OpContext& context, std::int64_t count, bool descending) {
  const TensorView& x = context.operands[0].tensor;
  const std::int64_t length = x.dims[x.rank - 1];
  const StridedWalk<1> walk({&x});
  T* values = context.results[0].as<T>();
  std::int32_t* indices = context.results[1].as<std::int32_t>();
  if (count == 0 || walk.count == 0) return;
  context.team.parallelFor(walk.count / length, kGrain / length + 1, [&](std::int64_t begin, std::int64_t end, int) {
    std::vector<T> row(static_cast<std::size_t>(length));
    std::vector<std::int32_t> order(static_cast<std::size_t>(length));
    const auto comesFirst = [&](std::int32_t i, std::int32_t j) {
      const T a = row[static_cast<std::size_t>(i)];
      const T b = row[static_cast<std::size_t>(j)];
      if (descending ? isBelow(b, a) : isBelow(a, b)) return true;
      if (descending ? isBelow(a, b) : isBelow(b, a)) return false;
      return i < j;
    };
    for (std::int64_t index = begin; index < end; ++index) {
      gatherElements(walk, x.data, sizeof(T), index * length, length, row.data());
      std::iota(order.begin(), order.end(), 0);
      if (count == length) {
        std::sort(order.begin(), order.end(), comesFirst);
      } else {
        std::partial_sort(order.begin(), order.begin() + count, order.end(), comesFirst);
      }
      for (std::int64_t n = 0; n < count; ++n) {
        const std::int32_t place = order[static_cast<std::size_t>(n)];
        indices[index * count + n] = place;
        values[index * count + n] = row[static_cast<std::size_t>(place)];
      }
    }
  });
}

Status sortBy(const char* name, const OpContext& context, std::int64_t count, bool descending) {
  const TensorView& x = context.operands[0].tensor;
  TensorView expected = x;
  expected.dims[x.rank - 1] = count;
  GEMMULE_RETURN_IF_ERROR(requireResult(name, context.results[0], x.dtype, expected));
  GEMMULE_RETURN_IF_ERROR(requireResult(name, context.results[1], DType::kInt32, expected));
  if (x.dims[x.rank - 1] > INT32_MAX) return Status::unsupported(std::string(name) + ": rows of 2^31 elements or more");
  switch (x.dtype) {
    case DType::kFloat32:
      sortRows<float>(context, count, descending);
      break;
    case DType::kFloat64:
      sortRows<double>(context, count, descending);
      break;
    case DType::kInt32:
      sortRows<std::int32_t>(context, count, descending);
      break;
    default:
      sortRows<std::uint8_t>(context, count, descending);
      break;
  }
  return Status::ok();
}

Status checkRows(const char* name, const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 1, 2));
  const TensorView& x = context.operands[0].tensor;
  if (x.rank == 0) return Status::invalid(std::string(name) + ": x must have at least one axis");
  return requireDType(name, "x", x, kComparable);
}

Status sort(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkRows("sort", context));
  std::int64_t descending = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("sort", context, 0, 0, 1, &descending));
  const TensorView& x = context.operands[0].tensor;
  return sortBy("sort", context, x.dims[x.rank - 1], descending == 1);
}

Status topk(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkRows("topk", context));
  const TensorView& x = context.operands[0].tensor;
  std::int64_t k = 0;
  std::int64_t largest = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("topk", context, 0, 0, static_cast<double>(x.dims[x.rank - 1]), &k));
  GEMMULE_RETURN_IF_ERROR(integerAttribute("topk", context, 1, 0, 1, &largest));
  return sortBy("topk", context, k, largest == 1);
}

}  // namespace

std::span<const OpDefinition> sortOps() {
  static constexpr OpDefinition kOps[] = {{"sort", 1, 1, 1, 2, sort}, {"topk", 1, 1, 2, 2, topk}};
  return kOps;
}

}  // namespace gemmule

// sort and topk against std::stable_sort, with NaN as the largest value, on all dtypes and layouts.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::elementsIn;
using test::Numbers;
using test::runOp;
using test::view;

template <typename T>
bool isBelow(T a, T b) {
  if (a != a) return false;
  return b != b || a < b;
}

template <typename T>
std::vector<std::int32_t> orderOf(const T* row, std::int64_t length, bool descending) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(length));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t i, std::int32_t j) {
    return descending ? isBelow(row[j], row[i]) : isBelow(row[i], row[j]);
  });
  return order;
}

template <typename T>
void checkSorting(const TensorView& x, const std::vector<std::int64_t>& dims) {
  const std::vector<T> all = elementsIn<T>(x);
  const std::int64_t length = dims.back();
  const std::int64_t rows = static_cast<std::int64_t>(all.size()) / std::max<std::int64_t>(length, 1);
  for (const int threads : {1, 3}) {
    ThreadTeam team(threads);
    for (const bool descending : {false, true}) {
      for (const std::int64_t k : {length, length / 2, std::min<std::int64_t>(length, 10),
                                   std::min<std::int64_t>(length, 1), std::int64_t{0}}) {
        test::Scope scope("k " + std::to_string(k) + " of " + std::to_string(length) +
                          (descending ? ", descending" : ""));
        std::vector<std::int64_t> resultDims = dims;
        resultDims.back() = k;
        std::vector<T> values(static_cast<std::size_t>(rows * k) + 1, T{99});
        std::vector<std::int32_t> indices(values.size(), -99);
        const std::vector<TensorView> results = {view(values, resultDims, x.dtype), view(indices, resultDims)};
        CHECK_OK(runOp("topk", Isa::kBaseline, team, {x}, results, {static_cast<double>(k), descending ? 1.0 : 0.0}));
        const auto compare = [&] {
          for (std::int64_t row = 0; row < rows; ++row) {
            const T* elements = all.data() + row * length;
            const std::vector<std::int32_t> order = orderOf(elements, length, descending);
            for (std::int64_t n = 0; n < k; ++n) {
              const std::int32_t place = order[static_cast<std::size_t>(n)];
              CHECK_EQ(indices[static_cast<std::size_t>(row * k + n)], place);
              CHECK_SAME_BITS(values[static_cast<std::size_t>(row * k + n)], elements[place]);
            }
          }
          CHECK_EQ(indices.back(), -99);
        };
        compare();
        if (k != length) continue;
        CHECK_OK(runOp("sort", Isa::kBaseline, team, {x}, results, {descending ? 1.0 : 0.0}));
        compare();
      }
    }
  }
}

template <typename T>
void checkLayouts(const std::vector<T>& storage, DType dtype) {
  checkSorting<T>(view(storage, {30000}, {1}, 0, dtype), {30000});
  checkSorting<T>(view(storage, {5, 1000}, {1000, 1}, 7, dtype), {5, 1000});
  checkSorting<T>(view(storage, {300, 20}, {1, 300}, 0, dtype), {300, 20});
  checkSorting<T>(view(storage, {3, 500}, {600, -1}, 499, dtype), {3, 500});
  checkSorting<T>(view(storage, {2, 300}, {1, 0}, 0, dtype), {2, 300});
  checkSorting<T>(view(storage, {4, 1}, {1, 1}, 0, dtype), {4, 1});
  checkSorting<T>(view(storage, {4, 0}, {1, 1}, 0, dtype), {4, 0});
}

TEST(sortingOfAllDTypes) {
  Numbers numbers(1);
  checkLayouts(numbers.normals<float>(30000), DType::kFloat32);
  checkLayouts(numbers.normals<double>(30000), DType::kFloat64);
  checkLayouts(numbers.integers<std::int32_t>(30000, INT32_MIN, INT32_MAX), DType::kInt32);
  checkLayouts(numbers.integers<std::int32_t>(30000, -3, 3), DType::kInt32);
  checkLayouts(numbers.integers<std::uint8_t>(30000, 0, 255), DType::kUint8);
  checkLayouts(numbers.integers<std::uint8_t>(30000, 0, 1), DType::kBool);
}

TEST(specialsAndTiesKeepTheirOrder) {
  Numbers numbers(2);
  const double values[] = {0.0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, -NAN, 1e-45, -1e-45, 3e38};
  std::vector<float> narrow(30000);
  std::vector<double> wide(30000);
  for (std::size_t n = 0; n < narrow.size(); ++n) {
    wide[n] = values[numbers.integer(0, 10)];
    narrow[n] = static_cast<float>(wide[n]);
  }
  checkLayouts(narrow, DType::kFloat32);
  checkLayouts(wide, DType::kFloat64);
  checkLayouts(std::vector<float>(30000, NAN), DType::kFloat32);
  std::vector<float> rising(30000);
  std::iota(rising.begin(), rising.end(), -15000.0f);
  checkLayouts(rising, DType::kFloat32);
}

TEST(malformedSortsAreRefused) {
  const std::vector<float> x(6);
  std::vector<float> y(6);
  std::vector<std::int32_t> at(6);
  ThreadTeam team(1);
  const auto topk = [&](const TensorView& from, double k, const TensorView& values, const TensorView& indices) {
    return runOp("topk", Isa::kBaseline, team, {from}, {values, indices}, {k, 1});
  };
  CHECK(topk(view(x, {6}), 2, view(y, {2}), view(at, {2})).isOk());
  CHECK(!topk(view(x, {6}), 7, view(y, {6}), view(at, {6})).isOk());
  CHECK(!topk(view(x, {6}), -1, view(y, {2}), view(at, {2})).isOk());
  CHECK(!topk(view(x, {6}), 2, view(y, {3}), view(at, {2})).isOk());
  CHECK(!topk(view(x, {6}), 2, view(y, {2}), view(y, {2})).isOk());
  CHECK(!topk(view(x, {}), 0, view(y, {}), view(at, {})).isOk());
}

}  // namespace
}  // namespace gemmule

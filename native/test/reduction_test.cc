// Reductions and scans against plain float64 loops: layouts, sizes around the chunks, NaN and infinities; the same bits
// for every number of threads and on AVX2 and AVX-512.

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::elementsIn;
using test::isas;
using test::Numbers;
using test::runOp;
using test::view;

constexpr double kEpsilon = 0x1p-24;

/// What a view reduces to: `axes` last ones; rows of elements in row-major order.
struct Layout {
  const char* name;
  std::vector<std::int64_t> dims;
  std::vector<std::int64_t> strides;
  std::int64_t offset;
  int axes;
};

/// All on a storage of 700000 elements.
const std::vector<Layout> kLayouts = {
    {"scalar, no axes", {}, {}, 3, 0},
    {"no axes", {5, 6}, {6, 1}, 0, 0},
    {"one element rows", {40, 1}, {1, 1}, 0, 1},
    {"short rows", {50, 7}, {7, 1}, 0, 1},
    {"middle rows", {50, 63}, {63, 1}, 0, 1},
    {"longer rows with gaps", {9, 100}, {130, 1}, 0, 1},
    {"one chunk", {3, 4096}, {4096, 1}, 0, 1},
    {"one chunk and one", {3, 4097}, {4097, 1}, 0, 1},
    {"everything", {700, 1000}, {1000, 1}, 0, 2},
    {"reversed row", {9001}, {-1}, 9000, 1},
    {"every second", {2, 9001}, {20000, 2}, 1, 1},
    {"one element repeated", {3, 5000}, {1, 0}, 0, 1},
    {"columns", {100, 129}, {1, 100}, 0, 1},
    {"many columns", {1030, 600}, {1, 1030}, 0, 1},
    {"few columns of many rows", {8, 50000}, {1, 8}, 0, 1},
    {"too few columns", {3, 50000}, {1, 3}, 0, 1},
    {"middle axis", {6, 50, 300}, {15000, 1, 50}, 0, 1},
    {"outer axes of three", {20, 30, 400}, {400, 8000, 1}, 0, 2},
    {"two axes apart", {70, 20, 90}, {90, 6300, 1}, 0, 2},
    {"columns reversed", {64, 200}, {1, -64}, 199 * 64, 1},
};

template <typename T>
std::vector<std::vector<T>> rowsOf(const TensorView& x, int axes) {
  std::int64_t length = 1;
  for (int axis = x.rank - axes; axis < x.rank; ++axis) length *= x.dims[axis];
  const std::vector<T> all = elementsIn<T>(x);
  std::vector<std::vector<T>> rows;
  for (std::size_t n = 0; n < all.size(); n += static_cast<std::size_t>(length)) {
    rows.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(n),
                      all.begin() + static_cast<std::ptrdiff_t>(n) + static_cast<std::ptrdiff_t>(length));
  }
  return rows;
}

std::vector<std::int64_t> keptDims(const Layout& layout) {
  return {layout.dims.begin(), layout.dims.end() - layout.axes};
}

template <typename T>
std::size_t firstBest(const std::vector<T>& row, bool greatest) {
  std::size_t best = 0;
  for (std::size_t n = 1; n < row.size(); ++n) {
    if (row[best] != row[best]) break;
    if (row[n] != row[n] || (greatest ? row[n] > row[best] : row[n] < row[best])) best = n;
  }
  return best;
}

TEST(sumsOfEveryLayout) {
  Numbers numbers(1);
  const std::vector<float> storage = numbers.normals<float>(700000);
  for (const Layout& layout : kLayouts) {
    const TensorView x = view(storage, layout.dims, layout.strides, layout.offset);
    const std::vector<std::vector<float>> rows = rowsOf<float>(x, layout.axes);
    std::vector<float> first;
    for (const Isa isa : isas()) {
      for (const int threads : {1, 3}) {
        test::Scope scope(std::string(layout.name) + ", " + isaName(isa));
        ThreadTeam team(threads);
        std::vector<float> y(rows.size() + 1, 77);
        CHECK_OK(runOp("sum", isa, team, {x}, {view(y, keptDims(layout))}, {static_cast<double>(layout.axes)}));
        CHECK_EQ(y.back(), 77.0f);
        for (std::size_t n = 0; n < rows.size(); ++n) {
          double sum = 0;
          double magnitude = 0;
          for (const float element : rows[n]) {
            sum += static_cast<double>(element);
            magnitude += std::fabs(static_cast<double>(element));
          }
          // No element goes through more than 128 additions in its chunk and 128 in each of two chunks of chunks.
          const double additions = std::min<double>(static_cast<double>(rows[n].size()), 384);
          CHECK_NEAR(y[n], sum, kEpsilon * additions * magnitude);
        }
        // Additions alone: every instruction set gives the same bits.
        if (!first.empty()) CHECK(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)) == 0);
        first = y;
      }
    }
  }
}

template <typename T>
void checkExtremes(const std::vector<T>& storage, DType dtype) {
  for (const Layout& layout : kLayouts) {
    TensorView x = view(storage, layout.dims, layout.strides, layout.offset, dtype);
    const std::vector<std::vector<T>> rows = rowsOf<T>(x, layout.axes);
    for (const Isa isa : isas()) {
      test::Scope scope(std::string(layout.name) + ", " + isaName(isa));
      ThreadTeam team(2);
      const std::vector<double> attributes = {static_cast<double>(layout.axes)};
      for (const bool greatest : {true, false}) {
        std::vector<T> y(rows.size());
        std::vector<std::int32_t> at(rows.size());
        CHECK_OK(runOp(greatest ? "max" : "min", isa, team, {x}, {view(y, keptDims(layout), dtype)}, attributes));
        CHECK_OK(runOp(greatest ? "argmax" : "argmin", isa, team, {x}, {view(at, keptDims(layout))}, attributes));
        for (std::size_t n = 0; n < rows.size(); ++n) {
          const std::size_t best = firstBest(rows[n], greatest);
          CHECK_EQ(static_cast<std::size_t>(at[n]), best);
          CHECK_NEAR(static_cast<double>(y[n]), static_cast<double>(rows[n][best]), 0);
        }
      }
    }
  }
}

TEST(extremesOfEveryLayoutAndDType) {
  Numbers numbers(2);
  checkExtremes(numbers.normals<float>(700000), DType::kFloat32);
  checkExtremes(numbers.normals<double>(700000), DType::kFloat64);
  checkExtremes(numbers.integers<std::int32_t>(700000, -1000000, 1000000), DType::kInt32);
  checkExtremes(numbers.integers<std::uint8_t>(700000, 0, 255), DType::kUint8);
  checkExtremes(numbers.integers<std::uint8_t>(700000, 0, 1), DType::kBool);
  // Few different values, with NaN, zeros of both signs and infinities: ties and specials everywhere.
  const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, 1.0f, 0.5f};
  std::vector<float> special(700000);
  for (float& x : special) x = numbers.integer(0, 3000) == 0 ? NAN : values[numbers.integer(0, 7)];
  checkExtremes(special, DType::kFloat32);
}

TEST(otherReductions) {
  Numbers numbers(3);
  const std::vector<std::int32_t> integers = numbers.integers<std::int32_t>(9000, INT32_MIN, INT32_MAX);
  const std::vector<double> doubles = numbers.normals<double>(9000);
  std::vector<std::uint8_t> bools(9000);
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    ThreadTeam team(2);
    std::uint32_t sum = 0;
    std::uint32_t product = 1;
    double total = 0;
    double magnitude = 0;
    for (std::size_t n = 0; n < 9000; ++n) {
      sum += static_cast<std::uint32_t>(integers[n]);
      product *= static_cast<std::uint32_t>(integers[n] | 1);
      total += doubles[n];
      magnitude += std::fabs(doubles[n]);
    }
    std::vector<std::int32_t> y(1);
    CHECK_OK(runOp("sum", isa, team, {view(integers, {9000})}, {view(y, {})}, {1}));
    CHECK_EQ(y[0], static_cast<std::int32_t>(sum));
    std::vector<std::int32_t> odd = integers;
    for (std::int32_t& x : odd) x |= 1;
    CHECK_OK(runOp("prod", isa, team, {view(odd, {9000})}, {view(y, {})}, {1}));
    CHECK_EQ(y[0], static_cast<std::int32_t>(product));
    std::vector<double> wide(1);
    CHECK_OK(runOp("sum", isa, team, {view(doubles, {9000})}, {view(wide, {})}, {1}));
    CHECK_NEAR(wide[0], total, magnitude * 9000 * 0x1p-53);
    const std::vector<float> factors = {2, 3, -4, 0.5f, 1, 7, 1, 1, 1, -1};
    std::vector<float> narrow(1);
    CHECK_OK(runOp("prod", isa, team, {view(factors, {10})}, {view(narrow, {})}, {1}));
    CHECK_EQ(narrow[0], 84.0f);
    for (const std::size_t place : {std::size_t{0}, std::size_t{5000}, std::size_t{8999}}) {
      std::vector<std::uint8_t> flag(1, 9);
      std::fill(bools.begin(), bools.end(), 0);
      CHECK_OK(runOp("any", isa, team, {view(bools, {9000}, DType::kBool)}, {view(flag, {}, DType::kBool)}, {1}));
      CHECK_EQ(flag[0], 0);
      bools[place] = 1;
      CHECK_OK(runOp("any", isa, team, {view(bools, {9000}, DType::kBool)}, {view(flag, {}, DType::kBool)}, {1}));
      CHECK_EQ(flag[0], 1);
      std::fill(bools.begin(), bools.end(), 1);
      CHECK_OK(runOp("all", isa, team, {view(bools, {9000}, DType::kBool)}, {view(flag, {}, DType::kBool)}, {1}));
      CHECK_EQ(flag[0], 1);
      bools[place] = 0;
      CHECK_OK(runOp("all", isa, team, {view(bools, {9000}, DType::kBool)}, {view(flag, {}, DType::kBool)}, {1}));
      CHECK_EQ(flag[0], 0);
    }
  }
}

TEST(reductionsOfNothing) {
  const std::vector<float> x(1);
  const std::vector<std::uint8_t> bools(1);
  ThreadTeam team(1);
  for (const Isa isa : isas()) {
    std::vector<float> y = {7, 7};
    std::vector<std::uint8_t> flags = {7, 7};
    CHECK_OK(runOp("sum", isa, team, {view(x, {2, 0})}, {view(y, {2})}, {1}));
    CHECK(y[0] == 0 && y[1] == 0);
    CHECK_OK(runOp("prod", isa, team, {view(x, {2, 0})}, {view(y, {2})}, {1}));
    CHECK(y[0] == 1 && y[1] == 1);
    CHECK_OK(runOp("any", isa, team, {view(bools, {2, 0}, DType::kBool)}, {view(flags, {2}, DType::kBool)}, {1}));
    CHECK(flags[0] == 0 && flags[1] == 0);
    CHECK_OK(runOp("all", isa, team, {view(bools, {2, 0}, DType::kBool)}, {view(flags, {2}, DType::kBool)}, {1}));
    CHECK(flags[0] == 1 && flags[1] == 1);
    CHECK(!runOp("max", isa, team, {view(x, {2, 0})}, {view(y, {2})}, {1}).isOk());
    CHECK(!runOp("sum", isa, team, {view(x, {1})}, {view(y, {})}, {2}).isOk());
    CHECK(!runOp("any", isa, team, {view(x, {1})}, {view(y, {})}, {1}).isOk());
    CHECK_OK(runOp("max", isa, team, {view(x, {0, 4})}, {view(y, {0})}, {1}));
    CHECK_OK(runOp("softmax", isa, team, {view(x, {0, 4})}, {view(y, {0, 4})}));
    CHECK_OK(runOp("cumsum", isa, team, {view(x, {4, 0})}, {view(y, {4, 0})}));
  }
}

TEST(scansOfEveryLayout) {
  Numbers numbers(4);
  const std::vector<float> storage = numbers.normals<float>(700000, 3);
  for (const Layout& layout : kLayouts) {
    if (layout.dims.empty()) continue;
    const TensorView x = view(storage, layout.dims, layout.strides, layout.offset);
    const std::vector<std::vector<float>> rows = rowsOf<float>(x, 1);
    const std::size_t length = rows[0].size();
    std::vector<float> first;
    for (const Isa isa : isas()) {
      test::Scope scope(std::string(layout.name) + ", " + isaName(isa));
      ThreadTeam team(isa == Isa::kAvx512 ? 1 : 2);
      std::vector<float> probabilities(rows.size() * length + 1, 77);
      std::vector<float> logarithms(probabilities);
      std::vector<float> sums(probabilities);
      CHECK_OK(runOp("softmax", isa, team, {x}, {view(probabilities, layout.dims)}));
      CHECK_OK(runOp("logSoftmax", isa, team, {x}, {view(logarithms, layout.dims)}));
      CHECK_OK(runOp("cumsum", isa, team, {x}, {view(sums, layout.dims)}));
      CHECK(probabilities.back() == 77 && logarithms.back() == 77 && sums.back() == 77);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::vector<float>& row = rows[r];
        const double greatest = static_cast<double>(*std::max_element(row.begin(), row.end()));
        double total = 0;
        for (const float value : row) total += std::exp(static_cast<double>(value) - greatest);
        double running = 0;
        for (std::size_t n = 0; n < length; ++n) {
          const double shifted = static_cast<double>(row[n]) - greatest;
          // The difference is rounded, at most half a unit of it; exp adds 1.1 units, the sum at most 70 additions and
          // the tree's, the division one more.
          const double relative = kEpsilon * (std::fabs(shifted) + 2.2 + 90 + 1);
          const double expected = std::exp(shifted) / total;
          CHECK_NEAR(probabilities[r * length + n], expected, expected * relative + 1e-44);
          const double logarithm = shifted - std::log(total);
          CHECK_NEAR(logarithms[r * length + n], logarithm,
                     kEpsilon * (std::fabs(shifted) + 92 + 2 * std::log(total) + std::fabs(logarithm)));
          running += static_cast<double>(row[n]);
          CHECK_NEAR(sums[r * length + n], static_cast<float>(running), 0);
        }
      }
      if (isa != Isa::kBaseline) {
        if (!first.empty()) CHECK(std::memcmp(probabilities.data(), first.data(), first.size() * sizeof(float)) == 0);
        first = probabilities;
      }
    }
  }
}

TEST(softmaxOfSpecials) {
  for (const Isa isa : isas()) {
    ThreadTeam team(1);
    for (const std::int64_t length : {3, 40}) {
      std::vector<float> x(static_cast<std::size_t>(length), -INFINITY);
      std::vector<float> y(x.size());
      const auto softmax = [&] { CHECK_OK(runOp("softmax", isa, team, {view(x, {length})}, {view(y, {length})})); };
      softmax();
      for (const float value : y) CHECK(std::isnan(value));
      x[1] = 5;
      softmax();
      for (std::size_t n = 0; n < y.size(); ++n) CHECK_EQ(y[n], n == 1 ? 1.0f : 0.0f);
      x[2] = NAN;
      softmax();
      for (const float value : y) CHECK(std::isnan(value));
      x.assign(x.size(), 1e30f);
      softmax();
      for (const float value : y) CHECK_NEAR(value, 1.0 / static_cast<double>(length), 1e-7);
    }
    const std::vector<double> wide = {1000, 1001, -INFINITY};
    std::vector<double> z(3);
    CHECK_OK(runOp("softmax", isa, team, {view(wide, {3})}, {view(z, {3})}));
    CHECK_NEAR(z[1], 1 / (1 + std::exp(-1.0)), 1e-15);
    CHECK_EQ(z[2], 0.0);
    CHECK_OK(runOp("logSoftmax", isa, team, {view(wide, {3})}, {view(z, {3})}));
    CHECK_NEAR(z[0], -1 - std::log1p(std::exp(-1.0)), 1e-15);
    CHECK_EQ(z[2], -INFINITY);
  }
}

TEST(cumsumOfIntegersWraps) {
  const std::vector<std::int32_t> x = {INT32_MAX, 1, -1, INT32_MIN};
  std::vector<std::int32_t> y(4);
  ThreadTeam team(1);
  CHECK_OK(runOp("cumsum", Isa::kBaseline, team, {view(x, {4})}, {view(y, {4})}));
  CHECK(y == (std::vector<std::int32_t>{INT32_MAX, INT32_MIN, INT32_MAX, -1}));
}

}  // namespace
}  // namespace gemmule

// Matrix products of all sizes and layouts against sums in float64, and products of the engine's own kernels against a
// chain of fused multiply-adds, bit for bit, on every instruction set that promises it.

#include <cmath>
#include <cstring>
#include <string>
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

struct Shape {
  std::int64_t batch;
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
};

/// How an operand lies in memory.
enum class Layout { kRows, kColumns, kSpread, kReversed };
constexpr Layout kLayouts[] = {Layout::kRows, Layout::kColumns, Layout::kSpread, Layout::kReversed};

/// [batch, rows, columns] of random numbers in a layout; `storage` keeps them.
template <typename T>
TensorView matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns, Layout layout, Numbers& numbers,
                    std::vector<T>& storage) {
  const std::int64_t size = rows * columns;
  const std::vector<std::int64_t> dims = {batch, rows, columns};
  if (layout == Layout::kSpread) {
    storage = numbers.normals<T>(batch * size * 6 + 5);
    return view(storage, dims, {size * 6, columns * 6, 3}, 5);
  }
  storage = numbers.normals<T>(batch * size);
  if (layout == Layout::kColumns) return view(storage, dims, {size, 1, rows});
  if (layout == Layout::kReversed && size > 0) return view(storage, dims, {size, -columns, -1}, size - 1);
  return view(storage, dims, {size, columns, 1});
}

template <typename T>
std::vector<T> product(Isa isa, int threads, const TensorView& a, const TensorView& b, const Shape& shape) {
  ThreadTeam team(threads);
  std::vector<T> c(static_cast<std::size_t>(shape.batch * shape.m * shape.n), T{7});
  CHECK_OK(runOp("matmul", isa, team, {a, b}, {view(c, {shape.batch, shape.m, shape.n})}));
  return c;
}

template <typename T>
void checkAgainstDouble(const std::vector<T>& c, const TensorView& a, const TensorView& b, const Shape& shape) {
  const std::vector<T> x = elementsIn<T>(a);
  const std::vector<T> y = elementsIn<T>(b);
  const double epsilon = sizeof(T) == 4 ? 0x1p-23 : 0x1p-52;
  for (std::int64_t index = 0; index < shape.batch * shape.m * shape.n; ++index) {
    const std::int64_t column = index % shape.n;
    const std::int64_t row = index / shape.n;
    const std::int64_t first = row / shape.m * shape.k * shape.n + column;
    double sum = 0;
    double magnitude = 0;
    for (std::int64_t k = 0; k < shape.k; ++k) {
      const double term = static_cast<double>(x[static_cast<std::size_t>(row * shape.k + k)]) *
                          static_cast<double>(y[static_cast<std::size_t>(first + k * shape.n)]);
      sum += term;
      magnitude += std::abs(term);
    }
    // The error of a sum of k terms in any order.
    const double bound = epsilon * static_cast<double>(shape.k + 1) * magnitude;
    CHECK(std::abs(static_cast<double>(c[static_cast<std::size_t>(index)]) - sum) <= bound);
  }
}

const std::vector<Shape> kShapes = {
    {1, 1, 1, 1},    {1, 4, 64, 64},   {1, 5, 7, 900},   {1, 13, 33, 41},  {1, 97, 100, 30},  {1, 100, 16, 1600},
    {1, 200, 50, 5}, {1, 12, 240, 90}, {3, 20, 31, 33},  {40, 8, 16, 130}, {2, 130, 140, 70}, {1, 64, 8, 64},
    {1, 1, 300, 70}, {1, 300, 1, 70},  {1, 200, 200, 2}, {1, 40, 40, 0},   {1, 26, 9, 800},   {2, 4, 15, 385},
};

template <typename T>
void checkAllShapes() {
  Numbers numbers(1);
  for (const Shape& shape : kShapes) {
    for (const Layout aLayout : kLayouts) {
      for (const Layout bLayout : kLayouts) {
        std::vector<T> aStorage;
        std::vector<T> bStorage;
        const TensorView a = matrices(shape.batch, shape.m, shape.k, aLayout, numbers, aStorage);
        const TensorView b = matrices(shape.batch, shape.k, shape.n, bLayout, numbers, bStorage);
        for (const Isa isa : isas()) {
          const test::Scope scope(std::string(isaName(isa)) + " " + std::to_string(shape.batch) + " x " +
                                  std::to_string(shape.m) + " x " + std::to_string(shape.n) + " x " +
                                  std::to_string(shape.k));
          const std::vector<T> alone = product<T>(isa, 1, a, b, shape);
          checkAgainstDouble(alone, a, b, shape);
          CHECK(alone == product<T>(isa, 3, a, b, shape));
        }
      }
    }
  }
}

TEST(float32_products) { checkAllShapes<float>(); }

TEST(float64_products) { checkAllShapes<double>(); }

template <typename T>
void checkChains() {
  Numbers numbers(2);
  // The last ones are read where they lie, all or in part.
  for (const Shape shape : {Shape{1, 97, 130, 2000}, Shape{1, 5, 70, 769}, Shape{2, 50, 17, 100}, Shape{1, 31, 9, 385},
                            Shape{1, 260, 250, 384}, Shape{1, 64, 64, 64}, Shape{1, 128, 100, 96}, Shape{3, 40, 33, 27},
                            Shape{1, 300, 24, 40}}) {
    for (const Layout bLayout : {Layout::kRows, Layout::kColumns}) {
      std::vector<T> aStorage;
      std::vector<T> bStorage;
      const TensorView a = matrices(shape.batch, shape.m, shape.k, Layout::kRows, numbers, aStorage);
      const TensorView b = matrices(shape.batch, shape.k, shape.n, bLayout, numbers, bStorage);
      const std::vector<T> y = elementsIn<T>(b);
      std::vector<T> expected;
      for (std::int64_t row = 0; row < shape.batch * shape.m; ++row) {
        for (std::int64_t column = 0; column < shape.n; ++column) {
          T sum = 0;
          const T* x = aStorage.data() + row * shape.k;
          const T* terms = y.data() + row / shape.m * shape.k * shape.n + column;
          for (std::int64_t k = 0; k < shape.k; ++k) sum = std::fma(x[k], terms[k * shape.n], sum);
          expected.push_back(sum);
        }
      }
      for (const Isa isa : isas()) {
        if (isa == Isa::kBaseline) continue;  // That is OpenBLAS, whose order is its own.
        const std::vector<T> c = product<T>(isa, 2, a, b, shape);
        CHECK(std::memcmp(c.data(), expected.data(), expected.size() * sizeof(T)) == 0);
      }
    }
  }
}

TEST(large_float32_products_are_chains_of_multiply_adds) { checkChains<float>(); }

TEST(large_float64_products_are_chains_of_multiply_adds) { checkChains<double>(); }

template <typename T>
void checkNotFinite() {
  const Shape shape{1, 20, 40, 60};
  Numbers numbers(3);
  std::vector<T> aStorage;
  std::vector<T> bStorage;
  const TensorView a = matrices(1, shape.m, shape.k, Layout::kRows, numbers, aStorage);
  const TensorView b = matrices(1, shape.k, shape.n, Layout::kRows, numbers, bStorage);
  aStorage[static_cast<std::size_t>(3 * shape.k + 5)] = NAN;
  bStorage[static_cast<std::size_t>(7 * shape.n + 39)] = INFINITY;
  for (const Isa isa : isas()) {
    const std::vector<T> c = product<T>(isa, 2, a, b, shape);
    for (std::int64_t row = 0; row < shape.m; ++row) {
      for (std::int64_t column = 0; column < shape.n; ++column) {
        const T value = c[static_cast<std::size_t>(row * shape.n + column)];
        CHECK(std::isnan(value) == (row == 3));
        if (row != 3) CHECK(std::isinf(value) == (column == 39));
      }
    }
  }
}

TEST(large_products_pass_on_what_is_not_finite) {
  checkNotFinite<float>();
  checkNotFinite<double>();
}

}  // namespace
}  // namespace gemmule

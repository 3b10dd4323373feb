// sparseMatmul and sparseGram against sums over the elements of a dense matrix.

#include <cmath>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::isas;
using test::Numbers;
using test::runOp;
using test::view;

/// A matrix in compressed rows with `columns` columns: every third row is empty, some rows are long.
template <typename T>
struct Sparse {
  std::vector<T> values;
  std::vector<std::int32_t> columns;
  std::vector<std::int32_t> offsets = {0};

  Sparse(Numbers& numbers, std::int64_t rows, std::int64_t columnCount) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t count = row % 3 == 1 ? 0 : numbers.integer(1, row % 7 == 0 ? 40 : 5);
      for (std::int64_t entry = 0; entry < count; ++entry) {
        values.push_back(static_cast<T>(numbers.normal()));
        columns.push_back(static_cast<std::int32_t>(numbers.integer(0, columnCount - 1)));
      }
      offsets.push_back(static_cast<std::int32_t>(values.size()));
    }
  }

  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t entries() const { return static_cast<std::int64_t>(values.size()); }

  std::vector<TensorView> operands(const std::vector<T>& dense, std::int64_t length, std::int64_t width) const {
    return {view(values, {entries()}), view(columns, {entries()}), view(offsets, {rows() + 1}),
            view(dense, {length, width})};
  }
};

template <typename T>
void checkProducts(std::int64_t rows, std::int64_t width) {
  constexpr std::int64_t kLength = 30;
  Numbers numbers(7);
  const Sparse<T> sparse(numbers, rows, kLength);
  const std::vector<T> dense = numbers.normals<T>(kLength * width);
  const std::vector<TensorView> operands = sparse.operands(dense, kLength, width);
  const auto at = [&](std::int64_t entry, std::int64_t column) {
    return static_cast<double>(
        dense[static_cast<std::size_t>(sparse.columns[static_cast<std::size_t>(entry)] * width + column)]);
  };
  // At most 40 products of three numbers below 5.
  const double tolerance = 40 * 40 * 125 * (sizeof(T) == 4 ? 0x1p-24 : 0x1p-53);
  std::vector<T> first;
  std::vector<T> firstGram;
  for (const Isa isa : isas()) {
    for (const int threads : {1, 3}) {
      ThreadTeam team(threads);
      std::vector<T> y(static_cast<std::size_t>(rows * width) + 1, T{77});
      CHECK_OK(runOp("sparseMatmul", isa, team, operands, {view(y, {rows, width})}));
      std::vector<T> gram(static_cast<std::size_t>(rows * width * width) + 1, T{77});
      CHECK_OK(runOp("sparseGram", isa, team, operands, {view(gram, {rows, width, width})}));
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t i = 0; i < width; ++i) {
          double sum = 0;
          for (std::int64_t entry = sparse.offsets[static_cast<std::size_t>(row)];
               entry < sparse.offsets[static_cast<std::size_t>(row) + 1]; ++entry) {
            sum += static_cast<double>(sparse.values[static_cast<std::size_t>(entry)]) * at(entry, i);
          }
          CHECK(std::fabs(static_cast<double>(y[static_cast<std::size_t>(row * width + i)]) - sum) <= tolerance);
          for (std::int64_t j = 0; j < width; j += 3) {
            double square = 0;
            for (std::int64_t entry = sparse.offsets[static_cast<std::size_t>(row)];
                 entry < sparse.offsets[static_cast<std::size_t>(row) + 1]; ++entry) {
              square +=
                  static_cast<double>(sparse.values[static_cast<std::size_t>(entry)]) * at(entry, i) * at(entry, j);
            }
            const T found = gram[static_cast<std::size_t>((row * width + i) * width + j)];
            CHECK(std::fabs(static_cast<double>(found) - square) <= tolerance);
          }
        }
      }
      CHECK_EQ(y.back(), T{77});
      CHECK_EQ(gram.back(), T{77});
      // The same bits on every instruction set and for any number of threads.
      if (first.empty()) {
        first = y;
        firstGram = gram;
      }
      CHECK(y == first);
      CHECK(gram == firstGram);
    }
  }
}

TEST(sparseProductsOfAllWidths) {
  for (const std::int64_t width : {0, 1, 3, 16, 63, 64, 65, 130}) {
    checkProducts<float>(50, width);
    checkProducts<double>(50, width);
  }
  checkProducts<float>(0, 5);
  checkProducts<float>(3000, 9);
}

TEST(malformedSparseMatricesAreRefused) {
  ThreadTeam team(2);
  const std::vector<float> values = {1, 2, 3};
  const std::vector<float> dense(8, 1);
  std::vector<float> y(4);
  const auto attempt = [&](const std::vector<std::int32_t>& columns, const std::vector<std::int32_t>& offsets) {
    return runOp("sparseMatmul", Isa::kBaseline, team,
                 {view(values, {3}), view(columns, {static_cast<std::int64_t>(columns.size())}),
                  view(offsets, {static_cast<std::int64_t>(offsets.size())}), view(dense, {4, 2})},
                 {view(y, {2, 2})});
  };
  CHECK_OK(attempt({0, 3, 1}, {0, 1, 3}));
  for (const std::int32_t wrong : {4, -1, INT32_MAX, INT32_MIN}) {
    CHECK(attempt({0, wrong, 1}, {0, 1, 3}).code() == StatusCode::kIndex);
  }
  CHECK(attempt({0, 3, 1}, {0, 4, 3}).code() == StatusCode::kIndex);
  CHECK(attempt({0, 3, 1}, {0, -1, 3}).code() == StatusCode::kIndex);
  CHECK(attempt({0, 3, 1}, {1, 1, 3}).code() == StatusCode::kIndex);
  CHECK(attempt({0, 3, 1}, {0, 1, 2}).code() == StatusCode::kIndex);
  CHECK(!attempt({0, 3}, {0, 1, 3}).isOk());
  CHECK(!attempt({0, 3, 1}, {0, 3}).isOk());
  CHECK(!attempt({0, 3, 1}, {}).isOk());
  const std::vector<std::int32_t> columns = {0, 3, 1};
  const std::vector<std::int32_t> offsets = {0, 1, 3};
  const auto sparse = [&](const TensorView& right, const TensorView& result, const char* name) {
    return runOp(name, Isa::kBaseline, team, {view(values, {3}), view(columns, {3}), view(offsets, {3}), right},
                 {result});
  };
  CHECK(!sparse(view(dense, {4, 2}), view(y, {2, 1}), "sparseMatmul").isOk());
  CHECK(!sparse(view(dense, {8}), view(y, {2, 2}), "sparseMatmul").isOk());
  CHECK(!sparse(view(columns, {3, 1}), view(y, {2, 1}), "sparseMatmul").isOk());
  CHECK(!sparse(view(dense, {4, 2}), view(y, {2, 2}), "sparseGram").isOk());
}

}  // namespace
}  // namespace gemmule

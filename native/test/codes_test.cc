// codeProducts and hammingDistances against plain loops, on every instruction set, with any number of threads.

#include <bitset>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::isas;
using test::Numbers;
using test::runOp;
using test::view;

constexpr std::int64_t kColumns[] = {0, 1, 7, 15, 16, 17, 31, 32, 33, 48, 384, 1000};

TEST(codesOfAllWidths) {
  Numbers numbers(1);
  for (const std::int64_t columns : kColumns) {
    for (const std::int64_t queries : {0, 1, 3, 4, 9}) {
      const std::int64_t rows = 700;
      const std::int64_t stride = columns + 3;
      const std::vector<std::uint8_t> q = numbers.integers<std::uint8_t>(queries * stride + 1, 0, 255);
      const std::vector<std::uint8_t> c = numbers.integers<std::uint8_t>(rows * stride + 1, 0, 255);
      const std::vector<float> scales = numbers.normals<float>(rows);
      const std::vector<TensorView> operands = {view(q, {queries, columns}, {stride, 1}),
                                                view(c, {rows, columns}, {stride, 1}), view(scales, {rows})};
      for (const Isa isa : isas()) {
        for (const int threads : {1, 3}) {
          test::Scope scope("columns " + std::to_string(columns) + ", queries " + std::to_string(queries));
          ThreadTeam team(threads);
          std::vector<float> products(static_cast<std::size_t>(queries * rows) + 1, -7.0f);
          std::vector<std::int32_t> distances(products.size(), -7);
          CHECK_OK(runOp("codeProducts", isa, team, operands, {view(products, {queries, rows})}));
          CHECK_OK(
              runOp("hammingDistances", isa, team, {operands[0], operands[1]}, {view(distances, {queries, rows})}));
          for (std::int64_t a = 0; a < queries; ++a) {
            for (std::int64_t b = 0; b < rows; ++b) {
              std::int32_t sum = 0;
              std::int32_t bits = 0;
              for (std::int64_t n = 0; n < columns; ++n) {
                const int left = q[static_cast<std::size_t>(a * stride + n)];
                const int right = c[static_cast<std::size_t>(b * stride + n)];
                sum += (left - 128) * (right - 128);
                bits += static_cast<std::int32_t>(std::bitset<8>(static_cast<unsigned>(left ^ right)).count());
              }
              const std::size_t at = static_cast<std::size_t>(a * rows + b);
              CHECK_SAME_BITS(products[at], static_cast<float>(sum) * scales[static_cast<std::size_t>(b)]);
              CHECK_EQ(distances[at], bits);
            }
          }
          CHECK_EQ(products.back(), -7.0f);
          CHECK_EQ(distances.back(), -7);
        }
      }
    }
  }
}

TEST(codesAtTheirGreatestWidthStayWithinInt32) {
  const std::int64_t columns = 65536;
  const std::vector<std::uint8_t> least(static_cast<std::size_t>(columns), 0);
  const std::vector<std::uint8_t> greatest(static_cast<std::size_t>(columns), 255);
  const std::vector<float> scale = {1.0f};
  ThreadTeam team(1);
  for (const Isa isa : isas()) {
    std::vector<float> y(1);
    const TensorView result = view(y, {1, 1});
    CHECK_OK(runOp("codeProducts", isa, team,
                   {view(least, {1, columns}), view(greatest, {1, columns}), view(scale, {1})}, {result}));
    CHECK_EQ(y[0], static_cast<float>(-128 * 127) * 65536.0f);
  }
}

TEST(codesThatDoNotFitAreRefused) {
  ThreadTeam team(1);
  const std::vector<std::uint8_t> bytes(64);
  const std::vector<float> scales(8);
  std::vector<float> y(64);
  const TensorView result = view(y, {2, 8});
  const TensorView q = view(bytes, {2, 4});
  const TensorView c = view(bytes, {8, 4});
  CHECK(!runOp("codeProducts", Isa::kBaseline, team, {q, view(bytes, {8, 5}), view(scales, {8})}, {result}).isOk());
  CHECK(!runOp("codeProducts", Isa::kBaseline, team, {q, c, view(scales, {7})}, {result}).isOk());
  CHECK(!runOp("codeProducts", Isa::kBaseline, team, {q, c, view(scales, {8})}, {view(y, {8, 2})}).isOk());
  CHECK(!runOp("codeProducts", Isa::kBaseline, team, {q, view(bytes, {8, 4}, {4, 2}), view(scales, {8})}, {result})
             .isOk());
  CHECK(!runOp("hammingDistances", Isa::kBaseline, team, {q, c}, {result}).isOk());
}

}  // namespace
}  // namespace gemmule

// concat, take and takeAlongAxis against index arithmetic on single elements.

#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::elementsIn;
using test::Numbers;
using test::runOp;
using test::view;

using Dims = std::vector<std::int64_t>;

/// The element of a view at an index.
template <typename T>
T at(const TensorView& x, const Dims& index) {
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < index.size(); ++axis) offset += index[axis] * x.strides[axis];
  return x.as<T>()[offset];
}

/// Calls `body(index, position)` for every index of a shape in row-major order.
template <typename Body>
void forEachIndex(const Dims& dims, const Body& body) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  for (std::int64_t position = 0; position < count; ++position) {
    Dims index(dims.size());
    std::int64_t rest = position;
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      index[axis] = rest % dims[axis];
      rest /= dims[axis];
    }
    body(index, static_cast<std::size_t>(position));
  }
}

/// A view of these dims on `storage`: contiguous, transposed, reversed in its last axis, or with the first axis
/// repeated.
template <typename T>
TensorView arranged(const std::vector<T>& storage, const Dims& dims, int arrangement) {
  TensorView x = view(storage, dims);
  const int last = x.rank - 1;
  if (arrangement == 1) {
    std::int64_t stride = 1;
    for (int axis = 0; axis <= last; ++axis) {
      x.strides[axis] = stride;
      stride *= x.dims[axis];
    }
  } else if (arrangement == 2 && x.size() > 0) {
    x.data += (x.dims[last] - 1) * x.strides[last] * static_cast<std::int64_t>(sizeof(T));
    x.strides[last] = -x.strides[last];
  } else if (arrangement == 3) {
    x.strides[0] = 0;
  }
  return x;
}

template <typename T>
void checkConcat(Numbers& numbers) {
  const std::vector<T> storage = numbers.integers<T>(200000, 0, 255);
  ThreadTeam team(3);
  for (const Dims& dims : {Dims{3, 4, 5}, Dims{1, 1, 1}, Dims{40, 30, 70}, Dims{2, 0, 3}}) {
    for (int axis = 0; axis < 3; ++axis) {
      for (int arrangement = 0; arrangement < 4; ++arrangement) {
        std::vector<TensorView> operands;
        Dims total = dims;
        total[static_cast<std::size_t>(axis)] = 0;
        for (const std::int64_t length :
             {dims[static_cast<std::size_t>(axis)], std::int64_t{1}, std::int64_t{0}, std::int64_t{7}}) {
          Dims own = dims;
          own[static_cast<std::size_t>(axis)] = length;
          operands.push_back(arranged(storage, own, arrangement));
          total[static_cast<std::size_t>(axis)] += length;
        }
        std::int64_t count = 1;
        for (const std::int64_t dim : total) count *= dim;
        std::vector<T> y(static_cast<std::size_t>(count) + 1, T{77});
        CHECK_OK(runOp("concat", Isa::kBaseline, team, operands, {view(y, total)}, {static_cast<double>(axis)}));
        forEachIndex(total, [&](Dims index, std::size_t position) {
          std::size_t operand = 0;
          while (index[static_cast<std::size_t>(axis)] >= operands[operand].dims[axis]) {
            index[static_cast<std::size_t>(axis)] -= operands[operand++].dims[axis];
          }
          CHECK_EQ(y[position], at<T>(operands[operand], index));
        });
        CHECK_EQ(y.back(), T{77});
      }
    }
  }
}

TEST(concatAlongEveryAxis) {
  Numbers numbers(1);
  checkConcat<std::uint8_t>(numbers);
  checkConcat<float>(numbers);
  checkConcat<double>(numbers);
}

template <typename T>
void checkTake(Numbers& numbers) {
  const std::vector<T> storage = numbers.integers<T>(200000, 0, 255);
  ThreadTeam team(3);
  for (const Dims& dims : {Dims{3, 4, 5}, Dims{60, 50, 9}, Dims{5, 1, 2}}) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (int arrangement = 0; arrangement < 4; ++arrangement) {
        const TensorView x = arranged(storage, dims, arrangement);
        for (const Dims& indexDims : {Dims{}, Dims{11}, Dims{4, 3}, Dims{0}}) {
          std::int64_t chosen = 1;
          for (const std::int64_t dim : indexDims) chosen *= dim;
          const std::vector<std::int32_t> numbersTaken =
              numbers.integers<std::int32_t>(chosen + 1, -dims[axis], dims[axis] - 1);
          Dims total(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(axis));
          total.insert(total.end(), indexDims.begin(), indexDims.end());
          total.insert(total.end(), dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end());
          std::int64_t count = 1;
          for (const std::int64_t dim : total) count *= dim;
          std::vector<T> y(static_cast<std::size_t>(count) + 1, T{77});
          // Indices themselves may be a reversed view.
          const TensorView indices = arranged(numbersTaken, indexDims,
                                              indexDims.empty()  ? 0
                                              : arrangement == 2 ? 2
                                                                 : 0);
          const std::vector<std::int32_t> plain = elementsIn<std::int32_t>(indices);
          CHECK_OK(runOp("take", Isa::kBaseline, team, {x, indices}, {view(y, total)}, {static_cast<double>(axis)}));
          forEachIndex(total, [&](const Dims& index, std::size_t position) {
            std::int64_t place = 0;
            for (std::size_t n = 0; n < indexDims.size(); ++n) place = place * indexDims[n] + index[axis + n];
            const std::int64_t taken = plain[static_cast<std::size_t>(place)];
            Dims own(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(axis));
            own.push_back(taken < 0 ? taken + dims[axis] : taken);
            own.insert(own.end(), index.begin() + static_cast<std::ptrdiff_t>(axis + indexDims.size()), index.end());
            CHECK_EQ(y[position], at<T>(x, own));
          });
          CHECK_EQ(y.back(), T{77});
        }
        Dims along = dims;
        along[axis] = 6;
        const std::vector<std::int32_t> places =
            numbers.integers<std::int32_t>(along[0] * along[1] * along[2], -dims[axis], dims[axis] - 1);
        const TensorView indices = arranged(places, along, arrangement == 3 ? 1 : arrangement);
        std::vector<T> y(places.size() + 1, T{77});
        CHECK_OK(
            runOp("takeAlongAxis", Isa::kBaseline, team, {x, indices}, {view(y, along)}, {static_cast<double>(axis)}));
        forEachIndex(along, [&](const Dims& index, std::size_t position) {
          const std::int64_t taken = at<std::int32_t>(indices, index);
          Dims own = index;
          own[axis] = taken < 0 ? taken + dims[axis] : taken;
          CHECK_EQ(y[position], at<T>(x, own));
        });
        CHECK_EQ(y.back(), T{77});
      }
    }
  }
}

TEST(takeAlongEveryAxis) {
  Numbers numbers(2);
  checkTake<std::uint8_t>(numbers);
  checkTake<float>(numbers);
  checkTake<double>(numbers);
}

TEST(indicesOutOfRangeAreErrors) {
  const std::vector<float> x(12);
  std::vector<float> y(12);
  ThreadTeam team(1);
  for (const std::int32_t wrong : {4, -5, INT32_MAX, INT32_MIN}) {
    const std::vector<std::int32_t> indices = {0, wrong, 1};
    const Status taken =
        runOp("take", Isa::kBaseline, team, {view(x, {3, 4}), view(indices, {3})}, {view(y, {3, 3})}, {1});
    CHECK(taken.code() == StatusCode::kIndex);
    const std::vector<std::int32_t> along = {0, 1, 2, 3, wrong, 0};
    const Status gathered =
        runOp("takeAlongAxis", Isa::kBaseline, team, {view(x, {3, 4}), view(along, {3, 2})}, {view(y, {3, 2})}, {1});
    CHECK(gathered.code() == StatusCode::kIndex);
  }
  // Nothing may be taken from an axis without elements.
  const std::vector<std::int32_t> zero = {0};
  CHECK(runOp("take", Isa::kBaseline, team, {view(x, {0, 4}), view(zero, {1})}, {view(y, {1, 4})}, {0}).code() ==
        StatusCode::kIndex);
}

TEST(malformedIndexingIsRefused) {
  const std::vector<float> x(12);
  const std::vector<std::int32_t> indices(12);
  std::vector<float> y(24);
  ThreadTeam team(1);
  const Isa isa = Isa::kBaseline;
  CHECK(!runOp("concat", isa, team, {view(x, {3, 4}), view(x, {4, 3})}, {view(y, {6, 4})}, {0}).isOk());
  CHECK(!runOp("concat", isa, team, {view(x, {3, 4})}, {view(y, {6, 4})}, {0}).isOk());
  CHECK(!runOp("concat", isa, team, {view(x, {3, 4})}, {view(y, {3, 4})}, {2}).isOk());
  CHECK(!runOp("concat", isa, team, {view(x, {3, 4}), view(indices, {3, 4})}, {view(y, {6, 4})}, {0}).isOk());
  CHECK(!runOp("take", isa, team, {view(x, {3, 4}), view(x, {3})}, {view(y, {3, 4})}, {0}).isOk());
  CHECK(!runOp("take", isa, team, {view(x, {3, 4}), view(indices, {3})}, {view(y, {3, 3})}, {0}).isOk());
  CHECK(!runOp("take", isa, team, {view(x, {3, 4}), view(indices, {3})}, {view(y, {3, 4})}, {-1}).isOk());
  CHECK(!runOp("takeAlongAxis", isa, team, {view(x, {3, 4}), view(indices, {2, 4})}, {view(y, {2, 4})}, {1}).isOk());
  CHECK(!runOp("takeAlongAxis", isa, team, {view(x, {3, 4}), view(indices, {12})}, {view(y, {12})}, {0}).isOk());
}

}  // namespace
}  // namespace gemmule

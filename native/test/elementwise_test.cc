// Elementwise operations and casts against plain loops over single elements: all dtypes, strides, broadcasts and sizes.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
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

/// A view of some shape and strides onto `storage`, and what it is.
struct Layout {
  const char* name;
  std::vector<std::int64_t> dims;
  std::vector<std::int64_t> strides;
  std::int64_t offset;
};

/// All on a storage of 300000 elements.
const std::vector<Layout> kLayouts = {
    {"scalar", {}, {}, 5},
    {"empty", {3, 0, 2}, {0, 2, 1}, 0},
    {"contiguous", {7, 33}, {33, 1}, 0},
    {"large", {3, 70001}, {70001, 1}, 1},
    {"every third", {1000}, {3}, 2},
    {"reversed", {1031}, {-1}, 1030},
    {"both reversed", {31, 17}, {-17, -1}, 31 * 17 - 1},
    {"transposed", {300, 500}, {1, 300}, 0},
    {"transposed batch", {5, 130, 200}, {26000, 1, 130}, 3},
    {"transposed, one axis reversed", {130, 200}, {1, -130}, 199 * 130},
    {"row of a matrix repeated", {50, 40}, {0, 1}, 9},
    {"column repeated", {50, 40}, {1, 0}, 9},
    {"one element repeated", {70000}, {0}, 4},
    {"short rows with gaps", {200, 3}, {5, 1}, 0},
    {"long rows with gaps", {200, 30}, {45, 1}, 0},
    {"three axes permuted", {6, 7, 8}, {8, 48, 1}, 0},
    {"four axes permuted", {20, 30, 10, 12}, {10, 2400, 1, 200}, 0},
};

TEST(oneOperandOfEveryLayout) {
  Numbers numbers(1);
  const std::vector<float> storage = numbers.normals<float>(300000);
  for (const Isa isa : isas()) {
    for (const int threads : {1, 3}) {
      ThreadTeam team(threads);
      for (const Layout& layout : kLayouts) {
        test::Scope scope(std::string(layout.name) + ", " + isaName(isa));
        const TensorView x = view(storage, layout.dims, layout.strides, layout.offset);
        const std::vector<float> elements = elementsIn<float>(x);
        std::vector<float> y(elements.size() + 1, 77);
        CHECK_OK(runOp("negative", isa, team, {x}, {view(y, layout.dims)}));
        for (std::size_t n = 0; n < elements.size(); ++n) CHECK_EQ(y[n], -elements[n]);
        CHECK_EQ(y.back(), 77.0f);
        CHECK_OK(runOp("cast", isa, team, {x}, {view(y, layout.dims)}, {0}));
        for (std::size_t n = 0; n < elements.size(); ++n) CHECK_EQ(y[n], elements[n]);
        CHECK_EQ(y.back(), 77.0f);
        std::vector<double> wide(elements.size() + 1, 77);
        CHECK_OK(runOp("cast", isa, team, {x}, {view(wide, layout.dims)}, {1}));
        for (std::size_t n = 0; n < elements.size(); ++n) CHECK_EQ(wide[n], static_cast<double>(elements[n]));
        CHECK_EQ(wide.back(), 77.0);
        std::vector<std::uint8_t> flags(elements.size() + 1, 77);
        CHECK_OK(runOp("isFinite", isa, team, {x}, {view(flags, layout.dims, DType::kBool)}));
        for (std::size_t n = 0; n < elements.size(); ++n) CHECK_EQ(flags[n], 1);
        CHECK_EQ(flags.back(), 77);
      }
    }
  }
}

/// Other strides that make a view of the same dims on the same storage.
std::vector<std::vector<std::int64_t>> partnersOf(const Layout& layout) {
  const std::size_t rank = layout.dims.size();
  std::vector<std::vector<std::int64_t>> all = {layout.strides, std::vector<std::int64_t>(rank, 0)};
  std::vector<std::int64_t> contiguous(rank, 1);
  for (std::size_t axis = rank; axis-- > 1;) contiguous[axis - 1] = contiguous[axis] * layout.dims[axis];
  all.push_back(contiguous);
  if (rank > 1) {
    std::vector<std::int64_t> row = contiguous;
    row[0] = 0;
    all.push_back(row);
    std::vector<std::int64_t> column(rank, 0);
    column[0] = 1;
    all.push_back(column);
  }
  return all;
}

TEST(twoAndThreeOperandsOfEveryLayout) {
  Numbers numbers(2);
  const std::vector<float> first = numbers.normals<float>(300000);
  const std::vector<float> second = numbers.normals<float>(300000);
  const std::vector<std::uint8_t> bits = numbers.integers<std::uint8_t>(300000, 0, 1);
  for (const Isa isa : isas()) {
    ThreadTeam team(2);
    for (const Layout& layout : kLayouts) {
      for (const std::vector<std::int64_t>& strides : partnersOf(layout)) {
        test::Scope scope(std::string(layout.name) + ", " + isaName(isa));
        const TensorView a = view(first, layout.dims, layout.strides, layout.offset);
        const TensorView b = view(second, layout.dims, strides, 0);
        const bool reaches = layout.offset > 1000 || strides != layout.strides;
        if (!reaches && layout.offset > 0) continue;
        // Reversed strides need the layout's own offset.
        const TensorView partner = strides == layout.strides ? view(second, layout.dims, strides, layout.offset) : b;
        const std::vector<float> x = elementsIn<float>(a);
        const std::vector<float> z = elementsIn<float>(partner);
        std::vector<float> y(x.size() + 1, 77);
        CHECK_OK(runOp("subtract", isa, team, {a, partner}, {view(y, layout.dims)}));
        for (std::size_t n = 0; n < x.size(); ++n) CHECK_EQ(y[n], x[n] - z[n]);
        CHECK_OK(runOp("subtract", isa, team, {partner, a}, {view(y, layout.dims)}));
        for (std::size_t n = 0; n < x.size(); ++n) CHECK_EQ(y[n], z[n] - x[n]);
        CHECK_EQ(y.back(), 77.0f);
        std::vector<std::uint8_t> flags(x.size() + 1, 77);
        CHECK_OK(runOp("less", isa, team, {a, partner}, {view(flags, layout.dims, DType::kBool)}));
        for (std::size_t n = 0; n < x.size(); ++n) CHECK_EQ(flags[n], x[n] < z[n] ? 1 : 0);
        CHECK_EQ(flags.back(), 77);
        const TensorView condition =
            view(bits, layout.dims, strides, partner.data == b.data ? 0 : layout.offset, DType::kBool);
        const std::vector<std::uint8_t> chosen = elementsIn<std::uint8_t>(condition);
        for (int order = 0; order < 3; ++order) {
          const TensorView yes = order == 0 ? a : partner;
          const TensorView no = order == 1 ? a : partner;
          const std::vector<float> yesElements = elementsIn<float>(yes);
          const std::vector<float> noElements = elementsIn<float>(no);
          CHECK_OK(runOp("where", isa, team, {condition, yes, no}, {view(y, layout.dims)}));
          for (std::size_t n = 0; n < x.size(); ++n) CHECK_EQ(y[n], chosen[n] != 0 ? yesElements[n] : noElements[n]);
          CHECK_EQ(y.back(), 77.0f);
        }
      }
    }
  }
}

template <typename T>
std::int64_t floorQuotient(T a, T b) {
  const std::int64_t x = a;
  const std::int64_t y = b;
  return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
}

template <typename T>
void checkIntegers(Isa isa) {
  Numbers numbers(5);
  std::vector<T> a;
  std::vector<T> b;
  const std::int64_t low = std::numeric_limits<T>::min();
  const std::int64_t high = std::numeric_limits<T>::max();
  for (const std::int64_t x :
       {low, low + 1, std::int64_t{-7}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, high}) {
    for (const std::int64_t y :
         {low, low + 1, std::int64_t{-7}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, high}) {
      a.push_back(static_cast<T>(x));
      b.push_back(static_cast<T>(y));
    }
  }
  for (int n = 0; n < 5000; ++n) {
    const std::int64_t reach = n % 2 == 0 ? high : 20;
    a.push_back(static_cast<T>(numbers.integer(std::max(low, -reach), reach)));
    b.push_back(static_cast<T>(numbers.integer(std::max(low, -reach), reach)));
  }
  const std::int64_t count = static_cast<std::int64_t>(a.size());
  std::vector<T> y(a.size());
  ThreadTeam team(1);
  const auto check = [&](const char* name, auto expected) {
    test::Scope scope(name);
    CHECK_OK(runOp(name, isa, team, {view(a, {count}), view(b, {count})}, {view(y, {count})}));
    for (std::size_t n = 0; n < a.size(); ++n) {
      const T wanted = static_cast<T>(expected(static_cast<std::int64_t>(a[n]), static_cast<std::int64_t>(b[n])));
      if (y[n] != wanted) {
        test::fail(__FILE__, __LINE__, test::show(a[n]) + ", " + test::show(b[n]) + " gave " + test::show(y[n]));
      }
    }
  };
  using Wide = std::int64_t;
  check("add", [](Wide x, Wide z) { return x + z; });
  check("subtract", [](Wide x, Wide z) { return x - z; });
  check("multiply", [](Wide x, Wide z) { return x * z; });
  check("floorDivide", [](Wide x, Wide z) { return z == 0 ? 0 : floorQuotient(x, z); });
  check("remainder", [](Wide x, Wide z) { return z == 0 ? 0 : x - z * floorQuotient(x, z); });
  check("maximum", [](Wide x, Wide z) { return std::max(x, z); });
  check("minimum", [](Wide x, Wide z) { return std::min(x, z); });
  for (T& exponent : b) exponent = static_cast<T>(exponent % 12);
  check("power", [](Wide x, Wide z) {
    if (z < 0) return Wide{x == 1 ? 1 : x == -1 ? (z % 2 == 0 ? 1 : -1) : 0};
    std::uint64_t power = 1;
    for (Wide n = 0; n < z; ++n) power *= static_cast<std::uint64_t>(x);
    return static_cast<Wide>(power);
  });
  const auto checkUnary = [&](const char* name, auto expected) {
    test::Scope scope(name);
    CHECK_OK(runOp(name, isa, team, {view(a, {count})}, {view(y, {count})}));
    for (std::size_t n = 0; n < a.size(); ++n) CHECK_EQ(y[n], static_cast<T>(expected(static_cast<Wide>(a[n]))));
  };
  checkUnary("negative", [](Wide x) { return -x; });
  checkUnary("absolute", [](Wide x) { return x < 0 ? -x : x; });
  checkUnary("sign", [](Wide x) { return x > 0 ? 1 : x < 0 ? -1 : 0; });
  checkUnary("square", [](Wide x) { return x * x; });
  checkUnary("relu", [](Wide x) { return x < 0 ? 0 : x; });
}

TEST(integersWrapAndDivideDown) {
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    checkIntegers<std::int32_t>(isa);
    checkIntegers<std::uint8_t>(isa);
  }
}

template <typename T>
void checkComparisons(Isa isa, const std::vector<T>& values, DType dtype) {
  std::vector<T> a;
  std::vector<T> b;
  for (const T x : values) {
    for (const T y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  const std::int64_t count = static_cast<std::int64_t>(a.size());
  std::vector<std::uint8_t> y(a.size());
  ThreadTeam team(1);
  const auto check = [&](const char* name, auto expected) {
    test::Scope scope(name);
    CHECK_OK(
        runOp(name, isa, team, {view(a, {count}, dtype), view(b, {count}, dtype)}, {view(y, {count}, DType::kBool)}));
    for (std::size_t n = 0; n < a.size(); ++n) CHECK_EQ(y[n], expected(a[n], b[n]) ? 1 : 0);
  };
  check("equal", [](T x, T z) { return x == z; });
  check("notEqual", [](T x, T z) { return x != z; });
  check("less", [](T x, T z) { return x < z; });
  check("lessEqual", [](T x, T z) { return x <= z; });
  check("greater", [](T x, T z) { return x > z; });
  check("greaterEqual", [](T x, T z) { return x >= z; });
  if (dtype != DType::kBool) return;
  check("logicalAnd", [](T x, T z) { return x != 0 && z != 0; });
  check("logicalOr", [](T x, T z) { return x != 0 || z != 0; });
  check("logicalXor", [](T x, T z) { return (x != 0) != (z != 0); });
}

TEST(comparisonsOfAllDTypes) {
  const double infinity = INFINITY;
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    checkComparisons<float>(isa, {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 1e-45f}, DType::kFloat32);
    checkComparisons<double>(isa, {0.0, -0.0, 1.0, -1.0, infinity, -infinity, NAN, 5e-324}, DType::kFloat64);
    checkComparisons<std::int32_t>(isa, {0, 1, -1, INT32_MIN, INT32_MAX, 16777217, 16777216}, DType::kInt32);
    checkComparisons<std::uint8_t>(isa, {0, 1, 127, 128, 255}, DType::kUint8);
    checkComparisons<std::uint8_t>(isa, {0, 1}, DType::kBool);
  }
}

TEST(zerosAreOrderedByMaximumAndMinimum) {
  const std::vector<float> a = {0.0f, -0.0f, 0.0f, -0.0f};
  const std::vector<float> b = {-0.0f, 0.0f, 0.0f, -0.0f};
  std::vector<float> y(4);
  ThreadTeam team(1);
  for (const Isa isa : isas()) {
    CHECK_OK(runOp("maximum", isa, team, {view(a, {4}), view(b, {4})}, {view(y, {4})}));
    for (int n = 0; n < 4; ++n) CHECK_EQ(std::signbit(y[static_cast<std::size_t>(n)]), n == 3);
    CHECK_OK(runOp("minimum", isa, team, {view(a, {4}), view(b, {4})}, {view(y, {4})}));
    for (int n = 0; n < 4; ++n) CHECK_EQ(std::signbit(y[static_cast<std::size_t>(n)]), n != 2);
  }
}

TEST(float64FunctionsAreTheLibrarys) {
  const std::vector<double> x = {0.3, -0.7, 1.5, 20.0, -20.0, 0.0, INFINITY, NAN};
  std::vector<double> y(x.size());
  ThreadTeam team(1);
  const auto check = [&](Isa isa, const char* name, auto expected) {
    test::Scope scope(name);
    CHECK_OK(runOp(name, isa, team, {view(x, {8})}, {view(y, {8})}));
    // Four units in the last place for formulas of up to four roundings; library calls are exact.
    for (std::size_t n = 0; n < x.size(); ++n) CHECK_NEAR(y[n], expected(x[n]), std::fabs(expected(x[n])) * 0x1p-51);
  };
  for (const Isa isa : isas()) {
    check(isa, "exp", [](double v) { return std::exp(v); });
    check(isa, "log1p", [](double v) { return std::log1p(v); });
    check(isa, "sqrt", [](double v) { return std::sqrt(v); });
    check(isa, "rsqrt", [](double v) { return 1 / std::sqrt(v); });
    check(isa, "round", [](double v) { return std::nearbyint(v); });
    check(isa, "floor", [](double v) { return std::floor(v); });
    check(isa, "arccos", [](double v) { return std::acos(v); });
    check(isa, "cosh", [](double v) { return std::cosh(v); });
    check(isa, "erf", [](double v) { return std::erf(v); });
    check(isa, "sigmoid", [](double v) { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); });
    check(isa, "gelu", [](double v) { return v * 0.5 * std::erfc(-v * (std::numbers::sqrt2 / 2)); });
  }
}

TEST(castsOfAllPairs) {
  ThreadTeam team(1);
  const std::vector<double> x = {0.0,           -0.0,
                                 1.0,           -1.0,
                                 0.49,          -0.51,
                                 2.5,           127.5,
                                 128.0,         255.0,
                                 255.9,         256.0,
                                 -3.7,          1e9,
                                 2147483646.0,  2147483647.0,
                                 2147483648.0,  -2147483648.0,
                                 -2147483649.0, 1e300,
                                 -1e300,        NAN,
                                 INFINITY,      -INFINITY,
                                 65504.0,       65519.99,
                                 65520.0,       5.960464477539063e-8,
                                 2.98e-8,       2.9802322387695312e-8,
                                 1e-40,         3.3e38,
                                 3.4028235e38,  3.39e38};
  const std::int64_t count = static_cast<std::int64_t>(x.size());
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    std::vector<float> narrow(x.size());
    CHECK_OK(runOp("cast", isa, team, {view(x, {count})}, {view(narrow, {count})}, {0}));
    for (std::size_t n = 0; n < x.size(); ++n) CHECK_NEAR(narrow[n], static_cast<float>(x[n]), 0);
    for (const bool fromNarrow : {false, true}) {
      const TensorView from = fromNarrow ? view(narrow, {count}) : view(x, {count});
      std::vector<std::int32_t> integers(x.size());
      std::vector<std::uint8_t> bytes(x.size());
      std::vector<std::uint8_t> bools(x.size());
      CHECK_OK(runOp("cast", isa, team, {from}, {view(integers, {count})}, {2}));
      CHECK_OK(runOp("cast", isa, team, {from}, {view(bytes, {count})}, {3}));
      CHECK_OK(runOp("cast", isa, team, {from}, {view(bools, {count}, DType::kBool)}, {4}));
      for (std::size_t n = 0; n < x.size(); ++n) {
        const double value = fromNarrow ? static_cast<double>(narrow[n]) : x[n];
        const double whole = std::isnan(value) ? 0 : std::trunc(value);
        CHECK_EQ(static_cast<double>(integers[n]), std::min(std::max(whole, -2147483648.0), 2147483647.0));
        CHECK_EQ(static_cast<double>(bytes[n]), std::min(std::max(whole, 0.0), 255.0));
        CHECK_EQ(bools[n], value != 0 ? 1 : 0);
      }
    }
    const std::vector<std::int32_t> integers = {0, 1, -1, 255, 256, -257, INT32_MAX, INT32_MIN, 16777217, 65519, 65520};
    const std::int64_t size = static_cast<std::int64_t>(integers.size());
    std::vector<std::uint8_t> bytes(integers.size());
    std::vector<float> floats(integers.size());
    std::vector<std::uint16_t> halves(integers.size());
    CHECK_OK(runOp("cast", isa, team, {view(integers, {size})}, {view(bytes, {size})}, {3}));
    CHECK_OK(runOp("cast", isa, team, {view(integers, {size})}, {view(floats, {size})}, {0}));
    CHECK_OK(runOp("cast", isa, team, {view(integers, {size})}, {view(halves, {size}, {1}, 0, DType::kFloat16)}, {5}));
    for (std::size_t n = 0; n < integers.size(); ++n) {
      CHECK_EQ(bytes[n], static_cast<std::uint8_t>(integers[n]));
      CHECK_EQ(floats[n], static_cast<float>(integers[n]));
    }
    CHECK_EQ(halves[9], 0x7bff);
    CHECK_EQ(halves[10], 0x7c00);
  }
}

/// The value of the bits of a 16-bit float with `fractionBits` of fraction.
double valueOf(std::uint16_t bits, int exponentBits, int fractionBits) {
  const int bias = (1 << (exponentBits - 1)) - 1;
  const int exponent = bits >> fractionBits & ((1 << exponentBits) - 1);
  const int fraction = bits & ((1 << fractionBits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponentBits) - 1) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fractionBits);
  return sign * std::ldexp((1 << fractionBits) + fraction, exponent - bias - fractionBits);
}

/// All 65536 values, and what lies between neighbours: the middle goes to the even one, what is beside it to the
/// nearer.
void checkHalf(Isa isa, DType dtype, int exponentBits, int fractionBits) {
  ThreadTeam team(1);
  std::vector<std::uint16_t> all(65536);
  for (std::size_t n = 0; n < all.size(); ++n) all[n] = static_cast<std::uint16_t>(n);
  std::vector<float> wide(all.size());
  const double code = static_cast<double>(dtype);
  const auto halves = [&](const std::vector<std::uint16_t>& bits) {
    return view(bits, {static_cast<std::int64_t>(bits.size())}, {1}, 0, dtype);
  };
  CHECK_OK(runOp("cast", isa, team, {halves(all)}, {view(wide, {65536})}, {0}));
  for (std::size_t n = 0; n < all.size(); ++n) {
    CHECK_NEAR(wide[n], valueOf(all[n], exponentBits, fractionBits), 0);
    CHECK(std::isnan(wide[n]) || std::signbit(wide[n]) == (n >= 0x8000));
  }
  std::vector<double> x;
  std::vector<std::uint16_t> expected;
  const std::uint16_t infinite = static_cast<std::uint16_t>(((1 << exponentBits) - 1) << fractionBits);
  for (std::uint16_t bits = 0; bits < infinite; ++bits) {
    const double here = valueOf(bits, exponentBits, fractionBits);
    const std::uint16_t above = static_cast<std::uint16_t>(bits + 1);
    // Beyond the largest number goes on as if there were one more.
    const double next =
        above == infinite ? std::ldexp(1.0, 1 << (exponentBits - 1)) : valueOf(above, exponentBits, fractionBits);
    const double middle = here + (next - here) / 2;
    const std::uint16_t even = (bits & 1) == 0 ? bits : above;
    for (const double sign : {1.0, -1.0}) {
      const std::uint16_t negative = sign < 0 ? 0x8000 : 0;
      x.push_back(sign * here);
      expected.push_back(bits | negative);
      x.push_back(sign * middle);
      expected.push_back(even | negative);
      // So near to the middle that float32 cannot tell: must be rounded once.
      x.push_back(sign * middle * (1 - 0x1p-50));
      expected.push_back(bits | negative);
      x.push_back(sign * middle * (1 + 0x1p-50));
      expected.push_back(above | negative);
    }
  }
  std::vector<std::uint16_t> y(x.size());
  const std::int64_t count = static_cast<std::int64_t>(x.size());
  CHECK_OK(runOp("cast", isa, team, {view(x, {count})}, {halves(y)}, {code}));
  for (std::size_t n = 0; n < x.size(); ++n) CHECK_EQ(y[n], expected[n]);
  // From float32: of the same numbers those that are float32s.
  std::vector<float> narrow(x.size());
  for (std::size_t n = 0; n < x.size(); ++n) narrow[n] = static_cast<float>(x[n]);
  CHECK_OK(runOp("cast", isa, team, {view(narrow, {count})}, {halves(y)}, {code}));
  for (std::size_t n = 0; n < x.size(); ++n) {
    if (static_cast<double>(narrow[n]) == x[n]) CHECK_EQ(y[n], expected[n]);
  }
  const std::vector<float> special = {NAN, INFINITY, -INFINITY, 3.4028235e38f, -0.0f};
  CHECK_OK(runOp("cast", isa, team, {view(special, {5})}, {view(y, {5}, {1}, 0, dtype)}, {code}));
  CHECK(std::isnan(valueOf(y[0], exponentBits, fractionBits)));
  CHECK_EQ(y[1], infinite);
  CHECK_EQ(y[2], infinite | 0x8000);
  CHECK_EQ(y[3], infinite);
  CHECK_EQ(y[4], 0x8000);
}

TEST(sixteenBitFloatsBothWays) {
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    checkHalf(isa, DType::kFloat16, 5, 10);
    checkHalf(isa, DType::kBfloat16, 8, 7);
  }
}

TEST(malformedCallsAreRefused) {
  const std::vector<float> x(12);
  const std::vector<double> wide(12);
  std::vector<float> y(12);
  std::vector<std::uint8_t> flags(12);
  ThreadTeam team(1);
  const Isa isa = Isa::kBaseline;
  CHECK(!runOp("exp", isa, team, {view(x, {3, 4})}, {view(y, {4, 3})}).isOk());
  CHECK(!runOp("exp", isa, team, {view(x, {3, 4})}, {view(y, {3, 4}, {1, 3})}).isOk());
  CHECK(!runOp("exp", isa, team, {view(flags, {12})}, {view(flags, {12})}).isOk());
  CHECK(!runOp("exp", isa, team, {view(wide, {12})}, {view(y, {12})}).isOk());
  CHECK(!runOp("logicalNot", isa, team, {view(x, {12})}, {view(flags, {12}, DType::kBool)}).isOk());
  CHECK(!runOp("isNaN", isa, team, {view(x, {12})}, {view(y, {12})}).isOk());
  CHECK(!runOp("add", isa, team, {view(x, {12}), view(wide, {12})}, {view(y, {12})}).isOk());
  CHECK(!runOp("add", isa, team, {view(x, {12}), view(x, {3, 4})}, {view(y, {12})}).isOk());
  CHECK(!runOp("add", isa, team, {view(x, {12})}, {view(y, {12})}).isOk());
  CHECK(!runOp("divide", isa, team, {view(flags, {12}), view(flags, {12})}, {view(flags, {12})}).isOk());
  CHECK(!runOp("where", isa, team, {view(flags, {12}), view(x, {12}), view(x, {12})}, {view(y, {12})}).isOk());
  CHECK(!runOp("cast", isa, team, {view(x, {12})}, {view(y, {12})}, {1}).isOk());
  CHECK(!runOp("cast", isa, team, {view(x, {12})}, {view(y, {12})}, {7}).isOk());
  CHECK(!runOp("cast", isa, team, {view(x, {12})}, {view(y, {12})}, {0.5}).isOk());
}

/// A function of many numbers, in one call that may write past the caches, and of the same numbers in many calls.
template <typename T, typename Result = T>
void checkLarge(const std::string& name, int operands, Isa isa) {
  constexpr std::int64_t kCount = (std::int64_t{4} << 20) / static_cast<std::int64_t>(sizeof(Result)) + 77;
  // Neither begins where a line does.
  constexpr std::int64_t kOffset = 3;
  Numbers numbers(9);
  std::vector<std::vector<T>> arrays;
  for (int n = 0; n < operands; ++n) arrays.push_back(numbers.normals<T>(1000));
  for (std::vector<T>& array : arrays) {
    array.resize(static_cast<std::size_t>(kCount + kOffset));
    for (std::size_t n = 1000; n < array.size(); ++n) array[n] = array[n - 997];
  }
  const auto dtype = sizeof(Result) == 1 ? DType::kBool : test::dtypeOf<T>();
  const auto run = [&](std::vector<Result>& y, std::int64_t begin, std::int64_t count) {
    ThreadTeam team(1);
    std::vector<TensorView> views;
    for (const std::vector<T>& array : arrays) views.push_back(view(array, {count}, {1}, begin + kOffset));
    const TensorView result = view(y, {count}, {1}, begin + kOffset, dtype);
    CHECK_OK(runOp(name, isa, team, views, {result}));
  };
  std::vector<Result> once(static_cast<std::size_t>(kCount + kOffset));
  std::vector<Result> often(static_cast<std::size_t>(kCount + kOffset));
  run(once, 0, kCount);
  constexpr std::int64_t kPart = 1 << 14;
  for (std::int64_t begin = 0; begin < kCount; begin += kPart) run(often, begin, std::min(kPart, kCount - begin));
  CHECK(std::memcmp(once.data(), often.data(), once.size() * sizeof(Result)) == 0);
}

TEST(largeResultsAreThoseOfSmallOnes) {
  for (const Isa isa : isas()) {
    checkLarge<float>("add", 2, isa);
    checkLarge<float>("exp", 1, isa);
    checkLarge<double>("multiply", 2, isa);
    checkLarge<float, std::uint8_t>("less", 2, isa);
  }
}

}  // namespace
}  // namespace gemmule

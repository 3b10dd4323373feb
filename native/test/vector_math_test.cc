// float32 functions against the C library's float64 over all of float32, on every instruction set of this processor.
//
// By default every 60013th float32 is tried (about 70 thousand a function); GEMMULE_TEST_FINE=1 tries every 61st, which
// is what the limits below and the comments in vector_math.inl were measured with.

#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::isas;
using test::runOp;
using test::view;

float floatOf(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// One unit in the last place of float32 around `x`, subnormal numbers included.
double unitAt(double x) {
  const double magnitude = std::max(std::fabs(x), 0x1p-126);
  return std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

/// The distance of `got` from the exact `expected` in units in the last place of the latter.
double ulpError(float got, double expected) {
  if (std::isnan(expected)) return std::isnan(got) ? 0 : INFINITY;
  const float rounded = static_cast<float>(expected);
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0 : INFINITY;
  return std::fabs(static_cast<double>(got) - expected) / unitAt(expected);
}

double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

struct Case {
  const char* name;
  double (*exact)(double);
  double limit;
  /// The baseline has no fused multiply-add.
  double baselineLimit;
  /// Where the baseline may instead be off by this much.
  double baselineAbsolute = 0;
  /// Where all may.
  double absolute = 0;
};

const Case kCases[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.1, 1.1},
    {"expm1", [](double x) { return std::expm1(x); }, 1.5, 1.5},
    {"log", [](double x) { return std::log(x); }, 0.9, 0.9},
    {"log1p", [](double x) { return std::log1p(x); }, 1.1, 1.2},
    {"tanh", [](double x) { return std::tanh(x); }, 1.1, 1.1},
    {"sigmoid", sigmoid, 2.4, 2.4},
    {"silu", [](double x) { return x * sigmoid(x); }, 3.1, 3.1},
    {"erf", [](double x) { return std::erf(x); }, 1.1, 1.2},
    {"gelu", [](double x) { return x * 0.5 * std::erfc(-x * (std::numbers::sqrt2 / 2)); }, 3.6, 4.5, 1e-8, 3e-9},
    {"geluTanh", [](double x) { return x * sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)); },
     3.1, 8.0, 1e-7},
    // In float64 lanes, rounded once.
    {"log2", [](double x) { return std::log2(x); }, 0.51, 0.51},
    {"log10", [](double x) { return std::log10(x); }, 0.51, 0.51},
    {"sin", [](double x) { return std::sin(x); }, 0.51, 0.51},
    {"cos", [](double x) { return std::cos(x); }, 0.51, 0.51},
    {"tan", [](double x) { return std::tan(x); }, 0.51, 0.51},
    {"arcsin", [](double x) { return std::asin(x); }, 0.51, 0.51},
    {"arccos", [](double x) { return std::acos(x); }, 0.51, 0.51},
    {"arctan", [](double x) { return std::atan(x); }, 0.51, 0.51},
    {"sinh", [](double x) { return std::sinh(x); }, 0.51, 0.51},
    {"cosh", [](double x) { return std::cosh(x); }, 0.51, 0.51},
    // Two roundings, of the root and of the quotient: up to 0.5 * 2 + 0.5.
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.51, 1.51},
    // Correctly rounded.
    {"sqrt", [](double x) { return std::sqrt(x); }, 0.5000001, 0.5000001},
    {"reciprocal", [](double x) { return 1 / x; }, 0.5000001, 0.5000001},
    {"square", [](double x) { return x * x; }, 0.5, 0.5},
    {"negative", [](double x) { return -x; }, 0, 0},
    {"absolute", [](double x) { return std::fabs(x); }, 0, 0},
    {"sign", [](double x) { return x > 0    ? 1.0
                                   : x < 0  ? -1.0
                                   : x == 0 ? 0.0
                                            : x; }, 0, 0},
    {"floor", [](double x) { return std::floor(x); }, 0, 0},
    {"ceil", [](double x) { return std::ceil(x); }, 0, 0},
    {"round", [](double x) { return std::nearbyint(x); }, 0, 0},
    {"trunc", [](double x) { return std::trunc(x); }, 0, 0},
    {"relu", [](double x) { return x < 0 ? 0.0 : x; }, 0, 0},
};

std::vector<float> manyFloats() {
  const char* fine = std::getenv("GEMMULE_TEST_FINE");
  const std::uint64_t step = fine != nullptr && *fine == '1' ? 61 : 60013;
  std::vector<float> all;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += step) {
    all.push_back(floatOf(static_cast<std::uint32_t>(bits)));
  }
  // Every power of two and its neighbours, where reductions and selects change.
  for (std::uint32_t exponent = 0; exponent <= 255; ++exponent) {
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      for (const std::int32_t off : {-1, 0, 1}) {
        all.push_back(floatOf((sign | exponent << 23) + static_cast<std::uint32_t>(off)));
      }
    }
  }
  for (const float x :
       {0.0f,      -0.0f,    INFINITY, -INFINITY, NAN,  1e-45f, -1e-45f, 3.40282347e38f, -3.40282347e38f, 1e6f,   -1e6f,
        88.72284f, -103.97f, -104.5f,  0.5f,      1.5f, 2.5f,   -0.5f,   10.0f,          100.0f,          1000.0f}) {
    all.push_back(x);
  }
  return all;
}

TEST(unaryFunctionsOverAllFloats) {
  const std::vector<float> x = manyFloats();
  const std::int64_t count = static_cast<std::int64_t>(x.size());
  std::vector<float> y(x.size());
  std::vector<float> first(x.size());
  ThreadTeam team(1);
  for (const Case& function : kCases) {
    bool compared = false;
    for (const Isa isa : isas()) {
      test::Scope scope(std::string(function.name) + ", " + isaName(isa));
      CHECK_OK(runOp(function.name, isa, team, {view(x, {count})}, {view(y, {count})}));
      const double limit = isa == Isa::kBaseline ? function.baselineLimit : function.limit;
      const double absolute = isa == Isa::kBaseline ? function.baselineAbsolute : function.absolute;
      double worst = 0;
      float worstAt = 0;
      for (std::size_t n = 0; n < x.size(); ++n) {
        const double expected = function.exact(static_cast<double>(x[n]));
        const double error = ulpError(y[n], expected);
        if (error > worst && !(std::fabs(static_cast<double>(y[n]) - expected) < absolute)) {
          worst = error;
          worstAt = x[n];
        }
      }
      if (std::getenv("GEMMULE_TEST_VERBOSE") != nullptr) {
        std::printf("%-10s %-8s %.4f ulp at %.9g\n", function.name, isaName(isa), worst, static_cast<double>(worstAt));
      }
      if (!(worst <= limit)) {
        test::fail(__FILE__, __LINE__,
                   "off by " + test::show(worst) + " ulp at " + test::show(worstAt) + ", limit " + test::show(limit));
      }
      if (isa == Isa::kBaseline) continue;
      if (compared) CHECK(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)) == 0);
      first = y;
      compared = true;
    }
  }
}

TEST(zerosKeepTheirSign) {
  ThreadTeam team(1);
  const std::vector<float> x = {-0.0f};
  std::vector<float> y(1);
  for (const Isa isa : isas()) {
    for (const char* name : {"sqrt", "expm1", "log1p", "sin", "tan", "arcsin", "arctan", "sinh", "tanh", "floor",
                             "ceil", "round", "trunc", "erf", "relu"}) {
      test::Scope scope(std::string(name) + ", " + isaName(isa));
      CHECK_OK(runOp(name, isa, team, {view(x, {1})}, {view(y, {1})}));
      CHECK_SAME_BITS(y[0], -0.0f);
    }
    CHECK_OK(runOp("sign", isa, team, {view(x, {1})}, {view(y, {1})}));
    CHECK_SAME_BITS(y[0], 0.0f);
  }
}

struct BinaryCase {
  const char* name;
  double (*exact)(double, double);
  double limit;
};

double floorDivide(double a, double b) {
  if (b == 0) return a / b;
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double below = std::floor(quotient);
  return quotient - below > 0.5 ? below + 1 : below;
}

double remainderOf(double a, double b) {
  const double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  return (remainder < 0) == (b < 0) ? remainder : remainder + b;
}

const BinaryCase kBinaryCases[] = {
    {"add", [](double a, double b) { return a + b; }, 0.5000001},
    {"subtract", [](double a, double b) { return a - b; }, 0.5000001},
    {"multiply", [](double a, double b) { return a * b; }, 0.5000001},
    {"divide", [](double a, double b) { return a / b; }, 0.5000001},
    {"power", [](double a, double b) { return std::pow(a, b); }, 0.51},
    {"arctan2", [](double a, double b) { return std::atan2(a, b); }, 0.51},
    {"floorDivide", floorDivide, 0.5000001},
    {"remainder", remainderOf, 0.5000001},
    {"maximum", [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }, 0},
    {"minimum", [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }, 0},
};

TEST(binaryFunctionsOfManyPairs) {
  test::Numbers numbers(3);
  std::vector<float> a;
  std::vector<float> b;
  const std::vector<float> special = {
      0.0f, -0.0f,  1.0f,    -1.0f, 0.5f,   -0.5f, 2.0f,        -2.0f,           3.0f,    -3.0f,    INFINITY,
      NAN,  1e-45f, -1e-45f, 1e30f, -1e30f, 0.1f,  16777217.0f, 1.17549435e-38f, 3.4e38f, -INFINITY};
  for (const float x : special) {
    for (const float y : special) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  for (int n = 0; n < 200000; ++n) {
    const auto any = [&] { return floatOf(static_cast<std::uint32_t>(numbers.integer(0, 0xffffffffLL))); };
    const auto near = [&] { return static_cast<float>(numbers.normal() * 10); };
    a.push_back(n % 2 == 0 ? any() : near());
    b.push_back(n % 4 < 2 ? any() : near());
  }
  // Exact multiples and their neighbours are what floor division may get wrong.
  for (int n = 0; n < 50000; ++n) {
    const float divisor = static_cast<float>(numbers.normal());
    const float product = divisor * static_cast<float>(numbers.integer(-100000, 100000));
    a.push_back(n % 3 == 0 ? product : std::nextafterf(product, n % 3 == 1 ? INFINITY : -INFINITY));
    b.push_back(divisor);
  }
  const std::int64_t count = static_cast<std::int64_t>(a.size());
  std::vector<float> y(a.size());
  std::vector<float> first;
  ThreadTeam team(1);
  for (const BinaryCase& function : kBinaryCases) {
    first.clear();
    for (const Isa isa : isas()) {
      test::Scope scope(std::string(function.name) + ", " + isaName(isa));
      CHECK_OK(runOp(function.name, isa, team, {view(a, {count}), view(b, {count})}, {view(y, {count})}));
      for (std::size_t n = 0; n < a.size(); ++n) {
        const double expected = function.exact(static_cast<double>(a[n]), static_cast<double>(b[n]));
        const double error = ulpError(y[n], expected);
        if (!(error <= function.limit) || (expected == 0 && y[n] == 0 && std::signbit(expected) != std::signbit(y[n]) &&
                                           std::strncmp(function.name, "m", 1) != 0)) {
          test::fail(__FILE__, __LINE__,
                     "(" + test::show(a[n]) + ", " + test::show(b[n]) + ") gave " + test::show(y[n]) + ", not " +
                         test::show(expected));
        }
      }
      if (!first.empty()) {
        for (std::size_t n = 0; n < y.size(); ++n) {
          if (!std::isnan(y[n])) CHECK_SAME_BITS(y[n], first[n]);
        }
      }
      first = y;
    }
  }
}

}  // namespace
}  // namespace gemmule

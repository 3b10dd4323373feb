// Products with packed weights in every format, against float64 loops, on every instruction set of this processor.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/op.h"
#include "runtime/packed_weight.h"
#include "test/check.h"

namespace gemmule {
namespace {

constexpr double kEpsilon = 5.9604644775390625e-8;  // half a unit in the last place of 1

std::vector<Isa> isas() {
  if (cpuFeatures().neon) return {Isa::kNeon};
  std::vector<Isa> all = {Isa::kBaseline};
  if (cpuFeatures().avx2) all.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) all.push_back(Isa::kAvx512);
  return all;
}

std::vector<float> normals(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& x : numbers) x = normal(engine);
  return numbers;
}

TensorView matrix(const float* data, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  TensorView view;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {stride, 1};
  view.data = reinterpret_cast<std::byte*>(const_cast<float*>(data));
  return view;
}

Operand tensor(const TensorView& view) {
  Operand operand;
  operand.kind = Operand::Kind::kTensor;
  operand.tensor = view;
  return operand;
}

struct LinearCase {
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
  int activation = 0;
  bool bias = true;
  bool residual = true;
};

/// All arrays of a product, from one seed.
struct Problem {
  LinearCase shape;
  std::int64_t xStride;
  std::vector<float> x;
  std::vector<float> weight;
  std::vector<float> bias;
  std::vector<float> residual;
  /// Of int8 products; empty for ones.
  std::vector<float> inputScale;

  explicit Problem(const LinearCase& linear)
      : shape(linear),
        xStride(linear.in + 3),
        x(normals(static_cast<std::size_t>(linear.rows * xStride), 1)),
        weight(normals(static_cast<std::size_t>(linear.out * linear.in), 2)),
        bias(normals(static_cast<std::size_t>(linear.out), 3)),
        residual(normals(static_cast<std::size_t>(linear.rows * linear.out), 4)) {}

  std::vector<float> run(PackFormat format, Isa isa, int threads, std::int64_t firstRow, std::int64_t rows) const {
    ThreadTeam team(threads);
    std::shared_ptr<const PackedWeight> packed;
    CHECK_OK(PackedWeight::pack(
        format,
        {matrix(weight.data(), shape.out, shape.in, shape.in), inputScale.empty() ? nullptr : inputScale.data()},
        kernelsFor(isa), team, packed));
    Operand packedOperand;
    packedOperand.kind = Operand::Kind::kPacked;
    packedOperand.packed = packed.get();
    TensorView biasView = matrix(bias.data(), 1, shape.out, 1);
    biasView.rank = 1;
    biasView.dims = {shape.out};
    biasView.strides = {1};
    const std::vector<Operand> operands = {
        tensor(matrix(x.data() + firstRow * xStride, rows, shape.in, xStride)), packedOperand,
        shape.bias ? tensor(biasView) : Operand{},
        shape.residual ? tensor(matrix(residual.data() + firstRow * shape.out, rows, shape.out, shape.out))
                       : Operand{}};
    std::vector<float> y(static_cast<std::size_t>(rows * shape.out), NAN);
    const TensorView results[] = {matrix(y.data(), rows, shape.out, shape.out)};
    const double attributes[] = {static_cast<double>(shape.activation)};
    for (const OpDefinition& definition : allOps()) {
      if (std::string("linear") != definition.name) continue;
      Scratch scratch;
      CHECK_OK(definition.run(OpContext{operands, results, attributes, kernelsFor(isa), team, scratch}));
    }
    return y;
  }
};

double activate(int activation, double x) {
  switch (activation) {
    case 1:
      return x < 0 ? 0 : x;
    case 2:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case 3:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case 4:
      return x / (1 + std::exp(-x));
    case 5:
      return std::tanh(x);
    default:
      return x;
  }
}

/// bfloat16's rounding, by arithmetic: to 8 bits of precision, ties to even.
float roundToBfloat16(float value) {
  if (value == 0) return value;
  int exponent = 0;
  const double fraction = std::frexp(static_cast<double>(value), &exponent);
  return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8));
}

/// The meaning of the int8 format, spelt out: see src/backend/reference/quantized.ts.
struct QuantizedRow {
  std::vector<int> numbers;
  std::vector<float> scales;

  QuantizedRow(const float* row, std::int64_t length) {
    for (std::int64_t begin = 0; begin < length; begin += 64) {
      const std::int64_t end = std::min(begin + 64, length);
      float greatest = 0;
      for (std::int64_t k = begin; k < end; ++k) greatest = std::max(greatest, std::fabs(row[k]));
      const float inverse = 127.0f / greatest;
      const bool usable = std::isfinite(inverse);
      scales.push_back(usable ? greatest / 127.0f : 0.0f);
      for (std::int64_t k = begin; k < end; ++k) {
        numbers.push_back(usable ? static_cast<int>(std::nearbyint(row[k] * inverse)) : 0);
      }
    }
  }
};

float dot(const QuantizedRow& a, const QuantizedRow& b) {
  float sum = 0;
  for (std::size_t group = 0; group < a.scales.size(); ++group) {
    int integer = 0;
    for (std::size_t k = group * 64; k < std::min(a.numbers.size(), group * 64 + 64); ++k) {
      integer += a.numbers[k] * b.numbers[k];
    }
    sum = std::fma(static_cast<float>(integer), a.scales[group] * b.scales[group], sum);
  }
  return sum;
}

const std::vector<LinearCase>& cases() {
  static const std::vector<LinearCase> all = [] {
    std::vector<LinearCase> shapes;
    for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 25, 100}) shapes.push_back({rows, 70, 83});
    for (const std::int64_t out : {1, 15, 16, 17, 32, 33, 64, 80, 128}) {
      for (const std::int64_t rows : {1, 2, 4, 9}) shapes.push_back({rows, 33, out, 0, false, false});
    }
    for (const std::int64_t in : {1, 2, 63, 64, 65, 127, 128, 384}) shapes.push_back({5, in, 48});
    for (int activation = 0; activation < 6; ++activation) {
      shapes.push_back({7, 40, 37, activation, true, true});
      shapes.push_back({7, 40, 37, activation, false, true});
      shapes.push_back({7, 40, 37, activation, true, false});
    }
    shapes.push_back({4, 0, 20});
    return shapes;
  }();
  return all;
}

std::string describe(const LinearCase& shape, Isa isa) {
  return std::to_string(shape.rows) + " x " + std::to_string(shape.in) + " x " + std::to_string(shape.out) +
         ", activation " + std::to_string(shape.activation) + ", " + isaName(isa);
}

void checkFloat(PackFormat format) {
  for (const LinearCase& shape : cases()) {
    const Problem problem(shape);
    std::vector<float> first;
    for (const Isa isa : isas()) {
      test::Scope scope(describe(shape, isa));
      const std::vector<float> y = problem.run(format, isa, 2, 0, shape.rows);
      for (std::int64_t row = 0; row < shape.rows; ++row) {
        for (std::int64_t column = 0; column < shape.out; ++column) {
          double sum = shape.bias ? static_cast<double>(problem.bias[static_cast<std::size_t>(column)]) : 0;
          double magnitude = std::abs(sum);
          for (std::int64_t k = 0; k < shape.in; ++k) {
            float weight = problem.weight[static_cast<std::size_t>(column * shape.in + k)];
            float x = problem.x[static_cast<std::size_t>(row * problem.xStride + k)];
            if (format != PackFormat::kFloat32) weight = roundToBfloat16(weight);
            if (format == PackFormat::kBfloat16Products) x = roundToBfloat16(x);
            const double product = static_cast<double>(x) * static_cast<double>(weight);
            sum += product;
            magnitude += std::abs(product);
          }
          const std::size_t index = static_cast<std::size_t>(row * shape.out + column);
          const double residual = shape.residual ? static_cast<double>(problem.residual[index]) : 0;
          const double expected = activate(shape.activation, sum) + residual;
          // No activation is steeper than 1.13; each is within 2 ulp; the baseline rounds products and sums.
          const double chain = kEpsilon * magnitude * static_cast<double>(2 * shape.in + 2) * 1.13;
          const double tolerance = chain + 8 * kEpsilon * (std::abs(expected) + std::abs(residual)) + 1e-37;
          CHECK_NEAR(y[index], expected, tolerance);
        }
      }
      if (isa == Isa::kBaseline) continue;
      if (first.empty()) first = y;
      CHECK(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)) == 0);
    }
  }
}

}  // namespace

TEST(float32Products) { checkFloat(PackFormat::kFloat32); }

TEST(bfloat16Weights) { checkFloat(PackFormat::kBfloat16); }

// The same bits on AVX2, AVX-512 and AVX512_BF16, too.
TEST(bfloat16Products) { checkFloat(PackFormat::kBfloat16Products); }

TEST(int8ProductsAreExactlyAsDefined) {
  for (const LinearCase& shape : cases()) {
    if (shape.activation != 0) continue;
    const Problem problem(shape);
    for (const Isa isa : isas()) {
      // Without fused multiply-adds the baseline rounds twice a group.
      const double slack = isa == Isa::kBaseline ? 2 * kEpsilon : 0;
      test::Scope scope(describe(shape, isa));
      const std::vector<float> y = problem.run(PackFormat::kInt8, isa, 2, 0, shape.rows);
      for (std::int64_t row = 0; row < shape.rows; ++row) {
        const QuantizedRow x(problem.x.data() + row * problem.xStride, shape.in);
        for (std::int64_t column = 0; column < shape.out; ++column) {
          const QuantizedRow weight(problem.weight.data() + column * shape.in, shape.in);
          const std::size_t index = static_cast<std::size_t>(row * shape.out + column);
          float expected = dot(x, weight);
          if (shape.bias) expected += problem.bias[static_cast<std::size_t>(column)];
          if (shape.residual) expected += problem.residual[index];
          CHECK_NEAR(y[index], expected, slack * static_cast<double>(shape.in));
        }
      }
    }
  }
}

TEST(int8WithScaledInputs) {
  // Powers of two scale exactly: as if x and the weight had been scaled by hand.
  Problem problem({6, 100, 40});
  Problem scaled = problem;
  for (std::int64_t k = 0; k < 100; ++k) {
    const float scale = std::ldexp(1.0f, static_cast<int>(k % 9) - 4);
    problem.inputScale.push_back(scale);
    for (std::int64_t row = 0; row < 6; ++row) scaled.x[static_cast<std::size_t>(row * scaled.xStride + k)] *= scale;
    for (std::int64_t column = 0; column < 40; ++column) {
      scaled.weight[static_cast<std::size_t>(column * 100 + k)] /= scale;
    }
  }
  for (const Isa isa : isas()) {
    const std::vector<float> a = problem.run(PackFormat::kInt8, isa, 2, 0, 6);
    const std::vector<float> b = scaled.run(PackFormat::kInt8, isa, 2, 0, 6);
    CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  }
}

TEST(int8OfExtremeNumbers) {
  const std::int64_t in = 70;
  for (const Isa isa : isas()) {
    Problem problem({1, in, 16, 0, false, false});
    const auto run = [&] { return problem.run(PackFormat::kInt8, isa, 1, 0, 1)[0]; };
    // The greatest sums there can be: every product 127 * 127, every sign.
    for (const float sign : {1.0f, -1.0f}) {
      std::fill(problem.x.begin(), problem.x.end(), sign * 127);
      std::fill(problem.weight.begin(), problem.weight.end(), 127.0f);
      CHECK_EQ(run(), sign * 127 * 127 * static_cast<float>(in));
      std::fill(problem.weight.begin(), problem.weight.end(), -127.0f);
      CHECK_EQ(run(), -sign * 127 * 127 * static_cast<float>(in));
    }
    std::fill(problem.x.begin(), problem.x.end(), 0.0f);
    CHECK_EQ(run(), 0.0f);
    std::fill(problem.x.begin(), problem.x.end(), 1e-40f);
    CHECK_EQ(run(), 0.0f);
    std::fill(problem.x.begin(), problem.x.end(), 1.0f);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      problem.x[5] = bad;
      CHECK(std::isnan(run()));
    }
  }
}

TEST(aRowDoesNotDependOnItsNeighboursOrOnThreads) {
  for (const PackFormat format :
       {PackFormat::kFloat32, PackFormat::kBfloat16, PackFormat::kBfloat16Products, PackFormat::kInt8}) {
    for (const Isa isa : isas()) {
      const Problem problem({230, 96, 112, 2});
      const std::vector<float> all = problem.run(format, isa, 1, 0, 230);
      const std::vector<float> threaded = problem.run(format, isa, 5, 0, 230);
      CHECK(std::memcmp(all.data(), threaded.data(), all.size() * sizeof(float)) == 0);
      std::int64_t row = 0;
      for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 97, 72}) {
        const std::vector<float> part = problem.run(format, isa, 2, row, count);
        CHECK(std::memcmp(all.data() + row * 112, part.data(), part.size() * sizeof(float)) == 0);
        row += count;
      }
      CHECK_EQ(row, 230);
    }
  }
}

TEST(packsStridedWeightsOfHalfPrecision) {
  // Transposed float16 and bfloat16 weights of small integers, which both hold exactly.
  const std::int64_t in = 20;
  const std::int64_t out = 18;
  std::vector<std::uint16_t> half(static_cast<std::size_t>(in * out));
  std::vector<std::uint16_t> brain(half.size());
  std::vector<float> wide(half.size());
  for (std::int64_t k = 0; k < in; ++k) {
    for (std::int64_t feature = 0; feature < out; ++feature) {
      const std::size_t index = static_cast<std::size_t>(k * out + feature);
      const int exponent = static_cast<int>((k + feature) % 7);
      half[index] = static_cast<std::uint16_t>(((15 + exponent) << 10) | 0x8000);
      brain[index] = static_cast<std::uint16_t>(((127 + exponent) << 7) | 0x8000);
      wide[index] = -std::ldexp(1.0f, exponent);
    }
  }
  ThreadTeam team(2);
  const auto pack = [&](void* data, DType dtype) {
    TensorView view = matrix(static_cast<float*>(data), out, in, 1);
    view.strides = {1, out};
    view.dtype = dtype;
    std::shared_ptr<const PackedWeight> packed;
    CHECK_OK(PackedWeight::pack(PackFormat::kFloat32, {view}, kernelsFor(activeIsa()), team, packed));
    return packed;
  };
  const auto a = pack(wide.data(), DType::kFloat32);
  for (const auto& b : {pack(half.data(), DType::kFloat16), pack(brain.data(), DType::kBfloat16)}) {
    CHECK_EQ(a->bytes(), b->bytes());
    CHECK(std::memcmp(a->panel(0), b->panel(0), static_cast<std::size_t>(a->bytes())) == 0);
  }
  const float* panel = reinterpret_cast<const float*>(a->panel(1));
  for (std::int64_t k = 0; k < in; ++k) {
    for (std::int64_t column = 0; column < 16; ++column) {
      const float expected = column < 2 ? wide[static_cast<std::size_t>(k * out + 16 + column)] : 0.0f;
      CHECK_EQ(panel[k * 16 + column], expected);
    }
  }
}

}  // namespace gemmule

// The fused operations of transformers against plain float64 loops, on every instruction set of this processor.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/op.h"
#include "test/check.h"

namespace gemmule {
namespace {

constexpr double kEpsilon = 5.9604644775390625e-8;  // half a unit in the last place of 1

std::vector<Isa> isas() {
  std::vector<Isa> all;
  if (cpuFeatures().neon) return {Isa::kNeon};
  all.push_back(Isa::kBaseline);
  if (cpuFeatures().avx2) all.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) all.push_back(Isa::kAvx512);
  return all;
}

struct Random {
  std::mt19937 engine;
  explicit Random(unsigned seed) : engine(seed) {}
  float normal() { return std::normal_distribution<float>()(engine); }
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  }
  std::vector<float> normals(std::int64_t count, float scale = 1) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    for (float& x : numbers) x = normal() * scale;
    return numbers;
  }
};

TensorView matrix(float* data, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  TensorView view;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {stride, 1};
  view.data = reinterpret_cast<std::byte*>(data);
  return view;
}

TensorView vectorOf(float* data, std::int64_t length) {
  TensorView view;
  view.rank = 1;
  view.dims = {length};
  view.strides = {1};
  view.data = reinterpret_cast<std::byte*>(data);
  return view;
}

TensorView integers(std::vector<std::int32_t>& data) {
  TensorView view;
  view.dtype = DType::kInt32;
  view.rank = 1;
  view.dims = {static_cast<std::int64_t>(data.size())};
  view.strides = {1};
  view.data = reinterpret_cast<std::byte*>(data.data());
  return view;
}

Operand tensor(const TensorView& view) {
  Operand operand;
  operand.kind = Operand::Kind::kTensor;
  operand.tensor = view;
  return operand;
}

Status runOp(const std::string& name, Isa isa, ThreadTeam& team, std::vector<Operand> operands, TensorView result,
             std::vector<double> attributes) {
  for (const OpDefinition& definition : allOps()) {
    if (name != definition.name) continue;
    Scratch scratch;
    const TensorView results[] = {result};
    const OpContext context{operands, results, attributes, kernelsFor(isa), team, scratch};
    return definition.run(context);
  }
  return Status::unsupported("no operation " + name);
}

struct AttentionCase {
  std::int64_t numHeads;
  std::int64_t headDim;
  std::vector<std::int32_t> cuSeqlens;
  bool causal = false;
  std::int64_t window = 0;
  std::int64_t biasReach = -1;
};

/// Softmax weights of a query in float64; `bound` is how far float32 may be off, relative to a weight.
std::vector<double> trueWeights(const AttentionCase& shape, const float* query, const float* keys, std::int64_t stride,
                                std::int64_t position, std::int64_t length, std::int64_t head, double scale,
                                const std::vector<float>& bias, double* bound) {
  std::vector<double> scores(static_cast<std::size_t>(length), -INFINITY);
  double greatest = -INFINITY;
  double largestError = 0;
  for (std::int64_t other = 0; other < length; ++other) {
    const std::int64_t distance = other - position;
    if (shape.causal && distance > 0) continue;
    if (shape.window > 0 && std::abs(distance) > shape.window) continue;
    double dot = 0;
    double magnitude = 0;
    for (std::int64_t n = 0; n < shape.headDim; ++n) {
      const double product = static_cast<double>(query[n]) * static_cast<double>(keys[other * stride + n]);
      dot += product;
      magnitude += std::abs(product);
    }
    double score = scale * dot;
    // The chain of headDim multiply-adds, the scaling and the bias.
    largestError =
        std::max(largestError, kEpsilon * scale * magnitude * static_cast<double>(shape.headDim + 2) + 4 * kEpsilon);
    if (shape.biasReach >= 0) {
      const std::int64_t clamped = std::clamp(distance, -shape.biasReach, shape.biasReach);
      score += static_cast<double>(
          bias[static_cast<std::size_t>(head * (2 * shape.biasReach + 1) + shape.biasReach + clamped)]);
      largestError += kEpsilon * std::abs(score);
    }
    scores[static_cast<std::size_t>(other)] = score;
    greatest = std::max(greatest, score);
  }
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - greatest);
  for (double& score : scores) score /= sum;
  // An error of d in a score is one of d in its exponential; the subtraction rounds too, and so do exponential and sum.
  *bound = 2 * largestError + kEpsilon * (std::abs(greatest) + 30 + static_cast<double>(length) / 8);
  return scores;
}

void checkAttention(const AttentionCase& shape, unsigned seed) {
  Random random(seed);
  const std::int64_t tokens = shape.cuSeqlens.back();
  const std::int64_t hidden = shape.numHeads * shape.headDim;
  const std::int64_t stride = 3 * hidden + 5;
  std::vector<float> fused = random.normals(tokens * stride);
  const std::int64_t biasWidth = 2 * shape.biasReach + 1;
  std::vector<float> bias = shape.biasReach < 0 ? std::vector<float>{} : random.normals(shape.numHeads * biasWidth);
  std::vector<std::int32_t> cuSeqlens = shape.cuSeqlens;
  const double scale = 1 / std::sqrt(static_cast<double>(shape.headDim));

  std::vector<Operand> operands = {
      tensor(matrix(fused.data(), tokens, hidden, stride)),
      tensor(matrix(fused.data() + hidden, tokens, hidden, stride)),
      tensor(matrix(fused.data() + 2 * hidden, tokens, hidden, stride)),
      tensor(integers(cuSeqlens)),
      shape.biasReach < 0 ? Operand{} : tensor(matrix(bias.data(), shape.numHeads, biasWidth, biasWidth)),
  };
  std::vector<double> attributes = {static_cast<double>(shape.numHeads), scale, shape.causal ? 1.0 : 0.0,
                                    static_cast<double>(shape.window)};
  std::vector<std::vector<float>> results;
  for (const Isa isa : isas()) {
    for (const int threads : {1, 3}) {
      test::Scope scope("isa " + std::to_string(static_cast<int>(isa)) + ", threads " + std::to_string(threads));
      ThreadTeam team(threads);
      std::vector<float> y(static_cast<std::size_t>(tokens * hidden), NAN);
      const Status status =
          runOp("attention", isa, team, operands, matrix(y.data(), tokens, hidden, hidden), attributes);
      CHECK(status.isOk());
      if (isa != Isa::kBaseline) results.push_back(y);
      for (std::size_t n = 0; n + 1 < cuSeqlens.size(); ++n) {
        const std::int64_t begin = cuSeqlens[n];
        const std::int64_t length = cuSeqlens[n + 1] - begin;
        const float* first = fused.data() + begin * stride;
        for (std::int64_t position = 0; position < length; ++position) {
          for (std::int64_t head = 0; head < shape.numHeads; ++head) {
            double bound = 0;
            const std::vector<double> weights =
                trueWeights(shape, first + position * stride + head * shape.headDim,
                            first + hidden + head * shape.headDim, stride, position, length, head, scale, bias, &bound);
            for (std::int64_t d = 0; d < shape.headDim; ++d) {
              double expected = 0;
              double magnitude = 0;
              for (std::int64_t other = 0; other < length; ++other) {
                const double term = weights[static_cast<std::size_t>(other)] *
                                    static_cast<double>(first[other * stride + 2 * hidden + head * shape.headDim + d]);
                expected += term;
                magnitude += std::abs(term);
              }
              const float got = y[static_cast<std::size_t>((begin + position) * hidden + head * shape.headDim + d)];
              CHECK_NEAR(got, expected, magnitude * (bound + kEpsilon * static_cast<double>(length)));
            }
          }
        }
      }
    }
  }
  for (const std::vector<float>& y : results) {
    CHECK(std::memcmp(y.data(), results[0].data(), y.size() * sizeof(float)) == 0);
  }
}

}  // namespace

TEST(attentionOfManyShapes) {
  checkAttention({.numHeads = 2, .headDim = 32, .cuSeqlens = {0, 7, 7, 8, 41}}, 1);
  checkAttention({.numHeads = 3, .headDim = 12, .cuSeqlens = {0, 16, 33}}, 2);
  checkAttention({.numHeads = 1, .headDim = 1, .cuSeqlens = {0, 5}}, 3);
  checkAttention({.numHeads = 1, .headDim = 64, .cuSeqlens = {0, 150}}, 4);
  checkAttention({.numHeads = 2, .headDim = 20, .cuSeqlens = {0, 300, 301}}, 5);
}

TEST(attentionWithCausality) {
  checkAttention({.numHeads = 2, .headDim = 16, .cuSeqlens = {0, 1, 40, 170}, .causal = true}, 6);
}

TEST(attentionWithWindows) {
  checkAttention({.numHeads = 1, .headDim = 16, .cuSeqlens = {0, 1, 40, 170}, .window = 1}, 7);
  checkAttention({.numHeads = 2, .headDim = 24, .cuSeqlens = {0, 250}, .window = 33}, 8);
  checkAttention({.numHeads = 2, .headDim = 24, .cuSeqlens = {0, 250}, .causal = true, .window = 20}, 9);
}

TEST(attentionWithRelativeBias) {
  checkAttention({.numHeads = 2, .headDim = 12, .cuSeqlens = {0, 3, 50}, .biasReach = 8}, 10);
  checkAttention({.numHeads = 2, .headDim = 12, .cuSeqlens = {0, 3, 50}, .biasReach = 200}, 11);
  checkAttention({.numHeads = 2, .headDim = 12, .cuSeqlens = {0, 50}, .causal = true, .biasReach = 0}, 12);
}

TEST(attentionToTheFirstTokensOnly) {
  Random random(40);
  const std::int64_t hidden = 40;
  std::vector<float> x = random.normals(90 * hidden);
  std::vector<std::int32_t> cuSeqlens = {0, 40, 41, 90};
  std::vector<std::int32_t> keyCounts = {17, 0, 33};
  ThreadTeam team(2);
  for (const Isa isa : isas()) {
    for (const float unseen : {1.0f, INFINITY}) {
      // A value out of sight takes no part, not even where it is infinite.
      std::vector<float> value = x;
      value[39 * hidden] = unseen;
      std::vector<float> y(x.size(), NAN);
      const Operand rows = tensor(matrix(x.data(), 90, hidden, hidden));
      CHECK(runOp("attention", isa, team,
                  {rows, rows, tensor(matrix(value.data(), 90, hidden, hidden)), tensor(integers(cuSeqlens)), Operand{},
                   tensor(integers(keyCounts))},
                  matrix(y.data(), 90, hidden, hidden), {2, 0.3, 0, 0})
                .isOk());
      for (std::size_t n = 0; n < 3; ++n) {
        const std::int64_t begin = cuSeqlens[n];
        for (std::int64_t position = begin; position < cuSeqlens[n + 1]; ++position) {
          for (std::int64_t column = 0; column < hidden; ++column) {
            const std::int64_t head = column / 20 * 20;
            double sum = 0;
            double expected = 0;
            for (std::int64_t key = begin; key < begin + keyCounts[n]; ++key) {
              double dot = 0;
              for (std::int64_t d = head; d < head + 20; ++d) {
                dot += static_cast<double>(x[static_cast<std::size_t>(position * hidden + d)]) *
                       static_cast<double>(x[static_cast<std::size_t>(key * hidden + d)]);
              }
              const double weight = std::exp(0.3 * dot);
              sum += weight;
              expected += weight * static_cast<double>(value[static_cast<std::size_t>(key * hidden + column)]);
            }
            CHECK_NEAR(y[static_cast<std::size_t>(position * hidden + column)], sum == 0 ? 0 : expected / sum, 1e-4);
          }
        }
      }
    }
  }
  std::vector<float> y(x.size());
  const auto attend = [&](std::vector<std::int32_t> counts) {
    const Operand rows = tensor(matrix(x.data(), 90, hidden, hidden));
    return runOp("attention", Isa::kBaseline, team,
                 {rows, rows, rows, tensor(integers(cuSeqlens)), Operand{}, tensor(integers(counts))},
                 matrix(y.data(), 90, hidden, hidden), {2, 0.3, 0, 0});
  };
  CHECK(attend({40, 1, 49}).isOk());
  CHECK(!attend({41, 1, 49}).isOk());
  CHECK(!attend({40, 1, -1}).isOk());
  CHECK(!attend({40, 1}).isOk());
}

TEST(attentionOfASequenceDoesNotDependOnTheBatch) {
  Random random(13);
  const std::int64_t hidden = 48;
  std::vector<float> x = random.normals(200 * hidden);
  std::vector<std::int32_t> together = {0, 60, 61, 130, 200};
  ThreadTeam team(2);
  const std::vector<double> attributes = {4, 0.3, 0, 0};
  const auto operandsFor = [&](std::int64_t begin, std::int64_t count, std::vector<std::int32_t>& cuSeqlens) {
    const Operand rows = tensor(matrix(x.data() + begin * hidden, count, hidden, hidden));
    return std::vector<Operand>{rows, rows, rows, tensor(integers(cuSeqlens)), Operand{}};
  };
  for (const Isa isa : isas()) {
    std::vector<float> all(x.size());
    CHECK(runOp("attention", isa, team, operandsFor(0, 200, together), matrix(all.data(), 200, hidden, hidden),
                attributes)
              .isOk());
    for (std::size_t n = 0; n + 1 < together.size(); ++n) {
      const std::int64_t begin = together[n];
      const std::int64_t count = together[n + 1] - begin;
      std::vector<std::int32_t> alone = {0, static_cast<std::int32_t>(count)};
      std::vector<float> y(static_cast<std::size_t>(count * hidden));
      CHECK(runOp("attention", isa, team, operandsFor(begin, count, alone), matrix(y.data(), count, hidden, hidden),
                  attributes)
                .isOk());
      CHECK(std::memcmp(y.data(), all.data() + begin * hidden, y.size() * sizeof(float)) == 0);
    }
  }
}

TEST(attentionKeepsNaNAndInfinityToThoseWhoSeeThem) {
  Random random(14);
  const std::int64_t hidden = 8;
  std::vector<std::int32_t> cuSeqlens = {0, 20, 40};
  ThreadTeam team(1);
  for (const Isa isa : isas()) {
    std::vector<float> key = random.normals(40 * hidden);
    std::vector<float> value = random.normals(40 * hidden);
    value[10 * hidden] = INFINITY;
    std::vector<float> y(key.size());
    const auto attend = [&](double causal) {
      CHECK(runOp("attention", isa, team,
                  {tensor(matrix(key.data(), 40, hidden, hidden)), tensor(matrix(key.data(), 40, hidden, hidden)),
                   tensor(matrix(value.data(), 40, hidden, hidden)), tensor(integers(cuSeqlens)), Operand{}},
                  matrix(y.data(), 40, hidden, hidden), {1, 0.5, causal, 0})
                .isOk());
    };
    attend(1);
    for (std::int64_t token = 0; token < 40; ++token) {
      const float first = y[static_cast<std::size_t>(token * hidden)];
      CHECK_EQ(std::isinf(first), token >= 10 && token < 20);
      CHECK(std::isfinite(y[static_cast<std::size_t>(token * hidden + 1)]));
    }
    key[3 * hidden + 2] = NAN;
    attend(0);
    for (std::int64_t token = 0; token < 40; ++token) {
      CHECK_EQ(std::isnan(y[static_cast<std::size_t>(token * hidden + 1)]), token < 20);
    }
  }
}

TEST(attentionWeightsOfEveryQueryAddUpToOne) {
  const AttentionCase shape = {
      .numHeads = 3, .headDim = 12, .cuSeqlens = {0, 70}, .causal = true, .window = 25, .biasReach = 4};
  Random random(15);
  const std::int64_t tokens = 70;
  const std::int64_t hidden = 36;
  std::vector<float> query = random.normals(tokens * hidden);
  std::vector<float> key = random.normals(tokens * hidden);
  std::vector<float> bias = random.normals(27);
  for (const Isa isa : isas()) {
    ThreadTeam team(2);
    std::vector<float> y(static_cast<std::size_t>(3 * tokens * tokens), NAN);
    CHECK(runOp("attentionWeights", isa, team,
                {tensor(matrix(query.data(), tokens, hidden, hidden)),
                 tensor(matrix(key.data(), tokens, hidden, hidden)), tensor(matrix(bias.data(), 3, 9, 9))},
                matrix(y.data(), 3 * tokens, tokens, tokens), {3, 0.25, 1, 25})
              .isOk());
    for (std::int64_t head = 0; head < 3; ++head) {
      for (std::int64_t position = 0; position < tokens; ++position) {
        double bound = 0;
        const std::vector<double> expected =
            trueWeights(shape, query.data() + position * hidden + head * 12, key.data() + head * 12, hidden, position,
                        tokens, head, 0.25, bias, &bound);
        double sum = 0;
        for (std::int64_t other = 0; other < tokens; ++other) {
          const float got = y[static_cast<std::size_t>((head * tokens + position) * tokens + other)];
          CHECK_NEAR(got, expected[static_cast<std::size_t>(other)], expected[static_cast<std::size_t>(other)] * bound);
          sum += static_cast<double>(got);
        }
        CHECK_NEAR(sum, 1.0, 70 * kEpsilon);
      }
    }
  }
}

TEST(attentionRefusesWhatWouldReadBeyondItsArrays) {
  std::vector<float> x(40);
  ThreadTeam team(1);
  const auto attend = [&](std::vector<std::int32_t> cuSeqlens, std::vector<double> attributes) {
    const Operand rows = tensor(matrix(x.data(), 10, 4, 4));
    std::vector<float> y(40);
    return runOp("attention", Isa::kBaseline, team, {rows, rows, rows, tensor(integers(cuSeqlens)), Operand{}},
                 matrix(y.data(), 10, 4, 4), attributes);
  };
  CHECK(attend({0, 10}, {2, 1, 0, 0}).isOk());
  for (const std::vector<std::int32_t>& wrong :
       {std::vector<std::int32_t>{0, 11}, {0, 9}, {1, 10}, {0, 12, 10}, {0, -1, 10}, {10}, {}}) {
    CHECK(!attend(wrong, {2, 1, 0, 0}).isOk());
  }
  for (const std::vector<double>& wrong :
       {std::vector<double>{3, 1, 0, 0}, {0, 1, 0, 0}, {2.5, 1, 0, 0}, {2, 1, 2, 0}, {2, 1, 0, -1}, {NAN, 1, 0, 0}}) {
    CHECK(!attend({0, 10}, wrong).isOk());
  }
}

TEST(rotaryTurnsPairsOfEveryHead) {
  Random random(30);
  for (const std::int64_t half : {1, 6, 16, 20, 32}) {
    for (const std::int64_t rest : {0, 3}) {
      const std::int64_t tokens = 37;
      const std::int64_t heads = 3;
      const std::int64_t headDim = 2 * half + rest;
      const std::int64_t hidden = heads * headDim;
      const std::int64_t stride = hidden + 5;
      std::vector<float> x = random.normals(tokens * stride);
      std::vector<float> table = random.normals(11 * 2 * half);
      std::vector<std::int32_t> positions(static_cast<std::size_t>(tokens));
      for (std::int32_t& position : positions) position = static_cast<std::int32_t>(random.integer(0, 10));
      std::vector<std::vector<float>> results;
      for (const Isa isa : isas()) {
        for (const int threads : {1, 3}) {
          ThreadTeam team(threads);
          std::vector<float> y(static_cast<std::size_t>(tokens * hidden), NAN);
          CHECK(runOp("rotary", isa, team,
                      {tensor(matrix(x.data(), tokens, hidden, stride)), tensor(integers(positions)),
                       tensor(matrix(table.data(), 11, 2 * half, 2 * half))},
                      matrix(y.data(), tokens, hidden, hidden), {static_cast<double>(heads)})
                    .isOk());
          if (isa != Isa::kBaseline) results.push_back(y);
          for (std::int64_t token = 0; token < tokens; ++token) {
            const float* angles = table.data() + positions[static_cast<std::size_t>(token)] * 2 * half;
            for (std::int64_t n = 0; n < hidden; ++n) {
              const std::int64_t place = n % headDim;
              const float* head = x.data() + token * stride + n - place;
              const float got = y[static_cast<std::size_t>(token * hidden + n)];
              if (place >= 2 * half) {
                CHECK_EQ(got, head[place]);
                continue;
              }
              const std::int64_t pair = place % half;
              const auto a = static_cast<double>(head[pair]);
              const auto b = static_cast<double>(head[half + pair]);
              const auto cosine = static_cast<double>(angles[pair]);
              const auto sine = static_cast<double>(angles[half + pair]);
              const double expected = place < half ? a * cosine - b * sine : b * cosine + a * sine;
              CHECK_NEAR(got, expected,
                         3 * kEpsilon * (std::abs(a) + std::abs(b)) * (std::abs(cosine) + std::abs(sine)));
            }
          }
        }
      }
      for (const std::vector<float>& y : results) {
        CHECK(std::memcmp(y.data(), results[0].data(), y.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST(rotaryRefusesWhatWouldReadBeyondItsArrays) {
  std::vector<float> x(16);
  std::vector<float> table(8);
  ThreadTeam team(1);
  const auto rotate = [&](std::vector<std::int32_t> positions, std::int64_t width, double heads) {
    std::vector<float> y(16);
    return runOp("rotary", Isa::kBaseline, team,
                 {tensor(matrix(x.data(), 2, 8, 8)), tensor(integers(positions)),
                  tensor(matrix(table.data(), 8 / width, width, width))},
                 matrix(y.data(), 2, 8, 8), {heads});
  };
  CHECK(rotate({0, 1}, 4, 2).isOk());
  CHECK(!rotate({0, 2}, 4, 2).isOk());
  CHECK(!rotate({-1, 0}, 4, 2).isOk());
  CHECK(!rotate({0}, 4, 2).isOk());
  CHECK(!rotate({0, 0}, 8, 2).isOk());
  CHECK(!rotate({0, 0}, 1, 2).isOk());
  CHECK(!rotate({0, 0}, 4, 3).isOk());
  CHECK(!rotate({0, 0}, 4, 0).isOk());
}

TEST(gatedActivationOfManyWidths) {
  Random random(31);
  for (const std::int64_t width : {1, 15, 16, 17, 100}) {
    const std::int64_t rows = 9;
    const std::int64_t stride = 2 * width + 3;
    std::vector<float> x = random.normals(rows * stride);
    std::vector<std::vector<float>> results;
    for (const Isa isa : isas()) {
      ThreadTeam team(2);
      std::vector<float> y(static_cast<std::size_t>(rows * width), NAN);
      CHECK(runOp("gatedActivation", isa, team, {tensor(matrix(x.data(), rows, 2 * width, stride))},
                  matrix(y.data(), rows, width, width), {4})
                .isOk());
      if (isa != Isa::kBaseline) results.push_back(y);
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t n = 0; n < width; ++n) {
          const auto gate = static_cast<double>(x[static_cast<std::size_t>(row * stride + n)]);
          const double expected =
              gate / (1 + std::exp(-gate)) * static_cast<double>(x[static_cast<std::size_t>(row * stride + width + n)]);
          CHECK_NEAR(y[static_cast<std::size_t>(row * width + n)], expected, 8 * kEpsilon * std::abs(expected));
        }
      }
    }
    for (const std::vector<float>& y : results) {
      CHECK(std::memcmp(y.data(), results[0].data(), y.size() * sizeof(float)) == 0);
    }
  }
  std::vector<float> x(12);
  ThreadTeam team(1);
  const auto gate = [&](std::int64_t columns, std::int64_t width, double activation) {
    return runOp("gatedActivation", Isa::kBaseline, team, {tensor(matrix(x.data(), 2, columns, columns))},
                 matrix(x.data(), 2, width, width), {activation});
  };
  CHECK(!gate(6, 2, 4).isOk());
  CHECK(!gate(5, 2, 4).isOk());
  CHECK(!gate(6, 3, 6).isOk());
}

TEST(layerNormOfManyWidths) {
  Random random(16);
  for (const std::int64_t columns : {1, 2, 15, 16, 17, 48, 100, 384, 1025}) {
    for (const bool withResidual : {false, true}) {
      const std::int64_t rows = 9;
      const std::int64_t stride = columns + 3;
      std::vector<float> x = random.normals(rows * stride);
      // A mean far from zero is what naive formulas fail on.
      for (float& value : x) value += 30;
      std::vector<float> residual = random.normals(rows * columns);
      std::vector<float> weight = random.normals(columns);
      std::vector<float> bias = random.normals(columns);
      std::vector<std::vector<float>> results;
      for (const Isa isa : isas()) {
        test::Scope scope("columns " + std::to_string(columns) + ", isa " + std::to_string(static_cast<int>(isa)));
        ThreadTeam team(2);
        std::vector<float> y(static_cast<std::size_t>(rows * columns), NAN);
        CHECK(runOp("layerNorm", isa, team,
                    {tensor(matrix(x.data(), rows, columns, stride)),
                     withResidual ? tensor(matrix(residual.data(), rows, columns, columns)) : Operand{},
                     tensor(vectorOf(weight.data(), columns)), tensor(vectorOf(bias.data(), columns))},
                    matrix(y.data(), rows, columns, columns), {1e-5})
                  .isOk());
        if (isa != Isa::kBaseline) results.push_back(y);
        for (std::int64_t row = 0; row < rows; ++row) {
          std::vector<double> values(static_cast<std::size_t>(columns));
          double mean = 0;
          for (std::int64_t n = 0; n < columns; ++n) {
            float value = x[static_cast<std::size_t>(row * stride + n)];
            if (withResidual) value += residual[static_cast<std::size_t>(row * columns + n)];
            values[static_cast<std::size_t>(n)] = static_cast<double>(value);
            mean += static_cast<double>(value) / static_cast<double>(columns);
          }
          double variance = 0;
          for (const double value : values) variance += (value - mean) * (value - mean) / static_cast<double>(columns);
          const double deviation = std::sqrt(variance + 1e-5);
          // The mean is off by its own rounding times the additions of a lane and the tree.
          const double additions = static_cast<double>(columns) / 16 + 6;
          const double meanError = kEpsilon * std::abs(mean) * additions;
          for (std::int64_t n = 0; n < columns; ++n) {
            const std::size_t column = static_cast<std::size_t>(n);
            const double centred = values[column] - mean;
            const double normal = centred / deviation;
            const double scale = std::abs(static_cast<double>(weight[column]));
            const double expected = normal * static_cast<double>(weight[column]) + static_cast<double>(bias[column]);
            const double relative = meanError / deviation + kEpsilon * (additions + 6);
            const double tolerance = scale * (meanError / deviation + std::abs(normal) * relative) +
                                     2 * kEpsilon * (scale * std::abs(normal) + std::abs(expected)) + 1e-30;
            CHECK_NEAR(y[static_cast<std::size_t>(row * columns + n)], expected, 2 * tolerance);
          }
        }
      }
      for (const std::vector<float>& y : results) {
        CHECK(std::memcmp(y.data(), results[0].data(), y.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST(embeddingSumsTablesOfAllDTypes) {
  const std::int64_t hidden = 19;
  std::vector<float> wide(5 * static_cast<std::size_t>(hidden));
  std::vector<std::uint16_t> half(wide.size());
  std::vector<std::uint16_t> brain(wide.size());
  for (std::size_t n = 0; n < wide.size(); ++n) {
    wide[n] = static_cast<float>(n) * 0.25f;
    half[n] = static_cast<std::uint16_t>(0x3c00 + (n % 16 << 6));   // 1 + n % 16 / 16
    brain[n] = static_cast<std::uint16_t>(0x4000 + (n % 32 << 2));  // 2 + n % 32 / 16
  }
  const auto table = [&](void* data, DType dtype) {
    TensorView view = matrix(static_cast<float*>(data), 5, hidden, hidden);
    view.dtype = dtype;
    return tensor(view);
  };
  std::vector<std::int32_t> ids = {4, 0, 2, 4};
  std::vector<std::int32_t> other = {0, 1, 1, 3};
  for (const Isa isa : isas()) {
    ThreadTeam team(2);
    std::vector<float> y(4 * static_cast<std::size_t>(hidden), NAN);
    std::vector<Operand> operands = {Operand{},
                                     Operand{},
                                     tensor(integers(ids)),
                                     table(wide.data(), DType::kFloat32),
                                     tensor(integers(other)),
                                     table(half.data(), DType::kFloat16),
                                     tensor(integers(ids)),
                                     table(brain.data(), DType::kBfloat16)};
    CHECK(runOp("embedding", isa, team, operands, matrix(y.data(), 4, hidden, hidden), {0}).isOk());
    for (std::int64_t token = 0; token < 4; ++token) {
      for (std::int64_t n = 0; n < hidden; ++n) {
        const std::int64_t a = ids[static_cast<std::size_t>(token)] * hidden + n;
        const std::int64_t b = other[static_cast<std::size_t>(token)] * hidden + n;
        const double expected =
            static_cast<double>(a) * 0.25 + 1 + static_cast<double>(b % 16) / 16 + 2 + static_cast<double>(a % 32) / 16;
        CHECK_EQ(static_cast<double>(y[static_cast<std::size_t>(token * hidden + n)]), expected);
      }
    }
    for (const std::int32_t wrong : {-1, 5, INT32_MAX, INT32_MIN}) {
      std::vector<std::int32_t> bad = {0, wrong, 0, 0};
      operands[2] = tensor(integers(bad));
      const Status status = runOp("embedding", isa, team, operands, matrix(y.data(), 4, hidden, hidden), {0});
      CHECK(status.code() == StatusCode::kIndex);
    }
  }
}

TEST(poolingModes) {
  Random random(17);
  const std::int64_t columns = 37;
  std::vector<std::int32_t> cuSeqlens = {0, 3, 3, 4, 90};
  std::vector<float> x = random.normals(90 * columns);
  for (const Isa isa : isas()) {
    for (int mode = 0; mode < 6; ++mode) {
      test::Scope scope("mode " + std::to_string(mode) + ", isa " + std::to_string(static_cast<int>(isa)));
      ThreadTeam team(2);
      std::vector<float> y(4 * static_cast<std::size_t>(columns), NAN);
      std::vector<float> unit(y.size(), NAN);
      const std::vector<Operand> operands = {tensor(matrix(x.data(), 90, columns, columns)),
                                             tensor(integers(cuSeqlens))};
      CHECK(runOp("pool", isa, team, operands, matrix(y.data(), 4, columns, columns), {static_cast<double>(mode), 0})
                .isOk());
      CHECK(runOp("pool", isa, team, operands, matrix(unit.data(), 4, columns, columns), {static_cast<double>(mode), 1})
                .isOk());
      for (std::size_t n = 0; n < 4; ++n) {
        const std::int64_t begin = cuSeqlens[n];
        const std::int64_t length = cuSeqlens[n + 1] - begin;
        double squares = 0;
        for (std::int64_t column = 0; column < columns; ++column) {
          double sum = 0;
          double weighted = 0;
          double magnitude = 0;
          double greatest = -INFINITY;
          for (std::int64_t token = 0; token < length; ++token) {
            const double value = static_cast<double>(x[static_cast<std::size_t>((begin + token) * columns + column)]);
            sum += value;
            weighted += value * static_cast<double>(token + 1);
            magnitude += std::abs(value) * static_cast<double>(mode == 3 ? token + 1 : 1);
            greatest = std::max(greatest, value);
          }
          const double count = static_cast<double>(length);
          const auto at = [&](std::int64_t token) {
            return static_cast<double>(x[static_cast<std::size_t>((begin + token) * columns + column)]);
          };
          double expected = 0;
          double tolerance = 0;
          if (length > 0) {
            const double divisor = mode == 0 ? count : mode == 3 ? count * (count + 1) / 2 : std::sqrt(count);
            const double values[] = {sum / divisor, at(0), greatest, weighted / divisor, at(length - 1), sum / divisor};
            expected = values[mode];
            if (mode == 0 || mode == 3 || mode == 5) tolerance = kEpsilon * 40 * magnitude / divisor;
          }
          const float got = y[n * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)];
          CHECK_NEAR(got, expected, tolerance);
          squares += static_cast<double>(got) * static_cast<double>(got);
        }
        for (std::int64_t column = 0; column < columns; ++column) {
          const std::size_t index = n * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column);
          const double expected = static_cast<double>(y[index]) / std::max(std::sqrt(squares), 1e-12);
          CHECK_NEAR(unit[index], expected, kEpsilon * 8 * std::abs(expected));
        }
      }
    }
  }
}

TEST(poolingNormalisesVectorsWhoseSquaresLeaveFloat32) {
  for (const float magnitude : {1e-30f, 1e-22f, 1e25f, 3e37f}) {
    for (const Isa isa : isas()) {
      ThreadTeam team(1);
      std::vector<float> x(20, magnitude);
      std::vector<float> y(20);
      std::vector<std::int32_t> cuSeqlens = {0, 1};
      CHECK(runOp("pool", isa, team, {tensor(matrix(x.data(), 1, 20, 20)), tensor(integers(cuSeqlens))},
                  matrix(y.data(), 1, 20, 20), {1, 1})
                .isOk());
      const double norm = std::max(std::sqrt(20.0) * static_cast<double>(magnitude), 1e-12);
      for (const float value : y) {
        const double expected = static_cast<double>(magnitude) / norm;
        CHECK_NEAR(value, expected, expected * 4 * kEpsilon + 1e-44);
      }
    }
  }
}

}  // namespace gemmule

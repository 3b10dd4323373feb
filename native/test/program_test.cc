// Programs: decoding of hostile words, and runs against a plain interpreter at several sizes, on recycled arenas.

#include "runtime/program.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/words_writer.h"

namespace gemmule {
namespace {

using test::argument;
using test::constantSize;
using test::perToken;
using test::ProgramWords;
using test::SizeWords;

constexpr DType kInt = DType::kInt32;

ThreadTeam& team() {
  static ThreadTeam& shared = *new ThreadTeam(2);
  return shared;
}

/// Random chains of int32 products, exact because they wrap: tall values [T, 4] and square ones [4, 4], read through
/// transposed, reversed and repeated views. The interpreter keeps all values apart, so a value whose memory is given
/// away too early shows.
class RandomChain {
 public:
  RandomChain(unsigned seed, int operations) : engine_(seed) {
    constant_ = words_.constantArray(kInt);
    kinds_.push_back(Kind::kSquare);
    input_ = words_.input(kInt, tallDims());
    kinds_.push_back(Kind::kTall);
    for (int index = 0; index < operations; ++index) addOperation();
    const auto values = static_cast<int>(kinds_.size());
    for (int count = 1 + pick(4); count > 0; --count) addOutput(1 + pick(values - 1));
    addOutput(values - 1);
    // The input itself, and one value twice.
    if (pick(3) == 0) addOutput(input_);
    if (pick(3) == 0) addOutput(outputs_.front());
  }

  std::vector<double> words() const { return words_.all(); }
  const std::vector<int>& outputs() const { return outputs_; }
  std::int64_t elements(int value, std::int64_t tokens) const {
    return kinds_[static_cast<std::size_t>(value)] == Kind::kTall ? 4 * tokens : 16;
  }

  /// Every value, computed one element at a time.
  std::vector<std::vector<std::int32_t>> interpret(const std::vector<std::int32_t>& constant,
                                                   const std::vector<std::int32_t>& input, std::int64_t tokens) const {
    std::vector<std::vector<std::int32_t>> values = {constant, input};
    for (const Step& step : steps_) {
      const std::int64_t m = step.m.at(tokens);
      const std::int64_t k = step.k.at(tokens);
      std::vector<std::int32_t> result(static_cast<std::size_t>(m * 4));
      for (std::int64_t row = 0; row < m; ++row) {
        for (std::int64_t column = 0; column < 4; ++column) {
          std::uint32_t sum = 0;
          for (std::int64_t inner = 0; inner < k; ++inner) {
            const std::int64_t a = step.a.offset.at(tokens) + row * step.a.rowStride + inner * step.a.columnStride;
            const std::int64_t b = step.b.offset.at(tokens) + inner * step.b.rowStride + column * step.b.columnStride;
            sum +=
                static_cast<std::uint32_t>(
                    values[static_cast<std::size_t>(step.a.value)][static_cast<std::size_t>(a)]) *
                static_cast<std::uint32_t>(values[static_cast<std::size_t>(step.b.value)][static_cast<std::size_t>(b)]);
          }
          result[static_cast<std::size_t>(row * 4 + column)] = static_cast<std::int32_t>(sum);
        }
      }
      values.push_back(std::move(result));
    }
    return values;
  }

 private:
  enum class Kind { kTall, kSquare };

  /// `tokens * T + constant`.
  struct Size {
    std::int64_t tokens = 0;
    std::int64_t constant = 0;
    std::int64_t at(std::int64_t bound) const { return tokens * bound + constant; }
    SizeWords words() const { return perToken(static_cast<double>(tokens), static_cast<double>(constant)); }
  };

  struct Matrix {
    int value;
    Size offset;
    std::int64_t rowStride;
    std::int64_t columnStride;
  };

  struct Step {
    Matrix a;
    Matrix b;
    Size m;
    Size k;
  };

  static std::vector<SizeWords> tallDims() { return {perToken(1), constantSize(4)}; }

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(engine_); }

  int pickValue(Kind kind) {
    while (true) {
      const int value = pick(static_cast<int>(kinds_.size()));
      if (kinds_[static_cast<std::size_t>(value)] == kind) return value;
    }
  }

  /// A square value as it lies, transposed, upside down, or its first row four times.
  Matrix square() {
    const int value = pickValue(Kind::kSquare);
    switch (pick(4)) {
      case 0:
        return {value, {}, 1, 4};
      case 1:
        return {value, {0, 12}, -4, 1};
      case 2:
        return {value, {}, 0, 1};
      default:
        return {value, {}, 4, 1};
    }
  }

  /// A tall value as it lies, or upside down: then its first row lies where the last one begins.
  Matrix tall() {
    const int value = pickValue(Kind::kTall);
    if (pick(3) == 0) return {value, {4, -4}, -4, 1};
    return {value, {}, 4, 1};
  }

  ProgramWords::View view(const Matrix& matrix, const Size& rows, const Size& columns) const {
    return {
        matrix.value,
        kInt,
        {rows.words(), columns.words()},
        {constantSize(static_cast<double>(matrix.rowStride)), constantSize(static_cast<double>(matrix.columnStride))},
        matrix.offset.words()};
  }

  void addOperation() {
    Step step{{}, {}, {0, 4}, {0, 4}};
    if (pick(3) == 0) {
      // [4, T] * [T, 4]: the left one is a tall value transposed.
      const Matrix left = tall();
      step = {{left.value, left.offset, left.columnStride, left.rowStride}, tall(), {0, 4}, {1, 0}};
    } else if (pick(3) == 0) {
      step = {square(), square(), {0, 4}, {0, 4}};
    } else {
      step = {tall(), square(), {1, 0}, {0, 4}};
    }
    const Size four{0, 4};
    words_.operation("matmul", {view(step.a, step.m, step.k), view(step.b, step.k, four)}, {}, kInt,
                     {step.m.words(), four.words()});
    kinds_.push_back(step.m.tokens == 0 ? Kind::kSquare : Kind::kTall);
    steps_.push_back(step);
  }

  void addOutput(int value) {
    words_.output(value);
    outputs_.push_back(value);
  }

  std::mt19937 engine_;
  ProgramWords words_;
  std::vector<Kind> kinds_;
  std::vector<Step> steps_;
  std::vector<int> outputs_;
  int constant_ = 0;
  int input_ = 0;
};

std::vector<std::int32_t> randomIntegers(std::mt19937& engine, std::int64_t count) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
  for (std::int32_t& number : numbers) number = static_cast<std::int32_t>(engine());
  return numbers;
}

TEST(randomChainsGiveWhatAPlainInterpreterGives) {
  std::mt19937 engine(11);
  MemoryBlock arena;
  Scratch scratch;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const RandomChain chain(seed, static_cast<int>(seed % 40));
    std::vector<std::int32_t> constant = randomIntegers(engine, 16);
    std::shared_ptr<const Program> program;
    const Status status = Program::decode(chain.words(), {}, {argument(constant)}, program);
    CHECK_OK(status);
    if (!status.isOk()) return;
    for (const std::int64_t tokens : {5, 1, 64, 0, 7}) {
      const test::Scope scope("chain " + std::to_string(seed) + ", " + std::to_string(tokens) + " tokens");
      std::vector<std::int32_t> input = randomIntegers(engine, 4 * tokens);
      const auto expected = chain.interpret(constant, input, tokens);
      std::vector<std::vector<std::int32_t>> outputs;
      std::vector<Argument> arguments;
      for (const int value : chain.outputs()) outputs.emplace_back(chain.elements(value, tokens));
      for (std::vector<std::int32_t>& output : outputs) arguments.push_back(argument(output));
      ProgramRun run(program, tokens, 0);
      const Argument inputs[] = {argument(input)};
      const Status bound = run.bind(inputs, arguments);
      CHECK_OK(bound);
      if (!bound.isOk()) continue;
      std::fill(input.begin(), input.end(), 0);
      // What earlier runs left in the arena must not matter.
      if (arena.data() != nullptr) std::memset(arena.data(), 0x5a, arena.size());
      CHECK_OK(run.execute(team(), scratch, arena));
      for (std::size_t index = 0; index < outputs.size(); ++index) {
        CHECK(outputs[index] == expected[static_cast<std::size_t>(chain.outputs()[index])]);
      }
    }
  }
}

TEST(aLongChainNeedsTheMemoryOfTwoValues) {
  ProgramWords words;
  std::vector<float> weight(16, 0.25f);
  const int constant = words.constantArray(DType::kFloat32);
  int value = words.input(DType::kFloat32, {perToken(1), constantSize(4)});
  for (int step = 0; step < 100; ++step) {
    const std::vector<SizeWords> strides = {constantSize(4), constantSize(1)};
    value = words.operation("matmul",
                            {{value, DType::kFloat32, {perToken(1), constantSize(4)}, strides},
                             {constant, DType::kFloat32, {constantSize(4), constantSize(4)}, strides}},
                            {}, DType::kFloat32, {perToken(1), constantSize(4)});
  }
  words.output(value);
  std::shared_ptr<const Program> program;
  CHECK_OK(Program::decode(words.all(), {}, {argument(weight)}, program));
  REQUIRE(program != nullptr);
  std::vector<float> input(4 * 1000, 1.0f);
  std::vector<float> output(4 * 1000);
  ProgramRun run(program, 1000, 0);
  const Argument inputs[] = {argument(input)};
  const Argument outputs[] = {argument(output)};
  CHECK_OK(run.bind(inputs, outputs));
  MemoryBlock arena;
  Scratch scratch;
  CHECK_OK(run.execute(team(), scratch, arena));
  CHECK_EQ(output[0], 1.0f);
  CHECK_EQ(output[3999], 1.0f);
  CHECK_EQ(arena.size(), std::size_t{2 * 16'000});
}

TEST(everyPrefixIsRefused) {
  std::mt19937 engine(3);
  std::vector<std::int32_t> constant = randomIntegers(engine, 16);
  const std::vector<double> words = RandomChain(5, 6).words();
  std::shared_ptr<const Program> program;
  for (std::size_t length = 0; length < words.size(); ++length) {
    const std::vector<double> prefix(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(!Program::decode(prefix, {}, {argument(constant)}, program).isOk());
    CHECK(program == nullptr);
  }
  std::vector<double> longer = words;
  longer.push_back(0);
  CHECK(!Program::decode(longer, {}, {argument(constant)}, program).isOk());
  CHECK_OK(Program::decode(words, {}, {argument(constant)}, program));
}

TEST(constantsMustBeWhatTheProgramSays) {
  std::vector<std::int32_t> constant(16);
  std::vector<double> doubles(16);
  const std::vector<double> words = RandomChain(5, 6).words();
  std::shared_ptr<const Program> program;
  CHECK(!Program::decode(words, {}, {}, program).isOk());
  CHECK(!Program::decode(words, {}, {argument(doubles)}, program).isOk());
  CHECK(!Program::decode(words, {}, {argument(constant), argument(constant)}, program).isOk());
  constant.resize(15);
  // The views of the constant reach one element too far, which shows when sizes are bound.
  CHECK_OK(Program::decode(words, {}, {argument(constant)}, program));
}

TEST(arraysOfARunMustFitItsSizes) {
  std::mt19937 engine(3);
  std::vector<std::int32_t> constant = randomIntegers(engine, 16);
  const RandomChain chain(5, 6);
  std::shared_ptr<const Program> program;
  CHECK_OK(Program::decode(chain.words(), {}, {argument(constant)}, program));
  REQUIRE(program != nullptr);
  const auto bind = [&](std::int64_t tokens, std::int64_t sequences, std::int64_t inputSize, std::int64_t change) {
    std::vector<std::int32_t> input(static_cast<std::size_t>(inputSize));
    std::vector<std::vector<std::int32_t>> outputs;
    std::vector<Argument> arguments;
    for (const int value : chain.outputs()) outputs.emplace_back(chain.elements(value, 8) + change);
    for (std::vector<std::int32_t>& output : outputs) arguments.push_back(argument(output));
    ProgramRun run(program, tokens, sequences);
    const Argument inputs[] = {argument(input)};
    return run.bind(inputs, arguments).isOk();
  };
  CHECK(bind(8, 0, 32, 0));
  CHECK(bind(8, 5, 32, 0));
  CHECK(!bind(8, 0, 31, 0));
  CHECK(!bind(8, 0, 33, 0));
  CHECK(!bind(8, 0, 32, 1));
  CHECK(!bind(8, 0, 32, -1));
  CHECK(!bind(-1, 0, 32, 0));
  CHECK(!bind(8, -1, 32, 0));
  CHECK(!bind(std::int64_t{1} << 53, 0, 32, 0));
  CHECK(!bind(std::int64_t{1} << 39, 0, 32, 0));
  ProgramRun run(program, 8, 0);
  CHECK(!run.bind({}, {}).isOk());
}

/// Whatever is changed in the words of a Program, decoding, binding and running stay inside its arrays, which the
/// address sanitizer watches.
TEST(changedWordsNeverReachOutsideTheArrays) {
  std::mt19937 engine(20'261'124);
  const auto pick = [&](std::size_t below) { return static_cast<std::size_t>(engine() % below); };
  const double wild[] = {-1,
                         0,
                         1,
                         2,
                         3,
                         4,
                         5,
                         8,
                         12,
                         16,
                         100,
                         0.5,
                         1e300,
                         4294967296.0,
                         9007199254740992.0,
                         -9007199254740992.0,
                         std::nan(""),
                         std::numeric_limits<double>::infinity()};
  MemoryBlock arena;
  Scratch scratch;
  int decoded = 0;
  int executed = 0;
  for (unsigned round = 0; round < 60'000; ++round) {
    const RandomChain chain(round % 50, 1 + static_cast<int>(round % 12));
    std::vector<double> words = chain.words();
    for (std::size_t changes = 1 + pick(2); changes > 0; --changes) {
      double& word = words[pick(words.size())];
      word = pick(3) == 0 ? word + static_cast<double>(pick(3)) - 1 : wild[pick(std::size(wild))];
    }
    std::vector<std::int32_t> constant = randomIntegers(engine, 16);
    std::shared_ptr<const Program> program;
    if (!Program::decode(words, {}, {argument(constant)}, program).isOk()) continue;
    ++decoded;
    const std::int64_t tokens = static_cast<std::int64_t>(pick(6));
    std::vector<std::int32_t> input = randomIntegers(engine, 4 * tokens);
    std::vector<std::vector<std::int32_t>> outputs;
    std::vector<Argument> arguments;
    for (const int value : chain.outputs()) outputs.emplace_back(chain.elements(value, tokens));
    for (std::vector<std::int32_t>& output : outputs) arguments.push_back(argument(output));
    ProgramRun run(program, tokens, static_cast<std::int64_t>(pick(3)));
    const Argument inputs[] = {argument(input)};
    if (!run.bind(inputs, arguments).isOk()) continue;
    // Any result of a product is as large as its arrays say, so this ends soon and takes little memory.
    if (run.execute(team(), scratch, arena).isOk()) ++executed;
  }
  CHECK(decoded > 1000);
  CHECK(executed > 500);
}

/// Many products of 256 x 256, some 10 ms each at most.
class LongProgram {
 public:
  explicit LongProgram(int operations) : weight_(kSize * kSize, 1.0f / kSize), input_(weight_.size(), 1.0f) {
    ProgramWords words;
    const std::vector<SizeWords> dims = {constantSize(kSize), constantSize(kSize)};
    const std::vector<SizeWords> strides = {constantSize(kSize), constantSize(1)};
    const int constant = words.constantArray(DType::kFloat32);
    int value = words.input(DType::kFloat32, dims);
    for (int step = 0; step < operations; ++step) {
      value = words.operation("matmul",
                              {{value, DType::kFloat32, dims, strides}, {constant, DType::kFloat32, dims, strides}}, {},
                              DType::kFloat32, dims, 0);
    }
    words.output(value);
    CHECK_OK(Program::decode(words.all(), {"layer.0"}, {argument(weight_)}, program_));
  }

  std::shared_ptr<ProgramRun> bind(std::vector<float>& output) {
    output.assign(weight_.size(), 0);
    auto run = std::make_shared<ProgramRun>(program_, 0, 0);
    const Argument inputs[] = {argument(input_)};
    const Argument outputs[] = {argument(output)};
    CHECK_OK(run->bind(inputs, outputs));
    return run;
  }

 private:
  static constexpr int kSize = 256;
  std::vector<float> weight_;
  std::vector<float> input_;
  std::shared_ptr<const Program> program_;
};

TEST(aCancelledRunStopsBetweenOperations) {
  LongProgram program(20'000);
  std::vector<float> output;
  MemoryBlock arena;
  Scratch scratch;
  const std::shared_ptr<ProgramRun> before = program.bind(output);
  before->cancel();
  CHECK(before->execute(team(), scratch, arena).code() == StatusCode::kCancelled);
  const std::shared_ptr<ProgramRun> during = program.bind(output);
  std::atomic<bool> started{false};
  std::thread other([&] {
    while (!started.load()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    during->cancel();
  });
  started.store(true);
  const Status status = during->execute(team(), scratch, arena);
  other.join();
  CHECK(status.code() == StatusCode::kCancelled);
  CHECK_EQ(output[0], 0.0f);
  LongProgram whole(3);
  CHECK_OK(whole.bind(output)->execute(team(), scratch, arena));
  CHECK_NEAR(output[0], 1.0, 1e-5);
}

TEST(anErrorNamesItsOperationAndItsScope) {
  ProgramWords words;
  std::vector<float> weight = {1, 2, 3, 4};
  const std::vector<SizeWords> dims = {constantSize(2), constantSize(2)};
  const std::vector<SizeWords> strides = {constantSize(2), constantSize(1)};
  const int constant = words.constantArray(DType::kFloat32);
  // The result has the wrong shape.
  words.output(words.operation("matmul",
                               {{constant, DType::kFloat32, dims, strides}, {constant, DType::kFloat32, dims, strides}},
                               {}, DType::kFloat32, {constantSize(2), constantSize(3)}, 1));
  std::shared_ptr<const Program> program;
  CHECK_OK(Program::decode(words.all(), {"encoder", "encoder.layer.0"}, {argument(weight)}, program));
  REQUIRE(program != nullptr);
  std::vector<float> output(6);
  ProgramRun run(program, 0, 0);
  const Argument outputs[] = {argument(output)};
  CHECK_OK(run.bind({}, outputs));
  MemoryBlock arena;
  Scratch scratch;
  const Status status = run.execute(team(), scratch, arena);
  CHECK(status.message().find("operation 0 (encoder.layer.0): matmul") != std::string::npos);
}

}  // namespace
}  // namespace gemmule

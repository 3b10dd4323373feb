// Commands as hostile JavaScript could write them: whatever the words say, the engine reads and writes inside the
// arrays that came with them. The arrays are exact in size, so that the address sanitizer sees the first byte beyond.

#include "runtime/command.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/bounds.h"
#include "runtime/packed_weight.h"
#include "runtime/words.h"
#include "test/check.h"
#include "test/words_writer.h"

namespace gemmule {
namespace {

using test::argument;
using test::CommandWords;
using test::opcodeOf;

constexpr DType kFloat = DType::kFloat32;

/// Decodes and, when that succeeds, runs.
Status runCommand(const std::vector<double>& words, std::span<const Argument> arguments) {
  static ThreadTeam& team = *new ThreadTeam(2);
  Command command;
  if (Status status = command.decode(words, arguments); !status.isOk()) return status;
  Scratch scratch;
  return command.definition().run(
      OpContext{command.operands(), command.results(), command.attributes(), kernelsFor(activeIsa()), team, scratch});
}

/// `[2, 3] * [3, 2]`, the right one as a transposed view.
struct Product {
  std::vector<float> a = {1, 2, 3, 4, 5, 6};
  std::vector<float> b = {1, 0, -1, 2, 1, 0};
  std::vector<float> c = {0, 0, 0, 0};
  std::vector<Argument> arguments = {argument(a), argument(b), argument(c)};

  static CommandWords words() {
    CommandWords words(opcodeOf("matmul"), 2, {}, 1);
    words.tensor(0, kFloat, {2, 3}, {3, 1}).tensor(1, kFloat, {3, 2}, {1, 3}).result(2, kFloat, {2, 2});
    return words;
  }
};

TEST(aCommandComputes) {
  Product product;
  CHECK_OK(runCommand(Product::words().all, product.arguments));
  CHECK(product.c == std::vector<float>({-2, 4, -2, 13}));
}

TEST(everyPrefixIsRefused) {
  Product product;
  const std::vector<double> words = Product::words().all;
  for (std::size_t length = 0; length < words.size(); ++length) {
    const std::vector<double> prefix(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(!runCommand(prefix, product.arguments).isOk());
  }
}

TEST(wordsThatAreNoSizesAreRefused) {
  Product product;
  const std::vector<double> words = Product::words().all;
  for (std::size_t at = 0; at < words.size(); ++at) {
    for (const double wrong : {0.5, -7.0, 9.0e15, 1.0e300, std::nan(""), std::numeric_limits<double>::infinity()}) {
      const test::Scope scope("word " + std::to_string(at) + " = " + std::to_string(wrong));
      std::vector<double> changed = words;
      changed[at] = wrong;
      CHECK(!runCommand(changed, product.arguments).isOk());
    }
  }
}

TEST(viewsMustLieInsideTheirArrays) {
  struct Case {
    const char* name;
    std::vector<std::int64_t> dims;
    std::vector<std::int64_t> strides;
    std::int64_t offset;
    bool fits;
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 47;
  const Case cases[] = {
      {"all", {2, 3}, {3, 1}, 0, true},
      {"reversed", {2, 3}, {-3, -1}, 5, true},
      {"reversed too far", {2, 3}, {-3, -1}, 4, false},
      {"one beyond", {2, 3}, {3, 1}, 1, false},
      {"before the start", {2, 3}, {3, 1}, -1, false},
      {"broadcast", {2, 3}, {0, 0}, 5, true},
      {"broadcast beyond", {2, 3}, {0, 0}, 6, false},
      {"product overflows", {kHuge, kHuge}, {0, 0}, 0, false},
      {"stride overflows", {2, 3}, {9007199254740991, 9007199254740991}, 0, false},
      {"difference overflows", {2, 3}, {-9007199254740991, 9007199254740991}, 0, false},
      {"negative dim", {-2, -3}, {3, 1}, 0, false},
      {"empty anywhere", {0, 3}, {1, 1}, 1'000'000, true},
  };
  for (const Case& test : cases) {
    const test::Scope scope(test.name);
    std::vector<float> array(6, 1.0f);
    const Argument arguments[] = {argument(array)};
    CommandWords words(0, 0, {}, 0);
    words.all.clear();
    words.tensor(0, kFloat, test.dims, test.strides, test.offset);
    WordReader reader(words.all);
    Operand operand;
    const Status status = decodeOperand(reader, arguments, "test", operand);
    CHECK_EQ(status.isOk(), test.fits);
  }
}

TEST(argumentsMustBeWhatTheWordsSay) {
  Product product;
  std::vector<double> doubles(6);
  ThreadTeam team(1);
  std::shared_ptr<const PackedWeight> weight;
  TensorView view;
  view.rank = 2;
  view.dims = {2, 3};
  view.strides = {3, 1};
  view.data = product.arguments[0].data;
  CHECK_OK(PackedWeight::pack(PackFormat::kFloat32, {view}, kernelsFor(activeIsa()), team, weight));
  Argument packed;
  packed.packed = weight.get();

  std::vector<Argument> arguments = product.arguments;
  arguments[0] = argument(doubles);
  CHECK(!runCommand(Product::words().all, arguments).isOk());
  arguments[0] = packed;
  CHECK(!runCommand(Product::words().all, arguments).isOk());
  arguments = product.arguments;
  arguments[2] = packed;
  CHECK(!runCommand(Product::words().all, arguments).isOk());
  CHECK(!runCommand(Product::words().all, {}).isOk());
  // An array where a packed weight belongs, and a packed weight where a tensor belongs.
  CommandWords words(opcodeOf("matmul"), 2, {}, 1);
  words.packed(0).tensor(1, kFloat, {3, 2}, {1, 3}).result(2, kFloat, {2, 2});
  CHECK(!runCommand(words.all, product.arguments).isOk());
  arguments = product.arguments;
  arguments[0] = packed;
  CHECK(!runCommand(words.all, arguments).isOk());
}

TEST(resultsMustNotShareMemory) {
  Product product;
  std::vector<Argument> arguments = product.arguments;
  // The same array, a part of it, and the operand's own argument.
  arguments[2] = arguments[0];
  CHECK(!runCommand(Product::words().all, arguments).isOk());
  arguments[2].data += 8;
  arguments[2].bytes -= 8;
  CHECK(!runCommand(Product::words().all, arguments).isOk());
  CommandWords words(opcodeOf("matmul"), 2, {}, 1);
  words.tensor(0, kFloat, {2, 3}, {3, 1}).tensor(1, kFloat, {3, 2}, {1, 3}).result(0, kFloat, {2, 2});
  CHECK(!runCommand(words.all, product.arguments).isOk());
}

/// Arrays of all element sizes, numbers and indices, right-sized on the heap.
class Arrays {
 public:
  explicit Arrays(std::mt19937& engine) {
    const auto small = [&] { return static_cast<int>(engine() % 9) - 2; };
    for (std::vector<float>* array : {&a_, &b_, &c_}) {
      for (float& value : *array) value = static_cast<float>(small()) * 0.75f;
      if (engine() % 4 == 0) (*array)[engine() % array->size()] = std::numeric_limits<float>::quiet_NaN();
    }
    for (double& value : doubles_) value = small();
    for (std::int32_t& value : integers_) value = small();
    for (std::int32_t& value : offsets_) value = small();
    std::sort(offsets_.begin(), offsets_.end());
    for (std::uint16_t& value : halves_) value = static_cast<std::uint16_t>(engine());
    for (std::uint8_t& value : bytes_) value = static_cast<std::uint8_t>(engine() % 3);
    arguments_ = {argument(a_),         argument(b_),          argument(c_),           argument(doubles_),
                  argument(integers_),  argument(offsets_),    argument(halves_),      argument(bytes_),
                  argument(floatsOut_), argument(doublesOut_), argument(integersOut_), argument(bytesOut_),
                  argument(halvesOut_)};
  }

  std::vector<Argument>& arguments() { return arguments_; }

 private:
  std::vector<float> a_ = std::vector<float>(24);
  std::vector<float> b_ = std::vector<float>(24);
  std::vector<float> c_ = std::vector<float>(4);
  std::vector<double> doubles_ = std::vector<double>(12);
  std::vector<std::int32_t> integers_ = std::vector<std::int32_t>(8);
  std::vector<std::int32_t> offsets_ = std::vector<std::int32_t>(4);
  std::vector<std::uint16_t> halves_ = std::vector<std::uint16_t>(12);
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(12);
  std::vector<float> floatsOut_ = std::vector<float>(36);
  std::vector<double> doublesOut_ = std::vector<double>(36);
  std::vector<std::int32_t> integersOut_ = std::vector<std::int32_t>(36);
  std::vector<std::uint8_t> bytesOut_ = std::vector<std::uint8_t>(36);
  std::vector<std::uint16_t> halvesOut_ = std::vector<std::uint16_t>(36);
  std::vector<Argument> arguments_;
};

/// Draws commands that are nearly right, for every operation there is.
class CommandFuzzer {
 public:
  explicit CommandFuzzer(unsigned seed) : engine_(seed) {}

  std::mt19937& engine() { return engine_; }
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }

  CommandWords draw(const std::vector<Argument>& arguments, std::size_t packedIndex) {
    const std::span<const OpDefinition> ops = allOps();
    const auto opcode = static_cast<int>(pick(0, static_cast<std::int64_t>(ops.size()) - 1));
    const OpDefinition& op = ops[static_cast<std::size_t>(opcode)];
    // Few sizes, so that they often agree.
    for (std::int64_t& size : sizes_) size = pick(0, 12) == 0 ? 0 : pick(1, 4);
    dtype_ = static_cast<DType>(pick(0, 5) == 0 ? pick(0, kDTypeCount - 1) : 0);
    const auto operands = static_cast<int>(pick(op.minOperands, std::min(op.maxOperands, 10)));
    std::vector<double> attributes(static_cast<std::size_t>(pick(op.minAttributes, op.minAttributes + 3)));
    for (double& attribute : attributes) attribute = drawAttribute();
    CommandWords words(opcode, operands, attributes, op.results);
    const std::vector<std::int64_t> dims = drawDims();
    for (int index = 0; index < operands; ++index) drawOperand(arguments, packedIndex, dims, words);
    for (int index = 0; index < op.results; ++index) {
      const DType dtype = pick(0, 4) == 0 ? drawDType() : dtype_;
      words.result(static_cast<int>(resultFor(dtype)), dtype, pick(0, 2) == 0 ? drawDims() : dims);
    }
    if (pick(0, 9) == 0) words.all[static_cast<std::size_t>(pick(0, last(words)))] = drawWild();
    return words;
  }

 private:
  static std::int64_t last(const CommandWords& words) { return static_cast<std::int64_t>(words.all.size()) - 1; }

  double drawAttribute() {
    switch (pick(0, 9)) {
      case 0:
        return drawWild();
      case 1:
        return 1e-5;
      default:
        return static_cast<double>(pick(-1, 4));
    }
  }

  double drawWild() {
    static const double kWild[] = {-1, 0.5, 1e300, 9007199254740992.0, 4294967296.0, 2147483648.0, 281474976710656.0};
    const std::int64_t index = pick(0, 8);
    if (index == 7) return std::nan("");
    return index == 8 ? std::numeric_limits<double>::infinity() : kWild[index];
  }

  DType drawDType() { return static_cast<DType>(pick(0, kDTypeCount - 1)); }

  std::vector<std::int64_t> drawDims() {
    std::vector<std::int64_t> dims(static_cast<std::size_t>(pick(0, 8) == 0 ? pick(0, 8) : pick(1, 3)));
    for (std::int64_t& dim : dims) dim = sizes_[pick(0, 2)];
    return dims;
  }

  static std::int64_t resultFor(DType dtype) {
    switch (bytesPerElement(dtype)) {
      case 1:
        return 11;
      case 2:
        return 12;
      case 8:
        return 9;
      default:
        return dtype == DType::kInt32 ? 10 : 8;
    }
  }

  std::int64_t argumentFor(DType dtype) {
    switch (bytesPerElement(dtype)) {
      case 1:
        return 7;
      case 2:
        return 6;
      case 8:
        return 3;
      default:
        return dtype == DType::kInt32 ? pick(4, 5) : pick(0, 2);
    }
  }

  void drawOperand(const std::vector<Argument>& arguments, std::size_t packedIndex,
                   const std::vector<std::int64_t>& common, CommandWords& words) {
    const std::int64_t kind = pick(0, 9);
    if (kind == 0) {
      words.none();
    } else if (kind == 1) {
      words.packed(static_cast<int>(packedIndex));
    } else {
      const DType dtype = pick(0, 3) == 0 ? drawDType() : dtype_;
      std::vector<std::int64_t> dims = pick(0, 2) == 0 ? drawDims() : common;
      std::vector<std::int64_t> strides(dims.size());
      std::int64_t stride = 1;
      for (std::size_t axis = dims.size(); axis-- > 0;) {
        strides[axis] = pick(0, 9) == 0 ? pick(-3, 3) : stride;
        stride *= dims[axis];
      }
      words.tensor(static_cast<int>(argumentFor(dtype)), dtype, dims, strides, pick(0, 9) == 0 ? pick(0, 20) : 0);
    }
    static_cast<void>(arguments);
  }

  std::mt19937 engine_;
  std::int64_t sizes_[3] = {};
  DType dtype_ = DType::kFloat32;
};

TEST(randomCommandsOfAllOperationsStayInsideTheirArrays) {
  CommandFuzzer fuzzer(20'261'124);
  ThreadTeam team(1);
  std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  TensorView view;
  view.rank = 2;
  view.dims = {3, 2};
  view.strides = {2, 1};
  view.data = reinterpret_cast<std::byte*>(matrix.data());
  std::shared_ptr<const PackedWeight> weight;
  CHECK_OK(PackedWeight::pack(PackFormat::kFloat32, {view}, kernelsFor(activeIsa()), team, weight));
  std::vector<int> succeeded(allOps().size());
  int decoded = 0;
  for (int round = 0; round < 2000; ++round) {
    Arrays arrays(fuzzer.engine());
    std::vector<Argument>& arguments = arrays.arguments();
    const std::size_t packedIndex = arguments.size();
    arguments.emplace_back().packed = weight.get();
    for (int attempt = 0; attempt < 100; ++attempt) {
      const CommandWords words = fuzzer.draw(arguments, packedIndex);
      Command command;
      if (!command.decode(words.all, arguments).isOk()) continue;
      ++decoded;
      // A zero stride makes any size legal; what only takes long is not what is looked for.
      std::int64_t most = 0;
      for (const Operand& operand : command.operands()) {
        if (operand.kind == Operand::Kind::kTensor) most = std::max(most, operand.tensor.size());
      }
      if (most > 100'000) continue;
      Scratch scratch;
      const Status status = command.definition().run(OpContext{
          command.operands(), command.results(), command.attributes(), kernelsFor(activeIsa()), team, scratch});
      if (status.isOk()) ++succeeded[static_cast<std::size_t>(&command.definition() - allOps().data())];
    }
  }
  CHECK(decoded > 1000);
  int working = 0;
  for (const int count : succeeded) working += count > 0;
  // Most operations must be reached with arguments that they accept, or nothing was tested.
  CHECK(working * 2 > static_cast<int>(succeeded.size()));
}

}  // namespace
}  // namespace gemmule

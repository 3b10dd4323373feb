// Every family of kernels as Programs run it, on one thread and on every instruction set of this processor, with what
// it computes and moves: shares of the machine's limits (limits_bench) follow. Then candidates for the products, see
// candidates/README.md. Prints JSON; `npm run bench:kernels` makes tables of it.
//
//   kernels_bench [candidates]    all, or the candidates alone; exits with 1 where one of them is wrong

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/candidates/candidate.h"
#include "bench/json.h"
#include "bench/measure.h"
#include "bench/prove.h"
#include "runtime/bounds.h"
#include "runtime/memory.h"
#include "runtime/op.h"
#include "runtime/packed_weight.h"

namespace gemmule::bench {
namespace {

constexpr int kRounds = 7;
constexpr double kRoundSeconds = 0.01;

/// Of the default model: its matrices, and a batch of moderate size that stays in the second-level cache.
struct Product {
  std::int64_t outFeatures;
  std::int64_t inFeatures;
};
constexpr Product kProducts[] = {{1152, 384}, {1536, 384}, {384, 1536}};
constexpr std::int64_t kProductRows[] = {1, 4, 16, 128, 512};
constexpr std::int64_t kHidden = 384;
constexpr std::int64_t kHeads = 12;
constexpr std::int64_t kTokens = 128;

constexpr PackFormat kFormats[] = {PackFormat::kFloat32, PackFormat::kBfloat16, PackFormat::kInt8};

const char* nameOf(PackFormat format) {
  constexpr const char* kNames[] = {"float32", "bfloat16", "int8"};
  return kNames[static_cast<int>(format)];
}

/// Multiplications, fused or not, of a lane of a function in kernels/vector_math.inl. All processors send them through
/// the units that `fma` saturates; much of the rest goes elsewhere on some. Each counts as a fused multiply-add.
constexpr double kExpMultiplications = 11;
constexpr double kErfMultiplications = 26;
constexpr double kGeluMultiplications = 34;
/// The division counts as one, too.
constexpr double kSoftmaxMultiplications = kExpMultiplications + 1;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "kernels_bench: %s\n", message.c_str());
  std::exit(2);
}

/// A contiguous tensor in memory of the engine, aligned as that of Programs is.
class Array {
 public:
  Array(DType dtype, std::initializer_list<std::int64_t> dims) {
    view_.dtype = dtype;
    for (const std::int64_t dim : dims) view_.dims[static_cast<std::size_t>(view_.rank++)] = dim;
    setContiguousStrides(view_);
    block_ = MemoryBlock::make(static_cast<std::size_t>(bytes()), MemoryKind::kTensor);
    if (block_.data() == nullptr) fail("not enough memory");
    view_.data = block_.data();
    std::memset(block_.data(), 0, block_.size());
  }

  const TensorView& view() const { return view_; }
  Operand operand() const { return operandOf(view_); }
  std::int64_t bytes() const { return view_.size() * bytesPerElement(view_.dtype); }
  template <typename T>
  T* as() const {
    return view_.as<T>();
  }

  static Operand operandOf(const TensorView& view) {
    Operand operand;
    operand.kind = Operand::Kind::kTensor;
    operand.tensor = view;
    return operand;
  }

 private:
  TensorView view_;
  MemoryBlock block_;
};

/// Reproducible, and quick to make by the million.
class Numbers {
 public:
  std::uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 32);
  }
  std::int32_t below(std::int32_t limit) { return static_cast<std::int32_t>(bits() % static_cast<unsigned>(limit)); }
  /// Between -2 and 2.
  float number() { return static_cast<float>(bits()) * 0x1p-30f - 2.0f; }

 private:
  std::uint64_t state_ = 1;
};

template <typename T = float>
Array numbers(std::initializer_list<std::int64_t> dims) {
  Array array(sizeof(T) == sizeof(float) ? DType::kFloat32 : DType::kFloat64, dims);
  Numbers source;
  for (std::int64_t n = 0; n < array.view().size(); ++n) array.as<T>()[n] = source.number();
  return array;
}

std::string shapeOf(std::int64_t rows, std::int64_t columns) {
  return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

/// Where sequences of equal length begin.
Array sequenceStarts(std::int64_t sequences, std::int64_t tokens) {
  Array starts(DType::kInt32, {sequences + 1});
  for (std::int64_t n = 0; n <= sequences; ++n) starts.as<std::int32_t>()[n] = static_cast<std::int32_t>(n * tokens);
  return starts;
}

const OpDefinition& opNamed(std::string_view name) {
  for (const OpDefinition& definition : allOps()) {
    if (name == definition.name) return definition;
  }
  fail("no operation " + std::string(name));
}

/// What a call takes: operations of the processor of which `limit` tells the greatest rate, and bytes read and written.
struct Cost {
  const char* limit = "none";
  double operations = 0;
  std::int64_t bytes = 0;
};

class KernelBench {
 public:
  void run() {
    products();
    squareProducts<float>("float32");
    squareProducts<double>("float64");
    attention();
    quantization();
    functions();
    rows();
    largeArrays();
  }

  const std::vector<JsonObject>& measured() const { return measured_; }

  /// Seconds of `linear` on one instruction set.
  double linearSeconds(Isa isa, const Array& x, const Array& y, const PackedWeight& weight) {
    Operand packed;
    packed.kind = Operand::Kind::kPacked;
    packed.packed = &weight;
    return seconds("linear", isa, {x.operand(), packed, {}, {}}, y, {0});
  }

  std::shared_ptr<const PackedWeight> pack(PackFormat format, Isa isa, const Array& weight) {
    std::shared_ptr<const PackedWeight> packed;
    PackSource source;
    source.weight = weight.view();
    const Status status = PackedWeight::pack(format, source, kernelsFor(isa), team_, packed);
    if (!status.isOk()) fail(status.message());
    return packed;
  }

  static std::string productCase(PackFormat format, const Product& product, std::int64_t rows) {
    return std::string(nameOf(format)) + " " + shapeOf(product.outFeatures, product.inFeatures) + ", rows " +
           std::to_string(rows);
  }

 private:
  double seconds(const char* name, Isa isa, const std::vector<Operand>& operands, const Array& result,
                 const std::vector<double>& attributes) {
    const OpDefinition& definition = opNamed(name);
    const TensorView results[] = {result.view()};
    Scratch scratch;
    const OpContext context{operands, results, attributes, kernelsFor(isa), team_, scratch};
    return medianSeconds(kRounds, kRoundSeconds, [&] {
      scratch.reset();
      const Status status = definition.run(context);
      if (!status.isOk()) fail(status.message());
    });
  }

  void add(const char* family, const std::string& name, Isa isa, const Cost& cost, double seconds) {
    measured_.push_back(JsonObject()
                            .add("family", family)
                            .add("case", name)
                            .add("isa", isaName(isa))
                            .add("limit", cost.limit)
                            .add("operations", cost.operations)
                            .add("bytes", static_cast<double>(cost.bytes))
                            .add("seconds", seconds));
  }

  /// Times an operation on all instruction sets.
  void addOp(const char* family, const std::string& name, const Cost& cost, const char* op,
             const std::vector<Operand>& operands, const Array& result, const std::vector<double>& attributes) {
    for (const Isa isa : availableIsas()) add(family, name, isa, cost, seconds(op, isa, operands, result, attributes));
  }

  void products() {
    for (const Product& product : kProducts) {
      const Array weight = numbers({product.outFeatures, product.inFeatures});
      for (const PackFormat format : kFormats) {
        for (const Isa isa : availableIsas()) {
          const std::shared_ptr<const PackedWeight> packed = pack(format, isa, weight);
          for (const std::int64_t rows : kProductRows) {
            const Array x = numbers({rows, product.inFeatures});
            const Array y(DType::kFloat32, {rows, product.outFeatures});
            const Cost cost{format == PackFormat::kInt8 ? "int8" : "float32",
                            2.0 * static_cast<double>(rows * product.outFeatures * product.inFeatures),
                            packed->bytes() + x.bytes() + y.bytes()};
            add("linear", productCase(format, product, rows), isa, cost, linearSeconds(isa, x, y, *packed));
          }
        }
      }
    }
  }

  /// Of tensors, which are packed on the way.
  template <typename T>
  void squareProducts(const char* dtype) {
    for (const std::int64_t size : {64, 256, 1024}) {
      const Array a = numbers<T>({size, size});
      const Array b = numbers<T>({size, size});
      const Array c(a.view().dtype, {size, size});
      const Cost cost{dtype, 2.0 * static_cast<double>(size * size * size), a.bytes() + b.bytes() + c.bytes()};
      addOp("matmul", std::string(dtype) + " " + shapeOf(size, size), cost, "matmul", {a.operand(), b.operand()}, c,
            {});
    }
  }

  /// The kernel alone; `linear` calls it before int8 products.
  void quantization() {
    const Array x = numbers({kTokens, kHidden});
    const Array quantized(DType::kFloat64, {kTokens, kHidden});
    const Array scales(DType::kFloat32, {kTokens, kHidden});
    const Array corrections(DType::kInt32, {kTokens, kHidden});
    for (const Isa isa : availableIsas()) {
      const Int8Kernels& kernels = kernelsFor(isa).int8;
      Int8Rows all;
      all.x = x.as<float>();
      all.xStride = kHidden;
      all.rows = kTokens;
      all.depth = kHidden;
      all.quantized = quantized.as<std::byte>();
      all.scales = scales.as<float>();
      all.corrections = corrections.as<std::int32_t>();
      const Cost cost{"none", 0, x.bytes() + kTokens * kHidden * (kernels.layout == Int8Layout::kPairs ? 2 : 1)};
      add("int8 quantisation", shapeOf(kTokens, kHidden), isa, cost,
          medianSeconds(kRounds, kRoundSeconds, [&] { kernels.quantize(all); }));
    }
  }

  void attention() {
    constexpr std::int64_t kAllTokens = 512;
    const Array fused = numbers({kAllTokens, 3 * kHidden});
    const Array y(DType::kFloat32, {kAllTokens, kHidden});
    std::vector<Operand> operands;
    for (std::int64_t part = 0; part < 3; ++part) {
      TensorView view = fused.view();
      view.dims[1] = kHidden;
      view.data += part * kHidden * bytesPerElement(view.dtype);
      operands.push_back(Array::operandOf(view));
    }
    const double headDim = kHidden / kHeads;
    for (const std::int64_t tokens : {16, 64, 128, 256}) {
      const Array starts = sequenceStarts(kAllTokens / tokens, tokens);
      std::vector<Operand> all = operands;
      all.push_back(starts.operand());
      all.emplace_back();
      const Cost cost{"float32",
                      static_cast<double>(kHeads * kAllTokens * tokens) * (4 * headDim + 2 * kSoftmaxMultiplications),
                      fused.bytes() + y.bytes()};
      addOp("attention", "12 heads of 32, sequences of " + std::to_string(tokens), cost, "attention", all, y,
            {static_cast<double>(kHeads), 1 / std::sqrt(headDim), 0, 0});
    }
  }

  void functions() {
    const Array x = numbers({kTokens, kHidden});
    const Array y(DType::kFloat32, {kTokens, kHidden});
    const auto cost = [&](double multiplications) {
      return Cost{"float32", 2 * multiplications * static_cast<double>(x.view().size()), x.bytes() + y.bytes()};
    };
    const std::string shape = shapeOf(kTokens, kHidden);
    addOp("softmax", shape, cost(kSoftmaxMultiplications), "softmax", {x.operand()}, y, {});
    addOp("gelu", shape, cost(kGeluMultiplications), "gelu", {x.operand()}, y, {});
    addOp("exp", shape, cost(kExpMultiplications), "exp", {x.operand()}, y, {});
    addOp("erf", shape, cost(kErfMultiplications), "erf", {x.operand()}, y, {});
  }

  void rows() {
    const Array x = numbers({kTokens, kHidden});
    const Array residual = numbers({kTokens, kHidden});
    const Array weight = numbers({kHidden});
    const Array bias = numbers({kHidden});
    const Array y(DType::kFloat32, {kTokens, kHidden});
    const Cost normCost{"none", 0, x.bytes() + residual.bytes() + y.bytes()};
    addOp("layerNorm", shapeOf(kTokens, kHidden) + " with residual", normCost, "layerNorm",
          {x.operand(), residual.operand(), weight.operand(), bias.operand()}, y, {1e-12});

    // As the default model stores them, with ids that jump about.
    constexpr std::int32_t kTableRows[] = {30522, 512, 2};
    std::vector<Array> tables;
    std::vector<Array> ids;
    Numbers source;
    for (const std::int32_t count : kTableRows) {
      tables.emplace_back(DType::kFloat16, std::initializer_list<std::int64_t>{count, kHidden});
      ids.emplace_back(DType::kInt32, std::initializer_list<std::int64_t>{kTokens});
      for (std::int64_t n = 0; n < kTokens; ++n) ids.back().as<std::int32_t>()[n] = source.below(count);
    }
    std::vector<Operand> operands = {weight.operand(), bias.operand()};
    for (std::size_t index = 0; index < tables.size(); ++index) {
      operands.push_back(ids[index].operand());
      operands.push_back(tables[index].operand());
    }
    const Cost embeddingCost{"none", 0, 3 * kTokens * kHidden * 2 + y.bytes()};
    addOp("embedding", shapeOf(kTokens, kHidden) + " from three tables, normalised", embeddingCost, "embedding",
          operands, y, {1e-12});

    constexpr std::int64_t kSequences = 4;
    const Array starts = sequenceStarts(kSequences, kTokens / kSequences);
    const Array pooled(DType::kFloat32, {kSequences, kHidden});
    const Cost poolCost{"none", 0, x.bytes() + pooled.bytes()};
    addOp("pool", shapeOf(kTokens, kHidden) + ", mean of 4 sequences", poolCost, "pool",
          {x.operand(), starts.operand()}, pooled, {0, 1});
  }

  void largeArrays() {
    constexpr std::int64_t kElements = std::int64_t{16} << 20;
    const Array a = numbers({kElements});
    const Array b = numbers({kElements});
    const Array y(DType::kFloat32, {kElements});
    const Array sum(DType::kFloat32, {});
    const std::string name = "2^24 elements";
    addOp("add", name, {"none", 0, a.bytes() + b.bytes() + y.bytes()}, "add", {a.operand(), b.operand()}, y, {});
    addOp("sum", name, {"none", 0, a.bytes()}, "sum", {a.operand()}, sum, {1});
  }

  ThreadTeam team_{1};
  std::vector<JsonObject> measured_;
};

/// Proves the candidates, and times those that are right beside ours on the best instruction set.
class CandidateBench {
 public:
  explicit CandidateBench(KernelBench& ours) : ours_(ours) {}

  void run() {
    for (const Candidate& candidate : candidates()) {
      const bool runs = candidate.runsOn(cpuFeatures());
      const std::string fault = runs ? faultOf(candidate) : "";
      anyWrong_ |= !fault.empty();
      proofs_.push_back(JsonObject()
                            .add("name", candidate.name)
                            .add("format", nameOf(candidate.format))
                            .add("state", !runs           ? "not for this processor"
                                          : fault.empty() ? "right"
                                                          : "wrong")
                            .add("fault", fault));
      if (runs && fault.empty()) time(candidate);
    }
  }

  bool anyWrong() const { return anyWrong_; }
  const std::vector<JsonObject>& proofs() const { return proofs_; }
  const std::vector<JsonObject>& timings() const { return timings_; }

 private:
  void time(const Candidate& candidate) {
    const Isa isa = availableIsas().back();
    for (const Product& product : kProducts) {
      const Array weight = numbers({product.outFeatures, product.inFeatures});
      const std::shared_ptr<const PackedWeight> packed = ours_.pack(candidate.format, isa, weight);
      const PackedCandidate theirs =
          packCandidate(candidate, weight.as<float>(), product.outFeatures, product.inFeatures);
      if (theirs == nullptr) fail("a candidate could not pack");
      for (const std::int64_t rows : kProductRows) {
        const Array x = numbers({rows, product.inFeatures});
        const Array y(DType::kFloat32, {rows, product.outFeatures});
        const double ours = ours_.linearSeconds(isa, x, y, *packed);
        const double seconds = medianSeconds(kRounds, kRoundSeconds,
                                             [&] { candidate.run(theirs.get(), x.as<float>(), rows, y.as<float>()); });
        timings_.push_back(
            JsonObject()
                .add("name", candidate.name)
                .add("case", KernelBench::productCase(candidate.format, product, rows))
                .add("limit", candidate.format == PackFormat::kInt8 ? "int8" : "float32")
                .add("operations", 2.0 * static_cast<double>(rows * product.outFeatures * product.inFeatures))
                .add("seconds", seconds)
                .add("ours", ours));
      }
    }
  }

  KernelBench& ours_;
  bool anyWrong_ = false;
  std::vector<JsonObject> proofs_;
  std::vector<JsonObject> timings_;
};

int run(bool candidatesOnly) {
  KernelBench kernels;
  if (!candidatesOnly) kernels.run();
  CandidateBench candidates(kernels);
  candidates.run();
  std::printf("%s\n", JsonObject()
                          .add("isa", isaName(availableIsas().back()))
                          .add("kernels", kernels.measured())
                          .add("candidates", candidates.proofs())
                          .add("timings", candidates.timings())
                          .text()
                          .c_str());
  return candidates.anyWrong() ? 1 : 0;
}

}  // namespace
}  // namespace gemmule::bench

int main(int argc, char** argv) { return gemmule::bench::run(argc == 2 && std::string_view(argv[1]) == "candidates"); }

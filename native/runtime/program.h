#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/command.h"
#include "runtime/memory.h"
#include "runtime/op.h"
#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/thread_team.h"
#include "runtime/words.h"

namespace gemmule {

/// A size that is known when a Program runs: `tokens * T + sequences * S + constant`.
struct LinearSize {
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
  std::int64_t constant = 0;

  /// The size for T and S; false when it leaves 64 bits.
  bool bind(std::int64_t boundTokens, std::int64_t boundSequences, std::int64_t& size) const;
};

/// A recorded forward pass, decoded and checked once, run many times. Immutable after `decode`; any number of runs at
/// once.
///
/// Its words, each a float64; a size is three of them, `t, s, c` for `t * tokens + s * sequences + c`:
///
///     magic, version, constants, inputs, values, operations, outputs,
///     per constant:  1, -1 (packed weight) | 2, dtype (array)
///     per input:     dtype, rank, dims x size
///     per operation: opcode, scope, operands, attributes, results, attribute...,
///       per operand: 0 | 1, value | 2, value, dtype, rank, offset, dims..., strides... (each a size)
///       per result:  value, dtype, rank, dims...
///     per output:    value
///
/// Values are numbered: constants, inputs, then results in order. Scopes index `names`; -1 is none.
class Program {
 public:
  /// `constants` must outlive the Program; packed weights are held by whoever owns it.
  static Status decode(std::span<const double> words, std::vector<std::string> names, std::vector<Argument> constants,
                       std::shared_ptr<const Program>& program);

  std::size_t inputs() const { return inputs_.size(); }
  std::size_t outputs() const { return outputs_.size(); }

 private:
  friend class ProgramRun;
  friend class ProgramDecoder;

  struct Shape {
    DType dtype = DType::kFloat32;
    int rank = 0;
    std::array<LinearSize, kMaxRank> dims{};
  };

  struct OperandSpec {
    Operand::Kind kind = Operand::Kind::kNone;
    int value = 0;
    Shape shape;
    LinearSize offset;
    std::array<LinearSize, kMaxRank> strides{};
  };

  struct Operation {
    const OpDefinition* definition = nullptr;
    int scope = -1;
    /// Ranges in `operands_` and `attributes_`; results are the values from `firstResult` on.
    std::size_t firstOperand = 0;
    std::size_t operandCount = 0;
    std::size_t firstAttribute = 0;
    std::size_t attributeCount = 0;
    int firstResult = 0;
    int resultCount = 0;
  };

  /// Where the memory of a value comes from, and how long it is needed.
  struct Value {
    enum class Home { kConstant, kInput, kArena, kOutput };
    Home home = Home::kArena;
    /// Of a constant, an input or an output: which.
    std::size_t index = 0;
    Shape shape;
    /// The last operation that reads a value in the arena; the one that defines it when none does.
    int lastUse = 0;
  };

  /// An output that is the copy of a value: an input, or a result that is an output already.
  struct CopiedOutput {
    std::size_t output;
    int value;
  };

  std::string placeOf(std::size_t operation) const;

  std::vector<std::string> names_;
  std::vector<Argument> constants_;
  std::vector<Value> values_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;
  std::vector<CopiedOutput> copies_;
  std::vector<Operation> operations_;
  std::vector<OperandSpec> operands_;
  std::vector<double> attributes_;
};

/// One run of a Program, with its sizes and arrays.
class ProgramRun {
 public:
  ProgramRun(std::shared_ptr<const Program> program, std::int64_t tokens, std::int64_t sequences)
      : program_(std::move(program)), tokens_(tokens), sequences_(sequences) {}

  /// Checks every shape, view and array for these sizes, and lays out the arena. Inputs are copied, so that changing
  /// them cannot disturb the run; outputs must stay where they are until it ends.
  Status bind(std::span<const Argument> inputs, std::span<const Argument> outputs);

  /// Runs all operations, on the caller and the team. `arena` grows to what is needed and can serve the next run.
  Status execute(ThreadTeam& team, Scratch& scratch, MemoryBlock& arena);

  /// Ends the run before its next operation. Safe from any thread, at any time.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  struct BoundValue {
    TensorView view;
    std::int64_t elements = 0;
    std::int64_t arenaOffset = 0;
  };

  Status bindShape(const Program::Shape& shape, TensorView& view, std::int64_t& elements) const;
  Status bindOperand(const Program::OperandSpec& spec, TensorView& view, std::int64_t& offset) const;
  Status bindArray(std::size_t index, const Argument& array, const BoundValue& value, const char* what) const;
  Status planArena();

  std::shared_ptr<const Program> program_;
  std::int64_t tokens_;
  std::int64_t sequences_;
  std::vector<BoundValue> values_;
  /// Operands of all operations, in order, those in the arena as offsets until the run.
  std::vector<Operand> operands_;
  std::vector<std::int64_t> offsets_;
  std::vector<Argument> outputs_;
  MemoryBlock inputs_;
  std::int64_t arenaBytes_ = 0;
  std::atomic<bool> cancelled_{false};
};

}  // namespace gemmule

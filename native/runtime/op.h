#pragma once

#include <atomic>
#include <span>

#include "kernels/kernel_table.h"
#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/tensor_view.h"
#include "runtime/thread_team.h"

namespace gemmule {

class PackedWeight;

/// An argument of an operation: nothing (an optional one left out), a view, or a packed weight.
struct Operand {
  enum class Kind { kNone, kTensor, kPacked };
  Kind kind = Kind::kNone;
  TensorView tensor;
  const PackedWeight* packed = nullptr;

  bool isPresent() const { return kind != Kind::kNone; }
};

/// What an operation sees of the engine and of its arguments.
struct OpContext {
  std::span<const Operand> operands;
  /// Contiguous; dims and dtype as the primitive's `infer` in TypeScript gave them. They never overlap the operands.
  std::span<const TensorView> results;
  /// As the primitive's `encode` in TypeScript gave them.
  std::span<const double> attributes;
  const KernelTable& kernels;
  ThreadTeam& team;
  /// Memory for the duration of the call.
  Scratch& scratch;
  /// Set when the caller has lost interest; long operations may look at it and return Status::cancelled().
  const std::atomic<bool>* cancelled = nullptr;

  /// One of the last operands, which may be left out.
  Operand optionalOperand(std::size_t index) const { return index < operands.size() ? operands[index] : Operand{}; }
};

/// Checks whatever could corrupt memory (ranks, dims, dtypes, index values), then computes.
using OpFunction = Status (*)(const OpContext&);

/// One primitive of the engine, under the name it has in `src/backend/primitives`.
struct OpDefinition {
  const char* name;
  int minOperands;
  int maxOperands;
  int minAttributes;
  int results;
  OpFunction run;
};

/// Every operation; the index is its opcode. (Built from the tables of the files in `native/ops`.)
std::span<const OpDefinition> allOps();

}  // namespace gemmule

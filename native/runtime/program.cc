#include "runtime/program.h"

#include <algorithm>
#include <cstring>

#include "runtime/bounds.h"

namespace gemmule {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kLargestArena = std::int64_t{1} << 46;

std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

/// Lays values of overlapping lifetimes side by side: the smallest hole that is large enough, else more at the end.
class ArenaPlan {
 public:
  std::int64_t take(std::int64_t bytes) {
    auto best = holes_.end();
    for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
      if (hole->bytes >= bytes && (best == holes_.end() || hole->bytes < best->bytes)) best = hole;
    }
    if (best == holes_.end()) {
      // A hole at the end need only grow.
      if (!holes_.empty() && holes_.back().offset + holes_.back().bytes == end_) {
        const std::int64_t offset = holes_.back().offset;
        holes_.pop_back();
        end_ = offset + bytes;
        return offset;
      }
      end_ += bytes;
      return end_ - bytes;
    }
    const std::int64_t offset = best->offset;
    best->offset += bytes;
    best->bytes -= bytes;
    if (best->bytes == 0) holes_.erase(best);
    return offset;
  }

  void giveBack(std::int64_t offset, std::int64_t bytes) {
    if (bytes == 0) return;
    auto next = std::lower_bound(holes_.begin(), holes_.end(), offset,
                                 [](const Hole& hole, std::int64_t at) { return hole.offset < at; });
    next = holes_.insert(next, {offset, bytes});
    if (next + 1 != holes_.end() && next->offset + next->bytes == (next + 1)->offset) {
      next->bytes += (next + 1)->bytes;
      holes_.erase(next + 1);
    }
    if (next != holes_.begin() && (next - 1)->offset + (next - 1)->bytes == next->offset) {
      (next - 1)->bytes += next->bytes;
      holes_.erase(next);
    }
  }

  std::int64_t bytes() const { return end_; }

 private:
  struct Hole {
    std::int64_t offset;
    std::int64_t bytes;
  };

  std::vector<Hole> holes_;
  std::int64_t end_ = 0;
};

}  // namespace

std::string Program::placeOf(std::size_t operation) const {
  // The only operation needs no place: its message reads as that of an eager call.
  if (operations_.size() == 1 && operations_[0].scope < 0) return "";
  std::string place = "operation " + std::to_string(operation);
  if (operation < operations_.size() && operations_[operation].scope >= 0) {
    place += " (" + names_[static_cast<std::size_t>(operations_[operation].scope)] + ")";
  }
  return place + ": ";
}

Status ProgramRun::bindShape(const Program::Shape& shape, TensorView& view, std::int64_t& elements) const {
  view.dtype = shape.dtype;
  view.rank = shape.rank;
  for (int axis = 0; axis < shape.rank; ++axis) {
    if (!shape.dims[axis].bind(tokens_, sequences_, view.dims[axis])) view.dims[axis] = -1;
  }
  elements = elementsOf(view.dims.data(), view.rank);
  if (elements < 0) {
    return Status::invalid("a shape is negative or too large for " + std::to_string(tokens_) + " tokens and " +
                           std::to_string(sequences_) + " sequences");
  }
  return Status::ok();
}

Status ProgramRun::bindOperand(const Program::OperandSpec& spec, TensorView& view, std::int64_t& offset) const {
  std::int64_t elements;
  if (Status status = bindShape(spec.shape, view, elements); !status.isOk()) return status;
  bool bound = spec.offset.bind(tokens_, sequences_, offset);
  for (int axis = 0; axis < view.rank; ++axis) {
    bound = bound && spec.strides[axis].bind(tokens_, sequences_, view.strides[axis]);
  }
  const BoundValue& value = values_[static_cast<std::size_t>(spec.value)];
  if (!bound || !viewFits(view, offset, value.elements)) {
    return Status::invalid("a view reaches outside its value for " + std::to_string(tokens_) + " tokens and " +
                           std::to_string(sequences_) + " sequences");
  }
  // Strides of a view without elements may say anything; nobody shall compute addresses with them.
  if (elements == 0) setContiguousStrides(view);
  offset = elements == 0 ? 0 : offset * bytesPerElement(view.dtype);
  return Status::ok();
}

Status ProgramRun::bindArray(std::size_t index, const Argument& array, const BoundValue& value,
                             const char* what) const {
  const std::int64_t elementBytes = bytesPerElement(value.view.dtype);
  if (array.packed != nullptr || array.elementBytes != elementBytes || array.bytes != value.elements * elementBytes) {
    return Status::invalid(std::string(what) + " " + std::to_string(index) + " must be an array of " +
                           std::to_string(value.elements) + " elements of " + std::to_string(elementBytes) +
                           " bytes, got " + std::to_string(array.bytes) + " bytes");
  }
  return Status::ok();
}

Status ProgramRun::bind(std::span<const Argument> inputs, std::span<const Argument> outputs) {
  const Program& program = *program_;
  if (inputs.size() != program.inputs_.size() || outputs.size() != program.outputs_.size()) {
    return Status::invalid("the Program has " + std::to_string(program.inputs_.size()) + " inputs and " +
                           std::to_string(program.outputs_.size()) + " outputs, got " + std::to_string(inputs.size()) +
                           " and " + std::to_string(outputs.size()));
  }
  constexpr std::int64_t kMostSequences = std::int64_t{1} << 40;
  if (tokens_ < 0 || tokens_ > kMostSequences || sequences_ < 0 || sequences_ > kMostSequences) {
    return Status::invalid("tokens and sequences must be non-negative and below 2^40");
  }
  values_.resize(program.values_.size());
  for (std::size_t id = 0; id < values_.size(); ++id) {
    BoundValue& value = values_[id];
    if (Status status = bindShape(program.values_[id].shape, value.view, value.elements); !status.isOk()) return status;
    setContiguousStrides(value.view);
  }
  std::int64_t copied = 0;
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    const BoundValue& value = values_[static_cast<std::size_t>(program.inputs_[index])];
    if (Status status = bindArray(index, inputs[index], value, "input"); !status.isOk()) return status;
    copied += aligned(inputs[index].bytes);
  }
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    const BoundValue& value = values_[static_cast<std::size_t>(program.outputs_[index])];
    if (Status status = bindArray(index, outputs[index], value, "output"); !status.isOk()) return status;
  }
  outputs_.assign(outputs.begin(), outputs.end());
  inputs_ = MemoryBlock::make(static_cast<std::size_t>(copied), MemoryKind::kArena);
  if (inputs_.data() == nullptr) {
    return Status::outOfMemory("no memory for a copy of the inputs of " + std::to_string(copied) + " bytes");
  }
  copied = 0;
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    std::byte* data = inputs_.data() + copied;
    values_[static_cast<std::size_t>(program.inputs_[index])].view.data = data;
    if (inputs[index].bytes == 0) continue;
    std::memcpy(data, inputs[index].data, static_cast<std::size_t>(inputs[index].bytes));
    copied += aligned(inputs[index].bytes);
  }
  for (std::size_t id = 0; id < values_.size(); ++id) {
    const Program::Value& value = program.values_[id];
    if (value.home == Program::Value::Home::kConstant) values_[id].view.data = program.constants_[value.index].data;
    if (value.home == Program::Value::Home::kOutput) values_[id].view.data = outputs[value.index].data;
  }
  operands_.resize(program.operands_.size());
  offsets_.resize(program.operands_.size());
  for (std::size_t operation = 0; operation < program.operations_.size(); ++operation) {
    const Program::Operation& spec = program.operations_[operation];
    for (std::size_t index = spec.firstOperand; index < spec.firstOperand + spec.operandCount; ++index) {
      const Program::OperandSpec& operand = program.operands_[index];
      operands_[index].kind = operand.kind;
      if (operand.kind == Operand::Kind::kPacked) {
        const Program::Value& value = program.values_[static_cast<std::size_t>(operand.value)];
        operands_[index].packed = program.constants_[value.index].packed;
      } else if (operand.kind == Operand::Kind::kTensor) {
        if (Status status = bindOperand(operand, operands_[index].tensor, offsets_[index]); !status.isOk()) {
          return {status.code(), program.placeOf(operation) + status.message()};
        }
      }
    }
  }
  return planArena();
}

Status ProgramRun::planArena() {
  const Program& program = *program_;
  const auto sizeOf = [&](std::size_t id) {
    return aligned(values_[id].elements * bytesPerElement(values_[id].view.dtype));
  };
  const auto inArena = [&](std::size_t id) { return program.values_[id].home == Program::Value::Home::kArena; };
  // Values by the operation after which nobody reads them.
  std::vector<std::vector<std::size_t>> dying(program.operations_.size());
  for (std::size_t id = 0; id < values_.size(); ++id) {
    if (inArena(id)) dying[static_cast<std::size_t>(program.values_[id].lastUse)].push_back(id);
  }
  ArenaPlan plan;
  for (std::size_t index = 0; index < program.operations_.size(); ++index) {
    const Program::Operation& operation = program.operations_[index];
    for (int result = 0; result < operation.resultCount; ++result) {
      const auto id = static_cast<std::size_t>(operation.firstResult + result);
      if (inArena(id)) values_[id].arenaOffset = plan.take(sizeOf(id));
    }
    if (plan.bytes() > kLargestArena) {
      return Status::outOfMemory(program.placeOf(index) + "intermediate results need more memory than there is");
    }
    for (const std::size_t id : dying[index]) plan.giveBack(values_[id].arenaOffset, sizeOf(id));
  }
  arenaBytes_ = plan.bytes();
  return Status::ok();
}

Status ProgramRun::execute(ThreadTeam& team, Scratch& scratch, MemoryBlock& arena) {
  const Program& program = *program_;
  if (cancelled_.load(std::memory_order_relaxed)) return Status::cancelled();
  if (arena.size() < static_cast<std::size_t>(arenaBytes_)) {
    arena = MemoryBlock();
    arena = MemoryBlock::make(static_cast<std::size_t>(arenaBytes_), MemoryKind::kArena);
    if (arena.data() == nullptr) {
      return Status::outOfMemory("no memory for intermediate results of " + std::to_string(arenaBytes_) + " bytes");
    }
  }
  for (std::size_t id = 0; id < values_.size(); ++id) {
    if (program.values_[id].home == Program::Value::Home::kArena) {
      values_[id].view.data = arena.data() + values_[id].arenaOffset;
    }
  }
  const KernelTable& kernels = kernelsFor(activeIsa());
  std::vector<TensorView> results;
  for (std::size_t index = 0; index < program.operations_.size(); ++index) {
    const Program::Operation& operation = program.operations_[index];
    if (cancelled_.load(std::memory_order_relaxed)) return Status::cancelled();
    for (std::size_t at = operation.firstOperand; at < operation.firstOperand + operation.operandCount; ++at) {
      if (operands_[at].kind != Operand::Kind::kTensor) continue;
      operands_[at].tensor.data =
          values_[static_cast<std::size_t>(program.operands_[at].value)].view.data + offsets_[at];
    }
    results.clear();
    for (int result = 0; result < operation.resultCount; ++result) {
      results.push_back(values_[static_cast<std::size_t>(operation.firstResult + result)].view);
    }
    const OpContext context{std::span(operands_).subspan(operation.firstOperand, operation.operandCount),
                            results,
                            std::span(program.attributes_).subspan(operation.firstAttribute, operation.attributeCount),
                            kernels,
                            team,
                            scratch,
                            &cancelled_};
    Status status = operation.definition->run(context);
    scratch.reset();
    if (!status.isOk()) return {status.code(), program.placeOf(index) + status.message()};
  }
  for (const Program::CopiedOutput& copy : program.copies_) {
    const Argument& output = outputs_[copy.output];
    const TensorView& value = values_[static_cast<std::size_t>(copy.value)].view;
    if (output.bytes > 0) std::memcpy(output.data, value.data, static_cast<std::size_t>(output.bytes));
  }
  return Status::ok();
}

}  // namespace gemmule

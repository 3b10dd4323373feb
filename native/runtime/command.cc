#include "runtime/command.h"

#include <algorithm>

#include "runtime/bounds.h"

namespace gemmule {
namespace {

Status malformed(const std::string& what) { return Status::invalid(what + ": malformed command"); }

/// Reads dtype and rank of a view, and finds its argument.
Status decodeHead(WordReader& words, std::span<const Argument> arguments, const std::string& what, TensorView& view,
                  const Argument*& argument) {
  const auto index = words.integerIn(0, static_cast<std::int64_t>(arguments.size()) - 1);
  view.dtype = static_cast<DType>(words.integerIn(0, kDTypeCount - 1));
  view.rank = static_cast<int>(words.integerIn(0, kMaxRank));
  if (words.failed() || arguments.empty()) return malformed(what);
  argument = &arguments[static_cast<std::size_t>(index)];
  if (argument->packed != nullptr || argument->elementBytes != bytesPerElement(view.dtype)) {
    return Status::invalid(what + ": the array does not hold elements of the stated dtype");
  }
  return Status::ok();
}

}  // namespace

Status checkCounts(const OpDefinition& definition, std::int64_t operands, std::int64_t attributes,
                   std::int64_t results) {
  if (operands < definition.minOperands || operands > definition.maxOperands || attributes < definition.minAttributes ||
      results != definition.results) {
    return Status::invalid(std::string(definition.name) + ": got " + std::to_string(operands) + " operands, " +
                           std::to_string(attributes) + " attributes and " + std::to_string(results) +
                           " results, which is not its form");
  }
  return Status::ok();
}

Status decodeOperand(WordReader& words, std::span<const Argument> arguments, const std::string& what,
                     Operand& operand) {
  switch (words.integerIn(0, 2)) {
    case 0:
      operand.kind = Operand::Kind::kNone;
      return words.failed() ? malformed(what) : Status::ok();
    case 1: {
      const auto index = words.integerIn(0, static_cast<std::int64_t>(arguments.size()) - 1);
      if (words.failed() || arguments.empty()) return malformed(what);
      operand.kind = Operand::Kind::kPacked;
      operand.packed = arguments[static_cast<std::size_t>(index)].packed;
      return operand.packed != nullptr ? Status::ok()
                                       : Status::invalid(what + ": an array where a packed weight belongs");
    }
    default:
      break;
  }
  operand.kind = Operand::Kind::kTensor;
  operand.packed = nullptr;
  TensorView& view = operand.tensor;
  const Argument* argument = nullptr;
  if (Status status = decodeHead(words, arguments, what, view, argument); !status.isOk()) return status;
  const std::int64_t offset = words.integer();
  for (int axis = 0; axis < view.rank; ++axis) view.dims[axis] = words.integer();
  for (int axis = 0; axis < view.rank; ++axis) view.strides[axis] = words.integer();
  if (words.failed()) return malformed(what);
  const std::int64_t size = elementsOf(view.dims.data(), view.rank);
  if (size < 0 || !viewFits(view, offset, argument->bytes / argument->elementBytes)) {
    return Status::invalid(what + ": the view reaches outside its array");
  }
  // Strides of a view without elements may say anything; nobody shall compute addresses with them.
  if (size == 0) setContiguousStrides(view);
  view.data = size == 0 ? argument->data : argument->data + offset * argument->elementBytes;
  return Status::ok();
}

bool Command::isShared(const Argument& result, std::span<const Argument> arguments) const {
  const std::byte* end = result.data + result.bytes;
  const auto isInside = [&](const TensorView& view) { return view.data >= result.data && view.data < end; };
  for (const Argument& other : arguments) {
    if (&other != &result && other.data < end && result.data < other.data + other.bytes) return true;
  }
  for (const Operand& operand : operands_) {
    if (operand.kind == Operand::Kind::kTensor && isInside(operand.tensor)) return true;
  }
  return std::any_of(results_.begin(), results_.end(), isInside);
}

Status Command::decode(std::span<const double> words, std::span<const Argument> arguments) {
  const std::span<const OpDefinition> ops = allOps();
  WordReader reader(words);
  const std::int64_t opcode = reader.integerIn(0, static_cast<std::int64_t>(ops.size()) - 1);
  const std::int64_t operandCount = reader.count();
  const std::int64_t attributeCount = reader.count();
  const std::int64_t resultCount = reader.count();
  attributes_ = reader.take(attributeCount);
  if (reader.failed()) return malformed("command");
  definition_ = &ops[static_cast<std::size_t>(opcode)];
  if (Status status = checkCounts(*definition_, operandCount, attributeCount, resultCount); !status.isOk()) {
    return status;
  }
  const std::string name = definition_->name;
  operands_.resize(static_cast<std::size_t>(operandCount));
  for (Operand& operand : operands_) {
    if (Status status = decodeOperand(reader, arguments, name, operand); !status.isOk()) return status;
  }
  results_.clear();
  for (std::int64_t index = 0; index < resultCount; ++index) {
    TensorView result;
    const Argument* argument = nullptr;
    if (Status status = decodeHead(reader, arguments, name, result, argument); !status.isOk()) return status;
    for (int axis = 0; axis < result.rank; ++axis) result.dims[axis] = reader.integer();
    if (reader.failed()) return malformed(name);
    const std::int64_t size = elementsOf(result.dims.data(), result.rank);
    if (size < 0 || size > argument->bytes / argument->elementBytes) {
      return Status::invalid(name + ": the result does not fit its array");
    }
    if (isShared(*argument, arguments)) return Status::invalid(name + ": the result shares memory with an argument");
    setContiguousStrides(result);
    result.data = argument->data;
    results_.push_back(result);
  }
  return Status::ok();
}

}  // namespace gemmule

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/op.h"
#include "runtime/status.h"
#include "runtime/words.h"

namespace gemmule {

/// An argument that comes with a command: an array, or a packed weight.
struct Argument {
  std::byte* data = nullptr;
  std::int64_t bytes = 0;
  /// Bytes of an element of the array.
  std::int64_t elementBytes = 0;
  const PackedWeight* packed = nullptr;
};

/// One eager operation as JavaScript wrote it, decoded and checked against the arrays that came with it:
///
///     opcode, operands, attributes, results, attribute...,
///     per operand: 0 (none) | 1, argument (packed weight) | 2, argument, dtype, rank, offset, dims..., strides...
///     per result:  argument, dtype, rank, dims...
///
/// Kept from one command to the next, so that decoding allocates nothing.
class Command {
 public:
  /// After success, `definition()` and the spans below describe an operation whose every view lies inside its array.
  Status decode(std::span<const double> words, std::span<const Argument> arguments);

  const OpDefinition& definition() const { return *definition_; }
  std::span<const Operand> operands() const { return operands_; }
  std::span<const TensorView> results() const { return results_; }
  std::span<const double> attributes() const { return attributes_; }

 private:
  /// Whether another argument, an operand or an earlier result lies in the same memory as a result: an operation that
  /// checks indices and then uses them must not write to them in between.
  bool isShared(const Argument& result, std::span<const Argument> arguments) const;

  const OpDefinition* definition_ = nullptr;
  std::vector<Operand> operands_;
  std::vector<TensorView> results_;
  std::span<const double> attributes_;
};

/// Reads one operand and checks it against the arguments. `what` names it in errors.
Status decodeOperand(WordReader& words, std::span<const Argument> arguments, const std::string& what, Operand& operand);

/// Whether the numbers of operands, attributes and results are those of the operation.
Status checkCounts(const OpDefinition& definition, std::int64_t operands, std::int64_t attributes,
                   std::int64_t results);

}  // namespace gemmule

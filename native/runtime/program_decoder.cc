#include <algorithm>

#include "runtime/program.h"

namespace gemmule {
namespace {

constexpr std::int64_t kMagic = 0x47454d4d;
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostValues = std::int64_t{1} << 24;

}  // namespace

bool LinearSize::bind(std::int64_t boundTokens, std::int64_t boundSequences, std::int64_t& size) const {
  std::int64_t perToken;
  std::int64_t perSequence;
  return !__builtin_mul_overflow(tokens, boundTokens, &perToken) &&
         !__builtin_mul_overflow(sequences, boundSequences, &perSequence) &&
         !__builtin_add_overflow(perToken, perSequence, &size) && !__builtin_add_overflow(size, constant, &size);
}

/// Reads the words of a Program front to back.
class ProgramDecoder {
 public:
  ProgramDecoder(std::span<const double> words, Program& program) : words_(words), program_(program) {}

  Status decode() {
    const std::int64_t magic = words_.integer();
    const std::int64_t version = words_.integer();
    if (magic != kMagic || version != kVersion) return Status::invalid("not a Program of version 1");
    const std::int64_t constantCount = words_.count();
    const std::int64_t inputCount = words_.count();
    const std::int64_t valueCount = words_.integerIn(0, kMostValues);
    const std::int64_t operationCount = words_.count();
    const std::int64_t outputCount = words_.count();
    if (words_.failed()) return malformed("header");
    if (constantCount != static_cast<std::int64_t>(program_.constants_.size())) {
      return Status::invalid("the Program states " + std::to_string(constantCount) + " constants, but " +
                             std::to_string(program_.constants_.size()) + " came");
    }
    for (std::int64_t index = 0; index < constantCount; ++index) {
      if (Status status = decodeConstant(index); !status.isOk()) return status;
    }
    for (std::int64_t index = 0; index < inputCount; ++index) {
      Program::Value input;
      input.home = Program::Value::Home::kInput;
      input.index = static_cast<std::size_t>(index);
      decodeShape(input.shape);
      if (words_.failed()) return malformed("input " + std::to_string(index));
      program_.inputs_.push_back(static_cast<int>(program_.values_.size()));
      program_.values_.push_back(input);
    }
    for (std::int64_t index = 0; index < operationCount; ++index) {
      if (Status status = decodeOperation(); !status.isOk()) {
        return {status.code(), program_.placeOf(program_.operations_.size()) + status.message()};
      }
    }
    if (static_cast<std::int64_t>(program_.values_.size()) != valueCount) return malformed("number of values");
    for (std::int64_t index = 0; index < outputCount; ++index) {
      if (Status status = decodeOutput(static_cast<std::size_t>(index)); !status.isOk()) return status;
    }
    return words_.remaining() == 0 ? Status::ok() : malformed("end");
  }

 private:
  Status malformed(const std::string& where) const {
    return Status::invalid("malformed Program: " + where + ", at word " + std::to_string(words_.position()));
  }

  LinearSize decodeSize() {
    LinearSize size;
    size.tokens = words_.integer();
    size.sequences = words_.integer();
    size.constant = words_.integer();
    return size;
  }

  /// Reads dtype, rank and dims.
  void decodeShape(Program::Shape& shape) {
    shape.dtype = static_cast<DType>(words_.integerIn(0, kDTypeCount - 1));
    shape.rank = static_cast<int>(words_.integerIn(0, kMaxRank));
    for (int axis = 0; axis < shape.rank; ++axis) shape.dims[axis] = decodeSize();
  }

  Status decodeConstant(std::int64_t index) {
    const Argument& given = program_.constants_[static_cast<std::size_t>(index)];
    Program::Value constant;
    constant.home = Program::Value::Home::kConstant;
    constant.index = static_cast<std::size_t>(index);
    const std::string where = "constant " + std::to_string(index);
    if (words_.integerIn(1, 2) == 1) {
      words_.integerIn(-1, -1);
      if (words_.failed()) return malformed(where);
      if (given.packed == nullptr) return Status::invalid(where + ": an array where a packed weight belongs");
    } else {
      constant.shape.dtype = static_cast<DType>(words_.integerIn(0, kDTypeCount - 1));
      constant.shape.rank = 1;
      if (words_.failed()) return malformed(where);
      if (given.packed != nullptr || given.elementBytes != bytesPerElement(constant.shape.dtype)) {
        return Status::invalid(where + ": the array does not hold elements of the stated dtype");
      }
      constant.shape.dims[0].constant = given.bytes / given.elementBytes;
    }
    program_.values_.push_back(constant);
    return Status::ok();
  }

  Status decodeOperation() {
    const std::span<const OpDefinition> ops = allOps();
    Program::Operation operation;
    const std::int64_t opcode = words_.integerIn(0, static_cast<std::int64_t>(ops.size()) - 1);
    operation.scope = static_cast<int>(words_.integerIn(-1, static_cast<std::int64_t>(program_.names_.size()) - 1));
    const std::int64_t operandCount = words_.count();
    const std::int64_t attributeCount = words_.count();
    const std::int64_t resultCount = words_.count();
    const std::span<const double> attributes = words_.take(attributeCount);
    if (words_.failed()) return malformed("operation");
    operation.definition = &ops[static_cast<std::size_t>(opcode)];
    if (Status status = checkCounts(*operation.definition, operandCount, attributeCount, resultCount); !status.isOk()) {
      return status;
    }
    operation.firstAttribute = program_.attributes_.size();
    operation.attributeCount = attributes.size();
    program_.attributes_.insert(program_.attributes_.end(), attributes.begin(), attributes.end());
    operation.firstOperand = program_.operands_.size();
    operation.operandCount = static_cast<std::size_t>(operandCount);
    for (std::int64_t index = 0; index < operandCount; ++index) {
      Program::OperandSpec operand;
      if (Status status = decodeOperand(operand); !status.isOk()) return status;
      program_.operands_.push_back(operand);
    }
    operation.firstResult = static_cast<int>(program_.values_.size());
    operation.resultCount = static_cast<int>(resultCount);
    for (std::int64_t index = 0; index < resultCount; ++index) {
      const auto id = static_cast<std::int64_t>(program_.values_.size());
      if (words_.integer() != id) return malformed("results must be numbered in order");
      Program::Value result;
      result.lastUse = static_cast<int>(program_.operations_.size());
      decodeShape(result.shape);
      if (words_.failed()) return malformed("result");
      program_.values_.push_back(result);
    }
    program_.operations_.push_back(operation);
    return Status::ok();
  }

  Status decodeOperand(Program::OperandSpec& operand) {
    const std::int64_t kind = words_.integerIn(0, 2);
    if (kind == 0) return words_.failed() ? malformed("operand") : Status::ok();
    operand.value = static_cast<int>(words_.integerIn(0, static_cast<std::int64_t>(program_.values_.size()) - 1));
    if (words_.failed() || program_.values_.empty()) return malformed("operand names a value that is not defined yet");
    Program::Value& value = program_.values_[static_cast<std::size_t>(operand.value)];
    const bool isPacked =
        value.home == Program::Value::Home::kConstant && program_.constants_[value.index].packed != nullptr;
    if (isPacked != (kind == 1)) return malformed("a packed weight and an array stand for each other");
    if (kind == 1) {
      operand.kind = Operand::Kind::kPacked;
      return Status::ok();
    }
    operand.kind = Operand::Kind::kTensor;
    operand.shape.dtype = static_cast<DType>(words_.integerIn(0, kDTypeCount - 1));
    operand.shape.rank = static_cast<int>(words_.integerIn(0, kMaxRank));
    operand.offset = decodeSize();
    for (int axis = 0; axis < operand.shape.rank; ++axis) operand.shape.dims[axis] = decodeSize();
    for (int axis = 0; axis < operand.shape.rank; ++axis) operand.strides[axis] = decodeSize();
    if (words_.failed()) return malformed("operand");
    // One constant array may be read both as uint8 and as bool, so it is the size of an element that must agree.
    if (bytesPerElement(operand.shape.dtype) != bytesPerElement(value.shape.dtype)) {
      return malformed("operand reads a value as another dtype");
    }
    value.lastUse = static_cast<int>(program_.operations_.size());
    return Status::ok();
  }

  Status decodeOutput(std::size_t index) {
    const auto id = static_cast<int>(words_.integerIn(0, static_cast<std::int64_t>(program_.values_.size()) - 1));
    if (words_.failed() || program_.values_.empty()) return malformed("output " + std::to_string(index));
    Program::Value& value = program_.values_[static_cast<std::size_t>(id)];
    if (value.home == Program::Value::Home::kConstant) return malformed("an output is a constant");
    if (value.home == Program::Value::Home::kArena) {
      value.home = Program::Value::Home::kOutput;
      value.index = index;
    } else {
      program_.copies_.push_back({index, id});
    }
    program_.outputs_.push_back(id);
    return Status::ok();
  }

  WordReader words_;
  Program& program_;
};

Status Program::decode(std::span<const double> words, std::vector<std::string> names, std::vector<Argument> constants,
                       std::shared_ptr<const Program>& program) {
  auto decoded = std::make_shared<Program>();
  decoded->names_ = std::move(names);
  decoded->constants_ = std::move(constants);
  Status status = ProgramDecoder(words, *decoded).decode();
  if (status.isOk()) program = std::move(decoded);
  return status;
}

}  // namespace gemmule

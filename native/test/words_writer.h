#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/command.h"
#include "runtime/op.h"

namespace gemmule::test {

/// The opcode of a primitive; -1 when there is none of this name.
inline int opcodeOf(const std::string& name) {
  const std::span<const OpDefinition> ops = allOps();
  for (std::size_t opcode = 0; opcode < ops.size(); ++opcode) {
    if (name == ops[opcode].name) return static_cast<int>(opcode);
  }
  return -1;
}

/// The array as an argument of a command or a Program.
template <typename T>
Argument argument(std::vector<T>& array) {
  Argument made;
  made.data = reinterpret_cast<std::byte*>(array.data());
  made.bytes = static_cast<std::int64_t>(array.size() * sizeof(T));
  made.elementBytes = sizeof(T);
  return made;
}

/// Writes a command word by word, as JavaScript does.
class CommandWords {
 public:
  CommandWords(int opcode, int operands, const std::vector<double>& attributes, int results) {
    all = {static_cast<double>(opcode), static_cast<double>(operands), static_cast<double>(attributes.size()),
           static_cast<double>(results)};
    all.insert(all.end(), attributes.begin(), attributes.end());
  }

  CommandWords& none() { return add({0}); }
  CommandWords& packed(int argument) { return add({1, static_cast<double>(argument)}); }

  CommandWords& tensor(int argument, DType dtype, const std::vector<std::int64_t>& dims,
                       const std::vector<std::int64_t>& strides, std::int64_t offset = 0) {
    add({2, static_cast<double>(argument), static_cast<double>(dtype), static_cast<double>(dims.size()),
         static_cast<double>(offset)});
    for (const std::int64_t dim : dims) add({static_cast<double>(dim)});
    for (const std::int64_t stride : strides) add({static_cast<double>(stride)});
    return *this;
  }

  CommandWords& result(int argument, DType dtype, const std::vector<std::int64_t>& dims) {
    add({static_cast<double>(argument), static_cast<double>(dtype), static_cast<double>(dims.size())});
    for (const std::int64_t dim : dims) add({static_cast<double>(dim)});
    return *this;
  }

  CommandWords& add(const std::vector<double>& words) {
    all.insert(all.end(), words.begin(), words.end());
    return *this;
  }

  std::vector<double> all;
};

/// A size of a Program: `tokens * T + sequences * S + constant`.
using SizeWords = std::array<double, 3>;

inline SizeWords constantSize(double value) { return {0, 0, value}; }
inline SizeWords perToken(double factor, double constant = 0) { return {factor, 0, constant}; }

/// Writes a Program word by word, as JavaScript does. Values are numbered in the order of their definition.
class ProgramWords {
 public:
  int constantArray(DType dtype) {
    constants_.insert(constants_.end(), {2, static_cast<double>(dtype)});
    ++constantCount_;
    return values_++;
  }

  int constantPacked() {
    constants_.insert(constants_.end(), {1, -1});
    ++constantCount_;
    return values_++;
  }

  int input(DType dtype, const std::vector<SizeWords>& dims) {
    inputs_.insert(inputs_.end(), {static_cast<double>(dtype), static_cast<double>(dims.size())});
    addSizes(inputs_, dims);
    ++inputCount_;
    return values_++;
  }

  struct View {
    int value;
    DType dtype;
    std::vector<SizeWords> dims;
    std::vector<SizeWords> strides;
    SizeWords offset{};
  };

  /// An operation with one result.
  int operation(const std::string& name, const std::vector<View>& operands, const std::vector<double>& attributes,
                DType dtype, const std::vector<SizeWords>& dims, int scope = -1) {
    operations_.insert(operations_.end(),
                       {static_cast<double>(opcodeOf(name)), static_cast<double>(scope),
                        static_cast<double>(operands.size()), static_cast<double>(attributes.size()), 1});
    operations_.insert(operations_.end(), attributes.begin(), attributes.end());
    for (const View& view : operands) {
      operations_.insert(operations_.end(), {2, static_cast<double>(view.value), static_cast<double>(view.dtype),
                                             static_cast<double>(view.dims.size())});
      addSizes(operations_, {view.offset});
      addSizes(operations_, view.dims);
      addSizes(operations_, view.strides);
    }
    operations_.insert(operations_.end(),
                       {static_cast<double>(values_), static_cast<double>(dtype), static_cast<double>(dims.size())});
    addSizes(operations_, dims);
    ++operationCount_;
    return values_++;
  }

  void output(int value) { outputs_.push_back(value); }

  std::vector<double> all() const {
    std::vector<double> words = {0x47454d4d,
                                 1,
                                 static_cast<double>(constantCount_),
                                 static_cast<double>(inputCount_),
                                 static_cast<double>(values_),
                                 static_cast<double>(operationCount_),
                                 static_cast<double>(outputs_.size())};
    for (const std::vector<double>* part : {&constants_, &inputs_, &operations_, &outputs_}) {
      words.insert(words.end(), part->begin(), part->end());
    }
    return words;
  }

 private:
  static void addSizes(std::vector<double>& words, const std::vector<SizeWords>& sizes) {
    for (const SizeWords& size : sizes) words.insert(words.end(), size.begin(), size.end());
  }

  int values_ = 0;
  int constantCount_ = 0;
  int inputCount_ = 0;
  int operationCount_ = 0;
  std::vector<double> constants_;
  std::vector<double> inputs_;
  std::vector<double> operations_;
  std::vector<double> outputs_;
};

}  // namespace gemmule::test

#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/bounds.h"
#include "runtime/op.h"

namespace gemmule::test {

/// The instruction sets that both this build and this processor have, lowest first.
inline std::vector<Isa> isas() {
  if (cpuFeatures().neon) return {Isa::kNeon};
  std::vector<Isa> all = {Isa::kBaseline};
  if (cpuFeatures().avx2) all.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) all.push_back(Isa::kAvx512);
  return all;
}

template <typename T>
constexpr DType dtypeOf();
template <>
constexpr DType dtypeOf<float>() {
  return DType::kFloat32;
}
template <>
constexpr DType dtypeOf<double>() {
  return DType::kFloat64;
}
template <>
constexpr DType dtypeOf<std::int32_t>() {
  return DType::kInt32;
}
template <>
constexpr DType dtypeOf<std::uint8_t>() {
  return DType::kUint8;
}

/// A strided view of `storage` from element `offset` on.
template <typename T>
TensorView view(const std::vector<T>& storage, const std::vector<std::int64_t>& dims,
                const std::vector<std::int64_t>& strides, std::int64_t offset = 0, DType dtype = dtypeOf<T>()) {
  TensorView made;
  made.dtype = dtype;
  made.rank = static_cast<int>(dims.size());
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    made.dims[axis] = dims[axis];
    made.strides[axis] = strides[axis];
  }
  made.data = reinterpret_cast<std::byte*>(const_cast<T*>(storage.data() + offset));
  return made;
}

/// A contiguous view of `storage`.
template <typename T>
TensorView view(const std::vector<T>& storage, const std::vector<std::int64_t>& dims, DType dtype = dtypeOf<T>()) {
  std::vector<std::int64_t> strides(dims.size());
  TensorView made = view(storage, dims, strides, 0, dtype);
  setContiguousStrides(made);
  return made;
}

/// The elements of a view in row-major order, read one by one.
template <typename T>
std::vector<T> elementsIn(const TensorView& view) {
  std::vector<T> all;
  for (std::int64_t position = 0; position < view.size(); ++position) {
    std::int64_t rest = position;
    std::int64_t offset = 0;
    for (int axis = view.rank - 1; axis >= 0; --axis) {
      offset += rest % view.dims[axis] * view.strides[axis];
      rest /= view.dims[axis];
    }
    all.push_back(view.as<T>()[offset]);
  }
  return all;
}

inline Operand operand(const TensorView& view) {
  Operand made;
  made.kind = Operand::Kind::kTensor;
  made.tensor = view;
  return made;
}

inline Status runOp(const std::string& name, Isa isa, ThreadTeam& team, const std::vector<TensorView>& operands,
                    const std::vector<TensorView>& results, const std::vector<double>& attributes = {}) {
  for (const OpDefinition& definition : allOps()) {
    if (name != definition.name) continue;
    std::vector<Operand> all;
    for (const TensorView& view : operands) all.push_back(operand(view));
    Scratch scratch;
    const OpContext context{all, results, attributes, kernelsFor(isa), team, scratch};
    return definition.run(context);
  }
  return Status::unsupported("no operation " + name);
}

/// Reproducible numbers.
class Numbers {
 public:
  explicit Numbers(unsigned seed) : engine_(seed) {}
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  double normal() { return std::normal_distribution<double>()(engine_); }
  template <typename T>
  std::vector<T> normals(std::int64_t count, double scale = 1) {
    std::vector<T> all(static_cast<std::size_t>(count));
    for (T& x : all) x = static_cast<T>(normal() * scale);
    return all;
  }
  template <typename T>
  std::vector<T> integers(std::int64_t count, std::int64_t low, std::int64_t high) {
    std::vector<T> all(static_cast<std::size_t>(count));
    for (T& x : all) x = static_cast<T>(integer(low, high));
    return all;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace gemmule::test

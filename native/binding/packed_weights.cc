#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"
#include "kernels/kernel_table.h"
#include "runtime/cpu.h"
#include "runtime/words.h"

namespace gemmule {
namespace {

/// An optional operand that must be a contiguous float32 array of these dims.
bool readScales(Napi::Env env, WordReader& reader, std::span<const Argument> arguments, const char* what,
                std::span<const std::int64_t> dims, const float*& scales) {
  Operand operand;
  if (Status status = decodeOperand(reader, arguments, "pack", operand); !status.isOk()) {
    throwStatus(env, status);
    return false;
  }
  if (!operand.isPresent()) return true;
  const TensorView& view = operand.tensor;
  bool fits = operand.kind == Operand::Kind::kTensor && view.dtype == DType::kFloat32 &&
              view.rank == static_cast<int>(dims.size()) && view.isContiguous();
  for (std::size_t axis = 0; fits && axis < dims.size(); ++axis) fits = view.dims[axis] == dims[axis];
  if (!fits) {
    throwError(env, std::string("pack: ") + what, "ERR_BACKEND");
    return false;
  }
  scales = view.as<float>();
  return true;
}

}  // namespace

Napi::Value pack(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  std::int64_t format;
  if (!readInteger(env, info[0], "pack: format", 0, 3, format)) return {};
  if (!readElements(env, info[1], "pack: args", environment.elements)) return {};
  environment.arguments.clear();
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    if (!environment.readArgument(element, "pack: an argument", array)) return {};
    environment.arguments.push_back(array.argument);
  }
  std::span<const double> words;
  if (!commandWords(environment, words)) return {};
  WordReader reader(words);
  Operand operand;
  if (Status status = decodeOperand(reader, environment.arguments, "pack", operand); !status.isOk()) {
    throwStatus(env, status);
    return {};
  }
  if (operand.kind != Operand::Kind::kTensor || operand.tensor.rank != 2) {
    throwError(env, "pack: the weight must be a view [outFeatures, inFeatures]", "ERR_BACKEND");
    return {};
  }
  PackSource source;
  source.weight = operand.tensor;
  const std::int64_t outFeatures = operand.tensor.dims[0];
  const std::int64_t inFeatures = operand.tensor.dims[1];
  const std::int64_t groups = (inFeatures + kInt8Group - 1) / kInt8Group;
  const std::int64_t inputDims[] = {inFeatures};
  const std::int64_t groupDims[] = {outFeatures, groups};
  if (!readScales(env, reader, environment.arguments, "inputScale must be contiguous float32 [inFeatures]", inputDims,
                  source.inputScale) ||
      !readScales(env, reader, environment.arguments, "groupScales must be contiguous float32 [outFeatures, groups]",
                  groupDims, source.groupScales)) {
    return {};
  }
  std::shared_ptr<const PackedWeight> weight;
  if (Status status = PackedWeight::pack(static_cast<PackFormat>(format), source, kernelsFor(activeIsa()),
                                         *environment.engine->team(), weight);
      !status.isOk()) {
    throwStatus(env, status);
    return {};
  }
  const std::int64_t bytes = weight->bytes();
  const Napi::Value external =
      environment.wrap(environment.packedHandles, std::make_unique<PackedHandle>(env, std::move(weight)));
  if (external.IsEmpty()) return {};
  Napi::Object result = Napi::Object::New(env);
  result["handle"] = external;
  result["bytes"] = static_cast<double>(bytes);
  return result;
}

Napi::Value releasePacked(const Napi::CallbackInfo& info) {
  const Environment& environment = Environment::of(info.Env());
  auto* handle = environment.unwrap<PackedHandle>(environment.packedHandles, info[0]);
  if (handle == nullptr) {
    throwError(info.Env(), "releasePacked: handle must be a packed weight", "ERR_ARGUMENT");
    return {};
  }
  handle->release();
  return info.Env().Undefined();
}

}  // namespace gemmule

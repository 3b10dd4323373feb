#include <cstdint>
#include <memory>
#include <string>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"
#include "kernels/kernel_table.h"
#include "runtime/cpu.h"
#include "runtime/words.h"

namespace gemmule {

Napi::Value pack(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  std::int64_t format;
  if (!readInteger(env, info[0], "pack: format", 0, 2, format)) return {};
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
  if (operand.kind != Operand::Kind::kTensor) {
    throwError(env, "pack: the weight must be a view", "ERR_BACKEND");
    return {};
  }
  Operand inputScale;
  if (Status status = decodeOperand(reader, environment.arguments, "pack", inputScale); !status.isOk()) {
    throwStatus(env, status);
    return {};
  }
  const float* scales = nullptr;
  if (inputScale.isPresent()) {
    const TensorView& view = inputScale.tensor;
    if (inputScale.kind != Operand::Kind::kTensor || view.dtype != DType::kFloat32 || view.rank != 1 ||
        operand.tensor.rank != 2 || view.dims[0] != operand.tensor.dims[1] || !view.isContiguous()) {
      throwError(env, "pack: inputScale must be contiguous float32 [inFeatures]", "ERR_BACKEND");
      return {};
    }
    scales = view.as<float>();
  }
  std::shared_ptr<const PackedWeight> weight;
  if (Status status = PackedWeight::pack(static_cast<PackFormat>(format), operand.tensor, scales,
                                         kernelsFor(activeIsa()).int8, *environment.engine->team(), weight);
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

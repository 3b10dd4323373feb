#include <cstdint>
#include <memory>
#include <span>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"
#include "kernels/kernel_table.h"
#include "runtime/cpu.h"

namespace gemmule {

Napi::Value setCommandBuffer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  napi_typedarray_type type;
  napi_value buffer = nullptr;
  bool isOwn = false;
  // Shared memory is refused: another thread could change a command between the check and the use.
  if (napi_get_typedarray_info(env, info[0], &type, nullptr, nullptr, &buffer, nullptr) != napi_ok ||
      type != napi_float64_array || napi_is_arraybuffer(env, buffer, &isOwn) != napi_ok || !isOwn) {
    throwError(env, "setCommandBuffer: words must be a Float64Array over an ArrayBuffer", "ERR_ARGUMENT");
    return {};
  }
  Environment::of(env).commandBuffer = Napi::Persistent(info[0].As<Napi::Object>());
  return env.Undefined();
}

bool commandWords(Environment& environment, std::span<const double>& words) {
  ArrayValue array;
  if (environment.commandBuffer.IsEmpty() || !readArray(environment.env, environment.commandBuffer.Value(), array)) {
    throwError(environment.env, "setCommandBuffer has not been called", "ERR_BACKEND");
    return false;
  }
  words = {reinterpret_cast<const double*>(array.argument.data),
           static_cast<std::size_t>(array.argument.bytes) / sizeof(double)};
  return true;
}

Napi::Value execute(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  environment.elements.clear();
  if (info.Length() == 1 && info[0].IsArray()) {
    if (!readElements(env, info[0], "execute: args", environment.elements)) return {};
  } else {
    for (std::size_t index = 0; index < info.Length(); ++index) environment.elements.push_back(info[index]);
  }
  environment.arguments.clear();
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    // The handle, and with it the weight, lives on through `info`.
    std::shared_ptr<const PackedWeight> weight;
    if (!environment.readArgument(element, "execute: an argument", array, &weight)) return {};
    environment.arguments.push_back(array.argument);
  }
  std::span<const double> words;
  if (!commandWords(environment, words)) return {};
  Command& command = environment.command;
  Status status = command.decode(words, environment.arguments);
  if (status.isOk()) {
    const std::shared_ptr<ThreadTeam> team = environment.engine->team();
    const OpContext context{command.operands(), command.results(), command.attributes(), kernelsFor(activeIsa()), *team,
                            environment.scratch};
    status = command.definition().run(context);
    environment.scratch.reset();
  }
  if (!status.isOk()) throwStatus(env, status);
  return env.Undefined();
}

}  // namespace gemmule

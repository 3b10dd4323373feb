#include <cstdint>
#include <string>
#include <utility>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"
#include "linalg/blas.h"
#include "runtime/cpu.h"

namespace gemmule {

Napi::Value primitives(const Napi::CallbackInfo& info) {
  const std::span<const OpDefinition> ops = allOps();
  Napi::Array names = Napi::Array::New(info.Env(), ops.size());
  for (std::uint32_t opcode = 0; opcode < ops.size(); ++opcode) names[opcode] = ops[opcode].name;
  return names;
}

Napi::Value engineInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const CpuFeatures& cpu = cpuFeatures();
  Napi::Array features = Napi::Array::New(env);
  for (const auto& [present, name] : {
           std::pair(cpu.avx2, "avx2"),
           std::pair(cpu.avx512, "avx512"),
           std::pair(cpu.avx512Vnni, "avx512vnni"),
           std::pair(cpu.avx512Bf16, "avx512bf16"),
           std::pair(cpu.avxVnni, "avxvnni"),
           std::pair(cpu.neon, "neon"),
           std::pair(cpu.neonDotProduct, "dotprod"),
       }) {
    if (present) features[features.Length()] = name;
  }
  Napi::Object result = Napi::Object::New(env);
  result["version"] = GEMMULE_VERSION;
  result["isa"] = isaName(activeIsa());
  result["features"] = features;
  result["threads"] = Environment::of(env).engine->team()->threads();
  result["processors"] = availableProcessors();
  result["blas"] = blasDescription();
  return result;
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const MemoryUsage usage = memoryUsage();
  Napi::Object result = Napi::Object::New(info.Env());
  result["tensors"] = static_cast<double>(usage.tensors);
  result["packedWeights"] = static_cast<double>(usage.packedWeights);
  result["arenas"] = static_cast<double>(usage.arenas);
  result["mappedFiles"] = static_cast<double>(usage.mappedFiles);
  return result;
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  std::int64_t threads;
  if (!readInteger(info.Env(), info[0], "setThreads: threads", 1, 256, threads)) return {};
  Environment::of(info.Env()).engine->setThreads(static_cast<int>(threads));
  return info.Env().Undefined();
}

}  // namespace gemmule

#include <cstdint>
#include <string>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"

namespace gemmule {

Napi::Value allocateBuffer(const Napi::CallbackInfo& info) {
  std::int64_t bytes;
  if (!readInteger(info.Env(), info[0], "allocate: bytes", 0, std::int64_t{1} << 46, bytes)) return {};
  return Environment::of(info.Env()).buffers.allocate(info.Env(), static_cast<std::size_t>(bytes));
}

Napi::Value releaseBuffer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const bool released =
      info[0].IsArrayBuffer() && Environment::of(env).buffers.release(env, info[0].As<Napi::ArrayBuffer>());
  return Napi::Boolean::New(env, released);
}

Napi::Value mapFileBuffer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) {
    throwError(env, "mapFile: path must be a string", "ERR_ARGUMENT");
    return {};
  }
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  if (path.find('\0') != std::string::npos) {
    throwError(env, "mapFile: path contains a null character", "ERR_ARGUMENT");
    return {};
  }
  return Environment::of(env).buffers.map(env, path);
}

}  // namespace gemmule

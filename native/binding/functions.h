#pragma once

#include <napi.h>

#include <cstdint>
#include <span>

#include "runtime/status.h"

namespace gemmule {

class Environment;

// What the addon exports; `src/backend/native/addon.ts` says what each takes and gives.

Napi::Value primitives(const Napi::CallbackInfo& info);
Napi::Value engineInfo(const Napi::CallbackInfo& info);
Napi::Value memory(const Napi::CallbackInfo& info);
Napi::Value setThreads(const Napi::CallbackInfo& info);

Napi::Value allocateBuffer(const Napi::CallbackInfo& info);
Napi::Value releaseBuffer(const Napi::CallbackInfo& info);
Napi::Value mapFileBuffer(const Napi::CallbackInfo& info);

Napi::Value setCommandBuffer(const Napi::CallbackInfo& info);
Napi::Value execute(const Napi::CallbackInfo& info);

Napi::Value pack(const Napi::CallbackInfo& info);
Napi::Value releasePacked(const Napi::CallbackInfo& info);

Napi::Value createProgram(const Napi::CallbackInfo& info);
Napi::Value runProgram(const Napi::CallbackInfo& info);
Napi::Value cancelRun(const Napi::CallbackInfo& info);
Napi::Value disposeProgram(const Napi::CallbackInfo& info);

/// Hands a run's outcome to JavaScript, on the environment's thread.
void finishRun(Environment& environment, std::int64_t id, const Status& status);

/// The words of the command that JavaScript wrote; an exception is pending when there is no buffer.
bool commandWords(Environment& environment, std::span<const double>& words);

}  // namespace gemmule

#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

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

Napi::Value startTask(const Napi::CallbackInfo& info);
Napi::Value taskProgress(const Napi::CallbackInfo& info);
Napi::Value cancelTask(const Napi::CallbackInfo& info);

/// Hands a task's outcome to JavaScript, on the environment's thread; false when the number is none of a task.
bool finishTask(Environment& environment, std::int64_t id, const Status& status);

/// Calls back with what went wrong, or null, the error's code, and `value`; what the callback throws is an uncaught
/// exception.
void callBack(Napi::Env env, const Napi::FunctionReference& callback, const std::string* error, StatusCode code,
              Napi::Value value);

/// Hands a run's outcome to JavaScript, on the environment's thread.
void finishRun(Environment& environment, std::int64_t id, const Status& status);

/// The words of the command that JavaScript wrote; an exception is pending when there is no buffer.
bool commandWords(Environment& environment, std::span<const double>& words);

}  // namespace gemmule

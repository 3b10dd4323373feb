#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/command.h"
#include "runtime/status.h"

namespace gemmule {

/// Leaves a JavaScript Error with this message and `code` pending.
void throwError(Napi::Env env, const std::string& message, const char* code);

/// The same for a Status that is not ok.
void throwStatus(Napi::Env env, const Status& status);

/// The `code` of the JavaScript error that stands for a Status; TypeScript makes error classes of them.
const char* errorCodeOf(StatusCode code);

/// Forgets the pending exception, if any.
void clearException(napi_env env);

/// A typed array as the engine sees it, and where its ArrayBuffer begins.
struct ArrayValue {
  Argument argument;
  const void* bufferStart = nullptr;
};

/// Whether the value is a typed array; its place and size then.
bool readArray(napi_env env, napi_value value, ArrayValue& array);

/// Reads a whole number in [low, high]; otherwise an exception that names `what` is pending.
bool readInteger(Napi::Env env, const Napi::Value& value, const char* what, std::int64_t low, std::int64_t high,
                 std::int64_t& result);

/// Reads an array's elements without running any JavaScript in between; an exception is pending when it is none.
bool readElements(Napi::Env env, const Napi::Value& value, const char* what, std::vector<napi_value>& elements);

}  // namespace gemmule

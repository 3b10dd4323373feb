#include "binding/values.h"

#include <cmath>

namespace gemmule {
namespace {

std::int64_t bytesOf(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    default:
      return 8;
  }
}

}  // namespace

void throwError(Napi::Env env, const std::string& message, const char* code) {
  if (env.IsExceptionPending()) return;
  napi_throw_error(env, code, message.c_str());
}

void throwStatus(Napi::Env env, const Status& status) { throwError(env, status.message(), errorCodeOf(status.code())); }

const char* errorCodeOf(StatusCode code) {
  switch (code) {
    case StatusCode::kIndex:
      return "ERR_INDEX";
    case StatusCode::kOutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case StatusCode::kNumerical:
      return "ERR_NUMERICAL";
    case StatusCode::kNoRealRoot:
      return "ERR_NO_REAL_ROOT";
    case StatusCode::kCancelled:
      return "ERR_CANCELLED";
    case StatusCode::kOk:
    case StatusCode::kInvalid:
    case StatusCode::kUnsupported:
      break;
  }
  return "ERR_BACKEND";
}

void clearException(napi_env env) {
  bool pending = false;
  napi_value ignored;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) napi_get_and_clear_last_exception(env, &ignored);
}

bool readArray(napi_env env, napi_value value, ArrayValue& array) {
  napi_typedarray_type type;
  std::size_t length = 0;
  void* data = nullptr;
  std::size_t offset = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, &offset) != napi_ok) return false;
  array.argument = {};
  array.argument.elementBytes = bytesOf(type);
  // A detached or empty array has no data.
  if (length > 0 && data != nullptr) {
    array.argument.data = static_cast<std::byte*>(data);
    array.argument.bytes = static_cast<std::int64_t>(length) * array.argument.elementBytes;
    array.bufferStart = array.argument.data - offset;
  } else {
    array.bufferStart = nullptr;
  }
  return true;
}

bool readInteger(Napi::Env env, const Napi::Value& value, const char* what, std::int64_t low, std::int64_t high,
                 std::int64_t& result) {
  double number = 0;
  const bool isNumber = napi_get_value_double(env, value, &number) == napi_ok;
  if (isNumber && number >= static_cast<double>(low) && number <= static_cast<double>(high) &&
      number == std::trunc(number)) {
    result = static_cast<std::int64_t>(number);
    return true;
  }
  throwError(env,
             std::string(what) + " must be a whole number from " + std::to_string(low) + " to " + std::to_string(high),
             "ERR_ARGUMENT");
  return false;
}

bool readElements(Napi::Env env, const Napi::Value& value, const char* what, std::vector<napi_value>& elements) {
  elements.clear();
  bool isArray = false;
  std::uint32_t length = 0;
  if (napi_is_array(env, value, &isArray) != napi_ok || !isArray ||
      napi_get_array_length(env, value, &length) != napi_ok) {
    throwError(env, std::string(what) + " must be an array", "ERR_ARGUMENT");
    return false;
  }
  for (std::uint32_t index = 0; index < length; ++index) {
    napi_value element;
    // A getter may have thrown.
    if (napi_get_element(env, value, index, &element) != napi_ok) {
      throwError(env, std::string(what) + " cannot be read", "ERR_ARGUMENT");
      return false;
    }
    elements.push_back(element);
  }
  return true;
}

}  // namespace gemmule

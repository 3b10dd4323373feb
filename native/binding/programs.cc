#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"

namespace gemmule {
namespace {

constexpr std::int64_t kLargestInteger = std::int64_t{1} << 53;

ProgramHandle* programOf(const Environment& environment, const Napi::Value& value, const char* function) {
  auto* handle = environment.unwrap<ProgramHandle>(environment.programHandles, value);
  if (handle == nullptr) {
    throwError(environment.env, std::string(function) + ": program must be a Program", "ERR_ARGUMENT");
  }
  return handle;
}

/// Makes sure that the memory of a constant stays as long as the Program: what is the engine's is shared, what is V8's
/// is copied.
Status keepConstant(const Environment& environment, const ArrayValue& array, LoadedProgram& program,
                    Argument& constant) {
  constant = array.argument;
  if (constant.bytes == 0) return Status::ok();
  if (std::shared_ptr<HostMemory> memory = environment.buffers.find(array.bufferStart); memory != nullptr) {
    program.memory.push_back(std::move(memory));
    return Status::ok();
  }
  MemoryBlock copy = MemoryBlock::make(static_cast<std::size_t>(constant.bytes), MemoryKind::kPackedWeight);
  if (copy.data() == nullptr) {
    return Status::outOfMemory("no memory for a constant of " + std::to_string(constant.bytes) + " bytes");
  }
  std::memcpy(copy.data(), constant.data, copy.size());
  constant.data = copy.data();
  program.copies.push_back(std::move(copy));
  return Status::ok();
}

bool readConstants(Environment& environment, const Napi::Value& value, LoadedProgram& program,
                   std::vector<Argument>& constants) {
  if (!readElements(environment.env, value, "createProgram: constants", environment.elements)) return false;
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    std::shared_ptr<const PackedWeight> weight;
    if (!environment.readArgument(element, "createProgram: a constant", array, &weight)) return false;
    Argument constant = array.argument;
    if (weight != nullptr) {
      program.weights.push_back(std::move(weight));
    } else if (Status status = keepConstant(environment, array, program, constant); !status.isOk()) {
      throwStatus(environment.env, status);
      return false;
    }
    constants.push_back(constant);
  }
  return true;
}

bool readNames(Environment& environment, const Napi::Value& value, std::vector<std::string>& names) {
  const Napi::Env env = environment.env;
  if (!readElements(env, value, "createProgram: names", environment.elements)) return false;
  for (const napi_value element : environment.elements) {
    const Napi::Value name(env, element);
    if (!name.IsString()) {
      throwError(env, "createProgram: names must be strings", "ERR_ARGUMENT");
      return false;
    }
    names.push_back(name.As<Napi::String>().Utf8Value());
  }
  return true;
}

bool readInputs(Environment& environment, const Napi::Value& value, std::vector<Argument>& inputs) {
  if (!readElements(environment.env, value, "runProgram: inputs", environment.elements)) return false;
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    if (!environment.readArgument(element, "runProgram: an input", array)) return false;
    inputs.push_back(array.argument);
  }
  return true;
}

bool readOutputs(Environment& environment, const Napi::Value& value, RunState& state, std::vector<Argument>& outputs) {
  const Napi::Env env = environment.env;
  if (!readElements(env, value, "runProgram: outputs", environment.elements)) return false;
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    if (!environment.readArgument(element, "runProgram: an output", array)) return false;
    Argument output = array.argument;
    MemoryBlock staging;
    if (std::shared_ptr<HostMemory> memory = environment.buffers.find(array.bufferStart); memory != nullptr) {
      state.memory.push_back(std::move(memory));
    } else if (output.bytes > 0) {
      staging = MemoryBlock::make(static_cast<std::size_t>(output.bytes), MemoryKind::kTensor);
      if (staging.data() == nullptr) {
        throwError(env, "runProgram: no memory for an output of " + std::to_string(output.bytes) + " bytes",
                   "ERR_OUT_OF_MEMORY");
        return false;
      }
      output.data = staging.data();
    }
    state.staging.push_back(std::move(staging));
    outputs.push_back(output);
  }
  return true;
}

/// Copies staged outputs to their arrays; false when one has been detached or replaced meanwhile.
bool copyOutputs(Environment& environment, const PendingRun& pending) {
  std::vector<napi_value> elements;
  if (!readElements(environment.env, pending.outputs.Value(), "runProgram: outputs", elements)) return false;
  const std::vector<MemoryBlock>& staging = pending.state->staging;
  if (elements.size() != staging.size()) return false;
  for (std::size_t index = 0; index < staging.size(); ++index) {
    if (staging[index].size() == 0) continue;
    ArrayValue array;
    if (!readArray(environment.env, elements[index], array)) return false;
    if (array.argument.bytes != static_cast<std::int64_t>(staging[index].size())) return false;
    std::memcpy(array.argument.data, staging[index].data(), staging[index].size());
  }
  return true;
}

}  // namespace

Napi::Value createProgram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  auto loaded = std::make_shared<LoadedProgram>();
  std::vector<std::string> names;
  std::vector<Argument> constants;
  if (!readNames(environment, info[1], names) || !readConstants(environment, info[2], *loaded, constants)) return {};
  ArrayValue array;
  if (!readArray(env, info[0], array) || array.argument.elementBytes != sizeof(double)) {
    throwError(env, "createProgram: words must be a Float64Array", "ERR_ARGUMENT");
    return {};
  }
  // A copy: the words may lie in memory that another thread can write.
  const auto* first = reinterpret_cast<const double*>(array.argument.data);
  const std::vector<double> words(first, first + array.argument.bytes / static_cast<std::int64_t>(sizeof(double)));
  if (Status status = Program::decode(words, std::move(names), std::move(constants), loaded->program); !status.isOk()) {
    throwError(env, status.message(), "ERR_PROGRAM");
    return {};
  }
  auto handle = std::make_unique<ProgramHandle>();
  handle->program = std::move(loaded);
  return environment.wrap(environment.programHandles, std::move(handle));
}

Napi::Value runProgram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  const ProgramHandle* handle = programOf(environment, info[0], "runProgram");
  if (handle == nullptr) return {};
  // Held here: reading the arguments may run JavaScript that disposes the Program.
  const std::shared_ptr<const LoadedProgram> loaded = handle->program;
  if (loaded == nullptr) {
    throwError(env, "runProgram: the Program was disposed", "ERR_DISPOSED");
    return {};
  }
  std::int64_t tokens;
  std::int64_t sequences;
  if (!readInteger(env, info[2], "runProgram: tokens", 0, kLargestInteger, tokens) ||
      !readInteger(env, info[3], "runProgram: sequences", 0, kLargestInteger, sequences)) {
    return {};
  }
  if (!info[5].IsFunction()) {
    throwError(env, "runProgram: callback must be a function", "ERR_ARGUMENT");
    return {};
  }
  const auto state =
      std::make_shared<RunState>(std::shared_ptr<const Program>(loaded, loaded->program.get()), tokens, sequences);
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  // Inputs last: they are read while nothing can detach them any more.
  if (!readOutputs(environment, info[4], *state, outputs) || !readInputs(environment, info[1], inputs)) return {};
  if (Status status = state->run.bind(inputs, outputs); !status.isOk()) {
    throwStatus(env, status);
    return {};
  }
  const std::int64_t id = ++environment.lastRun;
  environment.completions->keepAlive(env, true);
  environment.runs.emplace(id, PendingRun{state, Napi::Persistent(info[4].As<Napi::Object>()),
                                          Napi::Persistent(info[5].As<Napi::Function>())});
  environment.engine->submit(
      std::shared_ptr<ProgramRun>(state, &state->run),
      [completions = environment.completions, id](const Status& status) { completions->post(id, status); });
  return Napi::Number::New(env, static_cast<double>(id));
}

void callBack(Napi::Env env, const Napi::FunctionReference& callback, const std::string* error, StatusCode code,
              Napi::Value value) {
  const Napi::Value message = error != nullptr ? Napi::Value(Napi::String::New(env, *error)) : env.Null();
  callback.Call({message, Napi::String::New(env, error != nullptr ? errorCodeOf(code) : ""), value});
  // By itself, Node would only warn of it.
  if (env.IsExceptionPending()) {
    napi_value exception = nullptr;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
}

void finishRun(Environment& environment, std::int64_t id, const Status& status) {
  const auto found = environment.runs.find(id);
  if (found == environment.runs.end()) return;
  const PendingRun pending = std::move(found->second);
  environment.runs.erase(found);
  const Napi::Env env = environment.env;
  if (environment.runs.empty() && environment.tasks.empty()) environment.completions->keepAlive(env, false);
  std::string error = status.message();
  bool failed = !status.isOk();
  if (!failed && !copyOutputs(environment, pending)) {
    clearException(env);
    failed = true;
    error = "an output array was detached while the Program ran";
  }
  callBack(env, pending.callback, failed ? &error : nullptr, status.code(), env.Undefined());
}

Napi::Value cancelRun(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  std::int64_t id;
  if (programOf(environment, info[0], "cancelRun") == nullptr ||
      !readInteger(env, info[1], "cancelRun: run", 0, kLargestInteger, id)) {
    return {};
  }
  // A run that has ended cannot be cancelled any more, which is no error.
  if (const auto found = environment.runs.find(id); found != environment.runs.end()) found->second.state->run.cancel();
  return env.Undefined();
}

Napi::Value disposeProgram(const Napi::CallbackInfo& info) {
  ProgramHandle* handle = programOf(Environment::of(info.Env()), info[0], "disposeProgram");
  if (handle == nullptr) return {};
  // Runs in flight keep what they need.
  handle->program.reset();
  return info.Env().Undefined();
}

}  // namespace gemmule

#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "binding/host_memory.h"
#include "binding/values.h"
#include "runtime/command.h"
#include "runtime/engine.h"
#include "runtime/packed_weight.h"
#include "runtime/program.h"
#include "runtime/scratch.h"

namespace gemmule {

/// A packed weight as JavaScript holds it; empty after `release`. V8 knows of its bytes, so that garbage collection
/// comes in time.
class PackedHandle {
 public:
  PackedHandle(Napi::Env env, std::shared_ptr<const PackedWeight> packed) : weight(std::move(packed)), env_(env) {
    Napi::MemoryManagement::AdjustExternalMemory(env_, weight->bytes());
  }
  ~PackedHandle() { release(); }
  PackedHandle(const PackedHandle&) = delete;
  PackedHandle& operator=(const PackedHandle&) = delete;

  void release() {
    if (weight != nullptr) Napi::MemoryManagement::AdjustExternalMemory(env_, -weight->bytes());
    weight.reset();
  }

  std::shared_ptr<const PackedWeight> weight;

 private:
  Napi::Env env_;
};

/// A Program and everything that its constants point to.
struct LoadedProgram {
  std::shared_ptr<const Program> program;
  std::vector<std::shared_ptr<const PackedWeight>> weights;
  std::vector<std::shared_ptr<HostMemory>> memory;
  std::vector<MemoryBlock> copies;
};

/// A Program as JavaScript holds it; empty after `disposeProgram`.
struct ProgramHandle {
  std::shared_ptr<const LoadedProgram> program;
};

/// One run: everything that the engine's thread touches.
struct RunState {
  RunState(std::shared_ptr<const Program> program, std::int64_t tokens, std::int64_t sequences)
      : run(std::move(program), tokens, sequences) {}

  ProgramRun run;
  std::vector<std::shared_ptr<HostMemory>> memory;
  /// Where outputs are written whose arrays are V8's own, which may be detached meanwhile; empty for the others.
  std::vector<MemoryBlock> staging;
};

/// A run that JavaScript waits for.
struct PendingRun {
  std::shared_ptr<RunState> state;
  Napi::ObjectReference outputs;
  Napi::FunctionReference callback;
};

/// A task that JavaScript waits for. Its arrays stay until its threads have ended: the engine's memory is shared, V8's
/// own is kept by `arrays`.
struct PendingTask {
  std::shared_ptr<BlockTask> task;
  std::vector<std::shared_ptr<HostMemory>> memory;
  Napi::ObjectReference arrays;
  Napi::FunctionReference callback;
};

/// How an ended run or task gets from the engine's thread to the environment's. After `close` nothing gets through any
/// more.
class Completions {
 public:
  struct Message {
    std::int64_t run;
    Status status;
  };

  explicit Completions(Napi::Env env);

  /// From any thread.
  void post(std::int64_t run, const Status& status);
  void close();

  /// Whether the event loop stays alive for what may still come.
  void keepAlive(Napi::Env env, bool alive);

 private:
  static void deliver(Napi::Env env, Napi::Function, std::nullptr_t*, Message* message);

  std::mutex mutex_;
  bool closed_ = false;
  Napi::TypedThreadSafeFunction<std::nullptr_t, Message, deliver> function_;
};

/// What the addon knows of one JavaScript environment (the main thread or a worker). Handles that JavaScript holds keep
/// it alive until they are finalised; `close` ends what it does. Used on the environment's thread only.
class Environment {
 public:
  /// Makes the environment's state; it closes when the environment ends.
  static void attach(Napi::Env env);
  static Environment& of(Napi::Env env);

  explicit Environment(Napi::Env env) : env(env), engine(Engine::shared()), completions(new Completions(env)) {}

  /// Cancels all runs and tasks, forgets all JavaScript values and lets the engine go. Runs in progress end on their
  /// own: they own what they touch. Tasks are waited for.
  void close();

  /// An External that owns a handle; `handles` knows it until it is finalised.
  template <typename Handle>
  Napi::Value wrap(std::unordered_set<const void*>& handles, std::unique_ptr<Handle> handle);

  /// The handle behind an External of `wrap`, or nullptr for anything else.
  template <typename Handle>
  Handle* unwrap(const std::unordered_set<const void*>& handles, napi_value value) const;

  /// Reads an array or a packed weight; otherwise an exception that names `what` is pending.
  bool readArgument(napi_value value, const char* what, ArrayValue& array,
                    std::shared_ptr<const PackedWeight>* weight = nullptr) const;

  Napi::Env env;
  std::shared_ptr<Engine> engine;
  std::shared_ptr<Completions> completions;
  HostBuffers buffers;
  std::unordered_set<const void*> packedHandles;
  std::unordered_set<const void*> programHandles;
  std::unordered_map<std::int64_t, PendingRun> runs;
  std::unordered_map<std::int64_t, PendingTask> tasks;
  /// The number of the last run or task.
  std::int64_t lastRun = 0;
  Napi::ObjectReference commandBuffer;
  /// Reused by every command, so that one allocates nothing.
  Command command;
  Scratch scratch;
  std::vector<napi_value> elements;
  std::vector<Argument> arguments;

 private:
  std::weak_ptr<Environment> self_;
};

template <typename Handle>
Napi::Value Environment::wrap(std::unordered_set<const void*>& handles, std::unique_ptr<Handle> handle) {
  struct Hint {
    std::shared_ptr<Environment> environment;
    std::unordered_set<const void*>& handles;
  };
  const auto finalize = [](napi_env, void* data, void* hint) {
    const std::unique_ptr<Hint> owned(static_cast<Hint*>(hint));
    owned->handles.erase(data);
    delete static_cast<Handle*>(data);
  };
  auto hint = std::make_unique<Hint>(Hint{self_.lock(), handles});
  napi_value value = nullptr;
  if (napi_create_external(env, handle.get(), finalize, hint.get(), &value) != napi_ok) return {};
  hint.release();
  handles.insert(handle.release());
  return {env, value};
}

template <typename Handle>
Handle* Environment::unwrap(const std::unordered_set<const void*>& handles, napi_value value) const {
  napi_valuetype type;
  void* data = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || !handles.contains(data)) return nullptr;
  return static_cast<Handle*>(data);
}

}  // namespace gemmule

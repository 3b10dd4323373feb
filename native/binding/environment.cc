#include "binding/environment.h"

#include <string>

#include "binding/functions.h"
#include "binding/values.h"

namespace gemmule {
namespace {

/// What Node holds for the environment.
struct InstanceData {
  std::shared_ptr<Environment> environment;
};

}  // namespace

Completions::Completions(Napi::Env env) : function_(decltype(function_)::New(env, "gemmule", 0, 1)) {
  function_.Unref(env);
}

void Completions::post(std::int64_t run, const Status& status) {
  auto message = std::make_unique<Message>(Message{run, status});
  std::lock_guard lock(mutex_);
  if (!closed_ && function_.NonBlockingCall(message.get()) == napi_ok) message.release();
}

void Completions::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void Completions::keepAlive(Napi::Env env, bool alive) {
  if (alive) {
    function_.Ref(env);
  } else {
    function_.Unref(env);
  }
}

void Completions::deliver(Napi::Env env, Napi::Function, std::nullptr_t*, Message* message) {
  const std::unique_ptr<Message> owned(message);
  // Without an environment, it is being torn down.
  if (napi_env(env) == nullptr) return;
  Environment& environment = Environment::of(env);
  if (!finishTask(environment, owned->run, owned->status)) finishRun(environment, owned->run, owned->status);
}

void Environment::attach(Napi::Env env) {
  auto environment = std::make_shared<Environment>(env);
  environment->self_ = environment;
  env.SetInstanceData(new InstanceData{environment});
  // Added after the thread-safe function's own hook, so that it runs before: nobody calls a function that is gone.
  napi_add_env_cleanup_hook(
      env, [](void* argument) { static_cast<Environment*>(argument)->close(); }, environment.get());
}

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<InstanceData>()->environment; }

void Environment::close() {
  completions->close();
  for (auto& [id, pending] : runs) pending.state->run.cancel();
  runs.clear();
  for (auto& [id, pending] : tasks) pending.task->cancel();
  for (auto& [id, pending] : tasks) engine->finish(*pending.task);
  tasks.clear();
  commandBuffer.Reset();
  engine.reset();
}

bool Environment::readArgument(napi_value value, const char* what, ArrayValue& array,
                               std::shared_ptr<const PackedWeight>* weight) const {
  if (readArray(env, value, array)) return true;
  const PackedHandle* handle = weight == nullptr ? nullptr : unwrap<PackedHandle>(packedHandles, value);
  if (handle == nullptr) {
    throwError(env, std::string(what) + " must be a typed array" + (weight == nullptr ? "" : " or a packed weight"),
               "ERR_ARGUMENT");
    return false;
  }
  if (handle->weight == nullptr) {
    throwError(env, std::string(what) + ": the packed weight was released", "ERR_DISPOSED");
    return false;
  }
  *weight = handle->weight;
  array = {};
  array.argument.packed = handle->weight.get();
  return true;
}

}  // namespace gemmule

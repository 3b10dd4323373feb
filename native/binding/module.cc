#include <napi.h>

#include "binding/environment.h"
#include "binding/functions.h"
#include "runtime/system.h"

namespace gemmule {
namespace {

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

template <Function function>
void define(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<function>(exports.Env(), name));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  system::keepLibraryLoaded();
  Environment::attach(env);
  define<primitives>(exports, "primitives");
  define<engineInfo>(exports, "info");
  define<memory>(exports, "memory");
  define<setThreads>(exports, "setThreads");
  define<allocateBuffer>(exports, "allocate");
  define<releaseBuffer>(exports, "release");
  define<mapFileBuffer>(exports, "mapFile");
  define<setCommandBuffer>(exports, "setCommandBuffer");
  define<execute>(exports, "execute");
  define<pack>(exports, "pack");
  define<releasePacked>(exports, "releasePacked");
  define<createProgram>(exports, "createProgram");
  define<runProgram>(exports, "runProgram");
  define<cancelRun>(exports, "cancelRun");
  define<disposeProgram>(exports, "disposeProgram");
  define<startTask>(exports, "startTask");
  define<taskProgress>(exports, "taskProgress");
  define<cancelTask>(exports, "cancelTask");
  return exports;
}

}  // namespace
}  // namespace gemmule

static Napi::Object initializeModule(Napi::Env env, Napi::Object exports) { return gemmule::initialize(env, exports); }

NODE_API_MODULE(gemmule, initializeModule)

// Node-API on Windows, where a library must say in which file the functions lie that it imports. That would be
// node.exe, but Electron, Bun, Deno and renamed copies of Node have them in files of other names. So they are looked up
// in the program that runs, when the addon is loaded.

#if defined(_WIN32)

#include "windows_imports.h"

#include <windows.h>

extern "C" {
// The pointers through which the compiler calls what the headers declare as imported.
#define GEMMULE_DEFINE(name) void* __imp_##name = nullptr;
GEMMULE_NODE_API_FUNCTIONS(GEMMULE_DEFINE)
#undef GEMMULE_DEFINE
}

namespace gemmule {
namespace {

// Before any of them is called: Node calls the addon when all constructors have run.
__attribute__((constructor)) void findNodeApi() {
  // Node built as a shared library has them there.
  const HMODULE library = GetModuleHandleA("libnode.dll");
  const HMODULE host = library == nullptr ? GetModuleHandleA(nullptr) : library;
#define GEMMULE_FIND(name) __imp_##name = reinterpret_cast<void*>(GetProcAddress(host, #name));
  GEMMULE_NODE_API_FUNCTIONS(GEMMULE_FIND)
#undef GEMMULE_FIND
}

}  // namespace
}  // namespace gemmule

#endif

// What macOS does otherwise than Linux.

#if defined(__APPLE__)

#include <dlfcn.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/system.h"

namespace gemmule::system {
namespace {

/// A number that the kernel knows by name; `otherwise` where it does not.
int kernelNumber(const char* name, int otherwise) {
  int value = 0;
  std::size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 && bytes == sizeof value ? value : otherwise;
}

}  // namespace

/// On Apple's processors the fast cores: lanes begin with equal ranges, so the slow ones would be waited for.
int processors() {
  const int all = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(kernelNumber("hw.perflevel0.logicalcpu", all), 1);
}

double processorQuota() { return 0; }

#if defined(__aarch64__)
bool hasDotProduct() { return kernelNumber("hw.optional.arm.FEAT_DotProd", 0) != 0; }
#endif

int threadNumber() { return 0; }
bool keepOffThisProcessor(int, ProcessorSet&) { return false; }
void allowProcessors(const ProcessorSet&) {}

void keepLibraryLoaded() {
  Dl_info library;
  if (dladdr(reinterpret_cast<const void*>(&keepLibraryLoaded), &library) == 0) return;
  // Never closed.
  dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace gemmule::system

#endif

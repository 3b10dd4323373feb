#include "linalg/blas.h"

#include <cstdlib>
#include <string>

#include "runtime/cpu.h"

extern "C" {
// OpenBLAS's own globals and entry points.
extern int blas_cpu_number;
extern int blas_num_threads;
void openblas_set_num_threads(int threads);
char* openblas_get_corename(void);
void gotoblas_dynamic_init(void);
void gotoblas_dynamic_quit(void);
}

namespace gemmule {
namespace {

// Runs before OpenBLAS's own constructor, which would start a thread a processor: ours are the only ones.
__attribute__((constructor(101))) void startWithoutThreads() {
  blas_cpu_number = 1;
  blas_num_threads = 1;
}

const char* coreFor(Isa isa) {
  switch (isa) {
    case Isa::kBaseline:
      return "PRESCOTT";
    case Isa::kAvx2:
      return "HASWELL";
    case Isa::kAvx512:
      return "SKYLAKEX";
    case Isa::kNeon:
      break;
  }
  return nullptr;
}

bool initialize() {
#if defined(__x86_64__)
  const char* core = coreFor(activeIsa());
  // OpenBLAS knows processors by name, and takes those newer than itself for the oldest: choose by instruction set.
  if (std::getenv("OPENBLAS_CORETYPE") == nullptr && core != nullptr) {
    setenv("OPENBLAS_CORETYPE", core, 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
  }
#endif
  openblas_set_num_threads(1);
  return true;
}

}  // namespace

void ensureBlas() { [[maybe_unused]] static const bool done = initialize(); }

const char* blasDescription() {
  // Cores that this build leaves out are aliases of others, so the library's own name of a core can be misleading.
  static const std::string description = [] {
    ensureBlas();
    const std::string core = openblas_get_corename();
    return "OpenBLAS 0.3.21 (" + core + " kernels)";
  }();
  return description.c_str();
}

}  // namespace gemmule

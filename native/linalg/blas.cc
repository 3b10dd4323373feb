#include "linalg/blas.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "runtime/cpu.h"
#include "runtime/system.h"

extern "C" {
// OpenBLAS's own globals and entry points.
extern int blas_cpu_number;
extern int blas_num_threads;
void openblas_set_num_threads(int threads);
char* openblas_get_config(void);
char* openblas_get_corename(void);

// What OpenBLAS calls instead of getenv and pthread_atfork: by the linker's --wrap, or because it was compiled so
// (native/openblas.cmake).
#if defined(GEMMULE_OPENBLAS_WRAPPED)
#define GEMMULE_GETENV __wrap_getenv
#define GEMMULE_ATFORK __wrap_pthread_atfork
#define GEMMULE_HOST_GETENV __real_getenv
char* __real_getenv(const char* name);
#else
#define GEMMULE_GETENV gemmule_openblas_getenv
#define GEMMULE_ATFORK gemmule_openblas_atfork
#define GEMMULE_HOST_GETENV std::getenv
#endif
#if !defined(GEMMULE_OPENBLAS_WRAPPED)
float slamch_(const char* what);
double dlamch_(const char* what);
#endif
char* GEMMULE_GETENV(const char* name);
int GEMMULE_ATFORK(void (*prepare)(), void (*parent)(), void (*child)());
}

namespace gemmule {
namespace {

// Runs before OpenBLAS's own constructor, which would start a thread a processor: ours are the only ones. That has
// priority 101, too, and Windows goes through those of one priority from the last to the first.
#if defined(_WIN32)
__attribute__((constructor(100)))
#else
__attribute__((constructor(101)))
#endif
void startWithoutThreads() {
  blas_cpu_number = 1;
  blas_num_threads = 1;
}

#if defined(__x86_64__)
const char* coreFor(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return "HASWELL";
    case Isa::kAvx512:
      return "SKYLAKEX";
    default:
      return "PRESCOTT";
  }
}
#endif

bool initialize() {
  openblas_set_num_threads(1);
#if !defined(GEMMULE_OPENBLAS_WRAPPED)
  // LAPACK in C finds out with the first call what machine this is, and keeps that where all threads see it half done.
  slamch_("E");
  dlamch_("E");
#endif
  return true;
}

/// Held by the call that may use OpenBLAS's threads. Never destroyed: environments may end after static destructors
/// ran.
std::mutex& threadsMutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

}  // namespace

void ensureBlas() { [[maybe_unused]] static const bool done = initialize(); }

BlasThreads::BlasThreads(int threads) {
  ensureBlas();
  if (threads <= 1 || !threadsMutex().try_lock()) return;
  held_ = true;
  // Threads start here when there are too few.
  const system::WithoutSignals withoutSignals;
  openblas_set_num_threads(threads);
}

BlasThreads::~BlasThreads() {
  if (!held_) return;
  openblas_set_num_threads(1);
  threadsMutex().unlock();
}

const char* blasDescription() {
  // Cores that this build leaves out are aliases of others, so the library's own name of a core can be misleading.
  static const std::string description = [] {
    ensureBlas();
    const std::string core = openblas_get_corename();
    // "OpenBLAS", the version, and how it was built.
    const std::string config = openblas_get_config();
    return config.substr(0, config.find(' ', config.find(' ') + 1)) + " (" + core + " kernels)";
  }();
  return description.c_str();
}

}  // namespace gemmule

/// What OpenBLAS reads from the environment goes through here. OpenBLAS knows
/// processors by name, and takes those newer than itself for the oldest: it is told which kernels to use, in its own
/// variable. Setting that variable in earnest is not safe beside the threads of the host.
char* GEMMULE_GETENV(const char* name) {
  char* value = GEMMULE_HOST_GETENV(name);
#if defined(__x86_64__)
  if (value == nullptr && std::strcmp(name, "OPENBLAS_CORETYPE") == 0) {
    return const_cast<char*>(gemmule::coreFor(gemmule::activeIsa()));
  }
#endif
  return value;
}

/// OpenBLAS wants to end its threads before every fork. A host that starts a program while they compute would wait for
/// ever: a thread at work does not see that it is told to end. A child of Node runs another program at once, and needs
/// none of them. Windows has no forks.
int GEMMULE_ATFORK(void (*prepare)(), void (*parent)(), void (*child)()) {
  static_cast<void>(prepare);
  static_cast<void>(parent);
  static_cast<void>(child);
  return 0;
}

#include "linalg/blas.h"

#include <signal.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "runtime/cpu.h"

extern "C" {
// OpenBLAS's own globals and entry points.
extern int blas_cpu_number;
extern int blas_num_threads;
void openblas_set_num_threads(int threads);
char* openblas_get_corename(void);

char* __real_getenv(const char* name);
char* __wrap_getenv(const char* name);
int __wrap_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)());
}

namespace gemmule {
namespace {

// Runs before OpenBLAS's own constructor, which would start a thread a processor: ours are the only ones.
__attribute__((constructor(101))) void startWithoutThreads() {
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
  // Threads start here when there are too few. Signals belong to the host's own.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  openblas_set_num_threads(threads);
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
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
    return "OpenBLAS 0.3.21 (" + core + " kernels)";
  }();
  return description.c_str();
}

}  // namespace gemmule

/// What OpenBLAS and the engine read from the environment goes through here (the linker's --wrap). OpenBLAS knows
/// processors by name, and takes those newer than itself for the oldest: it is told which kernels to use, in its own
/// variable. Setting that variable in earnest is not safe beside the threads of the host.
char* __wrap_getenv(const char* name) {
  char* value = __real_getenv(name);
#if defined(__x86_64__)
  if (value == nullptr && std::strcmp(name, "OPENBLAS_CORETYPE") == 0) {
    return const_cast<char*>(gemmule::coreFor(gemmule::activeIsa()));
  }
#endif
  return value;
}

/// OpenBLAS wants to end its threads before every fork. A host that starts a program while they compute would wait for
/// ever: a thread at work does not see that it is told to end. A child of Node runs another program at once, and needs
/// none of them.
int __wrap_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  static_cast<void>(prepare);
  static_cast<void>(parent);
  static_cast<void>(child);
  return 0;
}

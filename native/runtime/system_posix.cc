// Linux and macOS.

#if !defined(_WIN32)

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/system.h"

namespace gemmule::system {
namespace {

constexpr std::size_t kStackBytes = std::size_t{8} << 20;

Status failure(const char* what, int error) { return Status::invalid(std::string(what) + ": " + std::strerror(error)); }

Status mapOpenFile(int descriptor, void*& memory, std::size_t& bytes) {
  struct stat information;
  if (fstat(descriptor, &information) != 0) return failure("fstat", errno);
  if (!S_ISREG(information.st_mode)) return Status::invalid("it is not a regular file");
  if (information.st_size == 0) return Status::ok();
  const auto size = static_cast<std::size_t>(information.st_size);
  void* map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  if (map == MAP_FAILED) return failure("mmap", errno);
  memory = map;
  bytes = size;
  return Status::ok();
}

}  // namespace

void* allocateAligned(std::size_t bytes, std::size_t alignment) { return std::aligned_alloc(alignment, bytes); }

void freeAligned(void* memory) { std::free(memory); }

void* mapPages(std::size_t bytes, std::size_t alignment) {
  // The start must be aligned: map more and cut off both ends.
  const std::size_t mapped = bytes + alignment;
  void* map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<std::uintptr_t>(map);
  const std::uintptr_t aligned = (start + alignment - 1) & ~(std::uintptr_t{alignment} - 1);
  if (aligned > start) munmap(map, aligned - start);
  const std::uintptr_t end = start + mapped;
  if (end > aligned + bytes) munmap(reinterpret_cast<void*>(aligned + bytes), end - (aligned + bytes));
  void* memory = reinterpret_cast<void*>(aligned);
#if defined(MADV_HUGEPAGE)
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void unmapPages(void* memory, std::size_t bytes) { munmap(memory, bytes); }

Status mapFile(const std::string& path, void*& memory, std::size_t& bytes) {
  memory = nullptr;
  bytes = 0;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failure("open", errno);
  Status status = mapOpenFile(descriptor, memory, bytes);
  close(descriptor);
  return status;
}

void unmapFile(void* memory, std::size_t bytes) { munmap(memory, bytes); }

struct WithoutSignals::State {
  sigset_t previous;
};

WithoutSignals::WithoutSignals() : state_(std::make_unique<State>()) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &state_->previous);
}

WithoutSignals::~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &state_->previous, nullptr); }

struct Thread::State {
  static void* run(void* argument) {
    static_cast<State*>(argument)->body();
    return nullptr;
  }

  std::function<void()> body;
  pthread_t handle;
};

Thread::Thread() = default;
Thread::Thread(Thread&& other) noexcept = default;
Thread& Thread::operator=(Thread&& other) noexcept = default;
Thread::~Thread() = default;

bool Thread::start(std::function<void()> body) {
  auto state = std::make_unique<State>();
  state->body = std::move(body);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const WithoutSignals withoutSignals;
  const bool started = pthread_create(&state->handle, &attributes, State::run, state.get()) == 0;
  pthread_attr_destroy(&attributes);
  if (started) state_ = std::move(state);
  return started;
}

void Thread::join() {
  pthread_join(state_->handle, nullptr);
  state_.reset();
}

}  // namespace gemmule::system

#endif

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/status.h"

// What differs between operating systems, each of which implements this in one file: system_posix.cc (with what Linux
// and macOS do not share in system_linux.cc and system_macos.cc) and system_windows.cc.

namespace gemmule::system {

/// Uninitialised memory from the C library's heap; nullptr when it ran out. `alignment` is a power of two that divides
/// `bytes`.
void* allocateAligned(std::size_t bytes, std::size_t alignment);
void freeAligned(void* memory);

/// Memory of whole pages, zeroed, whose start `alignment` (a power of two, and a multiple of the page) divides, in huge
/// pages where the system offers them; nullptr when it ran out.
void* mapPages(std::size_t bytes, std::size_t alignment);
void unmapPages(void* memory, std::size_t bytes);

/// Maps a regular file, privately and writable: a stray write through an ArrayBuffer changes a copy of the page instead
/// of crashing. `path` is UTF-8. An empty file gives nullptr and 0.
Status mapFile(const std::string& path, void*& memory, std::size_t& bytes);
void unmapFile(void* memory, std::size_t bytes);

/// Processors that this process may run on; at least 1.
int processors();
/// What a container may use of them, in processors; 0 when there is no limit.
double processorQuota();

/// A set of processors, by number.
struct ProcessorSet {
  std::array<std::uint64_t, 16> bits{};
};

/// The calling thread's number for `keepOffThisProcessor`.
int threadNumber();
/// Keeps a thread off the processor that the caller runs on, at once, and tells where it was allowed to run before;
/// false where there is no other for it, or systems do not leave threads waiting beside idle processors.
bool keepOffThisProcessor(int thread, ProcessorSet& before);
/// Lets the calling thread run on these processors.
void allowProcessors(const ProcessorSet& processors);

#if defined(__aarch64__)
/// Whether the processor has the dot product instructions of Armv8.2.
bool hasDotProduct();
#endif

/// Keeps the library that holds this function loaded until the process ends, for threads and allocations that must
/// survive the end of the worker that loaded it.
void keepLibraryLoaded();

/// Signals belong to the host's own threads: threads that start while one of these lives receive none.
class WithoutSignals {
 public:
  WithoutSignals();
  ~WithoutSignals();
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A thread that receives no signals, with as large a stack as a program's first thread has on Linux: musl's and
/// macOS's own are too small for LAPACK. Whoever starts one waits for its end by `join`.
class Thread {
 public:
  Thread();
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  /// Runs `body` on a new thread; false where the system refuses another.
  [[nodiscard]] bool start(std::function<void()> body);
  bool isStarted() const { return state_ != nullptr; }
  /// Waits until it has ended.
  void join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemmule::system

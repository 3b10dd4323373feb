#if defined(_WIN32)

#include <malloc.h>
#include <process.h>
#include <windows.h>

#include <bit>
#include <cstdint>
#include <system_error>
#include <utility>

#include "runtime/system.h"

namespace gemmule::system {
namespace {

constexpr unsigned kStackBytes = 8u << 20;

Status failure(const char* what) {
  const DWORD error = GetLastError();
  const std::string reason = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND
                                 ? "No such file or directory"
                                 : std::system_category().message(static_cast<int>(error));
  return Status::invalid(std::string(what) + ": " + reason);
}

std::wstring wide(const std::string& text) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring result(static_cast<std::size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), length);
  return result;
}

Status mapOpenFile(HANDLE file, void*& memory, std::size_t& bytes) {
  if (GetFileType(file) != FILE_TYPE_DISK) return Status::invalid("it is not a regular file");
  LARGE_INTEGER size;
  if (GetFileSizeEx(file, &size) == 0) return failure("GetFileSizeEx");
  if (size.QuadPart == 0) return Status::ok();
  const HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_WRITECOPY, 0, 0, nullptr);
  if (mapping == nullptr) return failure("CreateFileMapping");
  void* view = MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 0);
  Status status = view == nullptr ? failure("MapViewOfFile") : Status::ok();
  // The view keeps what it needs of both.
  CloseHandle(mapping);
  if (view == nullptr) return status;
  memory = view;
  bytes = static_cast<std::size_t>(size.QuadPart);
  return status;
}

}  // namespace

void* allocateAligned(std::size_t bytes, std::size_t alignment) { return _aligned_malloc(bytes, alignment); }

void freeAligned(void* memory) { _aligned_free(memory); }

void* mapPages(std::size_t bytes, std::size_t alignment) {
  // Reservations end as they began, in one piece. So find where an aligned one fits, let go of it and ask for that very
  // place, which another thread may have taken meanwhile.
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    void* found = VirtualAlloc(nullptr, bytes + alignment, MEM_RESERVE, PAGE_NOACCESS);
    if (found == nullptr) return nullptr;
    const auto start = reinterpret_cast<std::uintptr_t>(found);
    const std::uintptr_t aligned = (start + alignment - 1) & ~(std::uintptr_t{alignment} - 1);
    VirtualFree(found, 0, MEM_RELEASE);
    void* memory = VirtualAlloc(reinterpret_cast<void*>(aligned), bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (memory != nullptr) return memory;
    if (GetLastError() != ERROR_INVALID_ADDRESS) return nullptr;
  }
  return nullptr;
}

void unmapPages(void* memory, std::size_t) { VirtualFree(memory, 0, MEM_RELEASE); }

Status mapFile(const std::string& path, void*& memory, std::size_t& bytes) {
  memory = nullptr;
  bytes = 0;
  const std::wstring name = wide(path);
  // As on other systems, others may do with the file what they like.
  const HANDLE file = CreateFileW(name.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return failure("open");
  Status status = mapOpenFile(file, memory, bytes);
  CloseHandle(file);
  return status;
}

void unmapFile(void* memory, std::size_t) { UnmapViewOfFile(memory); }

int processors() {
  DWORD_PTR process = 0;
  DWORD_PTR machine = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &process, &machine) != 0 && process != 0) {
    return std::popcount(static_cast<std::uint64_t>(process));
  }
  // The process has threads in several groups of processors.
  const DWORD all = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return all == 0 ? 1 : static_cast<int>(all);
}

/// Containers are job objects, whose hard cap is in ten-thousandths of all processors.
double processorQuota() {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION control = {};
  if (QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &control, sizeof control, nullptr) == 0) {
    return 0;
  }
  constexpr DWORD kCapped = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if ((control.ControlFlags & kCapped) != kCapped) return 0;
  return control.CpuRate / 10'000.0 * GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

int threadNumber() { return 0; }
bool keepOffThisProcessor(int, ProcessorSet&) { return false; }
void allowProcessors(const ProcessorSet&) {}

void keepLibraryLoaded() {
  HMODULE library;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<const wchar_t*>(&keepLibraryLoaded), &library);
}

// There are no signals.
struct WithoutSignals::State {};
WithoutSignals::WithoutSignals() = default;
WithoutSignals::~WithoutSignals() = default;

struct Thread::State {
  static unsigned __stdcall run(void* argument) {
    static_cast<State*>(argument)->body();
    return 0;
  }

  std::function<void()> body;
  HANDLE handle;
};

Thread::Thread() = default;
Thread::Thread(Thread&& other) noexcept = default;
Thread& Thread::operator=(Thread&& other) noexcept = default;
Thread::~Thread() = default;

bool Thread::start(std::function<void()> body) {
  auto state = std::make_unique<State>();
  state->body = std::move(body);
  const std::uintptr_t handle =
      _beginthreadex(nullptr, kStackBytes, State::run, state.get(), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (handle == 0) return false;
  state->handle = reinterpret_cast<HANDLE>(handle);
  state_ = std::move(state);
  return true;
}

void Thread::join() {
  WaitForSingleObject(state_->handle, INFINITE);
  CloseHandle(state_->handle);
  state_.reset();
}

}  // namespace gemmule::system

#endif

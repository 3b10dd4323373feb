#include "runtime/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/memory.h"

namespace gemmule {
namespace {

Status failure(const char* what, int error) { return Status::invalid(std::string(what) + ": " + std::strerror(error)); }

Status mapOpenFile(int descriptor, FileMap& map) {
  struct stat information;
  if (fstat(descriptor, &information) != 0) return failure("fstat", errno);
  if (!S_ISREG(information.st_mode)) return Status::invalid("it is not a regular file");
  map.bytes = static_cast<std::size_t>(information.st_size);
  if (map.bytes == 0) return Status::ok();
  // Private and writable: a stray write through the ArrayBuffer changes a copy of the page instead of crashing.
  void* memory = mmap(nullptr, map.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED) return failure("mmap", errno);
  map.data = static_cast<std::byte*>(memory);
  countMappedFile(static_cast<std::int64_t>(map.bytes));
  return Status::ok();
}

}  // namespace

Status mapFile(const std::string& path, FileMap& map) {
  map = {};
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failure("open", errno);
  Status status = mapOpenFile(descriptor, map);
  close(descriptor);
  return status;
}

void unmapFile(const FileMap& map) {
  if (map.data == nullptr) return;
  munmap(map.data, map.bytes);
  countMappedFile(-static_cast<std::int64_t>(map.bytes));
}

}  // namespace gemmule

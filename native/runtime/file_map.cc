#include "runtime/file_map.h"

#include "runtime/memory.h"
#include "runtime/system.h"

namespace gemmule {

Status mapFile(const std::string& path, FileMap& map) {
  map = {};
  void* memory = nullptr;
  if (Status status = system::mapFile(path, memory, map.bytes); !status.isOk()) return status;
  map.data = static_cast<std::byte*>(memory);
  countMappedFile(static_cast<std::int64_t>(map.bytes));
  return Status::ok();
}

void unmapFile(const FileMap& map) {
  if (map.data == nullptr) return;
  system::unmapFile(map.data, map.bytes);
  countMappedFile(-static_cast<std::int64_t>(map.bytes));
}

}  // namespace gemmule

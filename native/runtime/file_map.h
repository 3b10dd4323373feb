#pragma once

#include <cstddef>
#include <string>

#include "runtime/status.h"

namespace gemmule {

/// The contents of a file in memory. Writing changes this copy only, never the file. Empty files have no data.
struct FileMap {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
};

/// Maps a file; on failure the Status says why.
Status mapFile(const std::string& path, FileMap& map);

void unmapFile(const FileMap& map);

}  // namespace gemmule

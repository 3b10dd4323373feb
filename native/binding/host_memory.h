#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "runtime/file_map.h"
#include "runtime/memory.h"

namespace gemmule {

/// Memory behind an ArrayBuffer that the engine made: a block of its allocator or a mapped file. Shared between the
/// ArrayBuffer and whoever on another thread reads or writes it, so that neither `release` nor the garbage collector
/// nor the end of a worker can take it from under a run.
class HostMemory {
 public:
  explicit HostMemory(MemoryBlock block) : block_(std::move(block)) {}
  explicit HostMemory(const FileMap& map) : map_(map) {}
  ~HostMemory() { unmapFile(map_); }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;

  std::byte* data() const { return map_.data != nullptr ? map_.data : block_.data(); }
  std::size_t size() const { return map_.data != nullptr ? map_.bytes : block_.size(); }

 private:
  MemoryBlock block_;
  FileMap map_;
};

/// The ArrayBuffers of one environment whose memory is the engine's. Used on the environment's thread only.
class HostBuffers {
 public:
  HostBuffers() : state_(std::make_shared<State>()) {}

  /// An ArrayBuffer of uninitialised memory. Nothing, with an exception pending, when memory ran out.
  Napi::Value allocate(Napi::Env env, std::size_t bytes);
  /// A file as an ArrayBuffer. Nothing, with an exception pending, when it cannot be mapped.
  Napi::Value map(Napi::Env env, const std::string& path);
  /// Frees the memory and detaches the buffer; false when it is not one of these.
  bool release(Napi::Env env, Napi::ArrayBuffer buffer);
  /// The memory of the buffer that starts at `start`; nothing when it is not one of these.
  std::shared_ptr<HostMemory> find(const void* start) const;

 private:
  struct Owner;
  struct State {
    std::unordered_map<const void*, Owner*> owners;
    std::size_t bytes = 0;
  };

  static napi_status wrap(Napi::Env env, const std::shared_ptr<State>& state, std::shared_ptr<HostMemory> memory,
                          bool counted, napi_value* buffer);
  static void drop(Owner& owner);

  std::shared_ptr<State> state_;
};

}  // namespace gemmule

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace gemmule {

/// What holds a block of memory, for the counters.
enum class MemoryKind { kTensor, kPackedWeight, kArena };

inline constexpr int kMemoryKinds = 3;

/// Bytes in use now, as they were asked for. Freed blocks that wait to be reused are not in use.
struct MemoryUsage {
  std::int64_t tensors = 0;
  std::int64_t packedWeights = 0;
  std::int64_t arenas = 0;
  std::int64_t mappedFiles = 0;
};

/// `bytes` of uninitialised memory, aligned to 64 bytes (from 2 MB on to 2 MB, in huge pages where the system has
/// them); nullptr when memory ran out. Zero bytes give a valid block too. Safe to call from any thread.
void* allocate(std::size_t bytes, MemoryKind kind);

/// Gives back a block of `allocate`, with the size and kind that it was allocated with. nullptr is allowed.
void release(void* memory, std::size_t bytes, MemoryKind kind);

/// Gives freed blocks that are kept for reuse (at most 32 MB, or as much as tensors in use) back to the system.
void trimMemory();

MemoryUsage memoryUsage();

/// Adjusts the counter of mapped files.
void countMappedFile(std::int64_t bytes);

/// A block of memory with one owner.
class MemoryBlock {
 public:
  MemoryBlock() = default;
  MemoryBlock(MemoryBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), kind_(other.kind_) {}
  MemoryBlock& operator=(MemoryBlock&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  MemoryBlock(const MemoryBlock&) = delete;
  MemoryBlock& operator=(const MemoryBlock&) = delete;
  ~MemoryBlock() { release(data_, bytes_, kind_); }

  /// An empty block (`data() == nullptr`) when memory ran out.
  static MemoryBlock make(std::size_t bytes, MemoryKind kind) {
    MemoryBlock block;
    block.data_ = allocate(bytes, kind);
    block.bytes_ = block.data_ == nullptr ? 0 : bytes;
    block.kind_ = kind;
    return block;
  }

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::size_t size() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  MemoryKind kind_ = MemoryKind::kTensor;
};

}  // namespace gemmule

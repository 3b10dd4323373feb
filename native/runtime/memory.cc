#include "runtime/memory.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <new>

#include "runtime/system.h"

namespace gemmule {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
/// Freed blocks kept for reuse take so much at most, or as much as tensors in use: fresh memory costs more than most
/// operations on it, since the system clears every page at the first touch.
constexpr std::size_t kCacheLimit = std::size_t{32} << 20;
constexpr std::size_t kLargestBlock = std::size_t{1} << 47;

// Blocks come in sizes of four steps an octave, so that a freed one fits the next request of about its size and at most
// a fifth is wasted.
constexpr int kStepBits = 2;
constexpr int kSizeClasses = 64 << kStepBits;

struct SizeClass {
  int index;
  std::size_t bytes;
};

SizeClass sizeClassOf(std::size_t bytes) {
  if (bytes <= kAlignment << kStepBits) {
    const std::size_t rounded = bytes == 0 ? kAlignment : (bytes + kAlignment - 1) & ~(kAlignment - 1);
    return {static_cast<int>(rounded / kAlignment), rounded};
  }
  const int octave = std::bit_width(bytes - 1) - 1;
  const std::size_t step = std::size_t{1} << (octave - kStepBits);
  const std::size_t rounded = (bytes + step - 1) & ~(step - 1);
  const int steps = static_cast<int>((rounded - (std::size_t{1} << octave)) / step);
  return {(octave << kStepBits) + steps, rounded};
}

void* allocateFromSystem(std::size_t bytes) {
  return bytes < kHugePage ? system::allocateAligned(bytes, kAlignment) : system::mapPages(bytes, kHugePage);
}

void releaseToSystem(void* memory, std::size_t bytes) {
  if (bytes < kHugePage) {
    system::freeAligned(memory);
  } else {
    system::unmapPages(memory, bytes);
  }
}

/// Freed blocks by size class; the list nodes lie in the blocks themselves. When full, the blocks that were freed first
/// go.
class BlockCache {
 public:
  void* take(const SizeClass& size) {
    std::lock_guard lock(mutex_);
    Node* node = lists_[size.index].newest;
    if (node != nullptr) remove(size.index, node);
    return node;
  }

  /// Keeps a block, or not if that would be more than `limit` bytes in all.
  void put(const SizeClass& size, void* memory, std::size_t limit) {
    if (size.bytes > limit) {
      releaseToSystem(memory, size.bytes);
      trim(limit);
      return;
    }
    std::lock_guard lock(mutex_);
    while (cached_ + size.bytes > limit) evictOldest();
    List& list = lists_[size.index];
    Node* node = new (memory) Node{nullptr, list.newest, ++clock_, size.bytes};
    (list.newest == nullptr ? list.oldest : list.newest->newer) = node;
    list.newest = node;
    cached_ += size.bytes;
  }

  void trim(std::size_t limit) {
    std::lock_guard lock(mutex_);
    while (cached_ > limit) evictOldest();
  }

 private:
  struct Node {
    Node* newer;
    Node* older;
    std::uint64_t freedAt;
    std::size_t bytes;
  };
  static_assert(sizeof(Node) <= kAlignment);

  struct List {
    Node* newest = nullptr;
    Node* oldest = nullptr;
  };

  void remove(int index, Node* node) {
    List& list = lists_[index];
    (node->newer == nullptr ? list.newest : node->newer->older) = node->older;
    (node->older == nullptr ? list.oldest : node->older->newer) = node->newer;
    cached_ -= node->bytes;
  }

  void evictOldest() {
    int oldest = -1;
    for (int index = 0; index < kSizeClasses; ++index) {
      const Node* node = lists_[index].oldest;
      if (node != nullptr && (oldest < 0 || node->freedAt < lists_[oldest].oldest->freedAt)) oldest = index;
    }
    Node* node = lists_[oldest].oldest;
    const std::size_t bytes = node->bytes;
    remove(oldest, node);
    releaseToSystem(node, bytes);
  }

  std::mutex mutex_;
  List lists_[kSizeClasses];
  std::size_t cached_ = 0;
  std::uint64_t clock_ = 0;
};

// Never destroyed: blocks may be freed by threads that outlive static destructors.
BlockCache& blockCache() {
  static BlockCache& cache = *new BlockCache;
  return cache;
}

std::atomic<std::int64_t> usedBytes[kMemoryKinds];
std::atomic<std::int64_t> mappedFileBytes;

}  // namespace

void* allocate(std::size_t bytes, MemoryKind kind) {
  if (bytes > kLargestBlock) return nullptr;
  const SizeClass size = sizeClassOf(bytes);
  void* memory = blockCache().take(size);
  if (memory == nullptr) memory = allocateFromSystem(size.bytes);
  if (memory == nullptr) {
    blockCache().trim(0);
    memory = allocateFromSystem(size.bytes);
  }
  if (memory != nullptr) {
    usedBytes[static_cast<int>(kind)].fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  }
  return memory;
}

void release(void* memory, std::size_t bytes, MemoryKind kind) {
  if (memory == nullptr) return;
  usedBytes[static_cast<int>(kind)].fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  const std::int64_t tensors = usedBytes[static_cast<int>(MemoryKind::kTensor)].load(std::memory_order_relaxed);
  blockCache().put(sizeClassOf(bytes), memory,
                   std::max(kCacheLimit, static_cast<std::size_t>(std::max<std::int64_t>(tensors, 0))));
}

void trimMemory() { blockCache().trim(0); }

MemoryUsage memoryUsage() {
  const auto used = [](MemoryKind kind) { return usedBytes[static_cast<int>(kind)].load(std::memory_order_relaxed); };
  return {used(MemoryKind::kTensor), used(MemoryKind::kPackedWeight), used(MemoryKind::kArena),
          mappedFileBytes.load(std::memory_order_relaxed)};
}

void countMappedFile(std::int64_t bytes) { mappedFileBytes.fetch_add(bytes, std::memory_order_relaxed); }

}  // namespace gemmule

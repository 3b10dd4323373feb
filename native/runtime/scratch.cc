#include "runtime/scratch.h"

#include <algorithm>
#include <new>

#include "runtime/memory.h"

namespace gemmule {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kSmallestBlock = std::int64_t{1} << 16;

}  // namespace

/// Lies at the start of its own memory; the bytes after it are handed out.
struct alignas(kAlignment) Scratch::Block {
  Block* next;
  std::int64_t capacity;
  std::int64_t used;

  std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  std::size_t total() const { return sizeof(Block) + static_cast<std::size_t>(capacity); }
};

Scratch::~Scratch() {
  while (first_ != nullptr) {
    Block* block = first_;
    first_ = block->next;
    release(block, block->total(), MemoryKind::kArena);
  }
}

void Scratch::reset() {
  // Several blocks mean that an operation outgrew the first: replace them by one that holds as much as all together, so
  // that the next operation of that size finds it in one piece.
  if (first_ != nullptr && first_->next != nullptr) {
    std::int64_t capacity = 0;
    while (first_ != nullptr) {
      Block* block = first_;
      first_ = block->next;
      capacity += block->capacity;
      release(block, block->total(), MemoryKind::kArena);
    }
    current_ = nullptr;
    if (allocateBytes(capacity) == nullptr) return;
  }
  current_ = first_;
  if (first_ != nullptr) first_->used = 0;
}

void* Scratch::allocateBytes(std::int64_t bytes) {
  const std::int64_t rounded = std::max((bytes + kAlignment - 1) & ~(kAlignment - 1), kAlignment);
  if (current_ == nullptr || current_->capacity - current_->used < rounded) {
    const std::int64_t grown = current_ == nullptr ? kSmallestBlock : 2 * current_->capacity;
    const std::int64_t capacity = std::max(rounded, std::min(grown, std::int64_t{1} << 24));
    void* memory = gemmule::allocate(sizeof(Block) + static_cast<std::size_t>(capacity), MemoryKind::kArena);
    if (memory == nullptr) return nullptr;
    Block* block = new (memory) Block{nullptr, capacity, 0};
    (current_ == nullptr ? first_ : current_->next) = block;
    current_ = block;
  }
  void* result = current_->bytes() + current_->used;
  current_->used += rounded;
  return result;
}

}  // namespace gemmule

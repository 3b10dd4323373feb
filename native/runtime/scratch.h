#pragma once

#include <cstddef>
#include <cstdint>

namespace gemmule {

/// A bump allocator for temporary memory of one operation, reused by the next; not thread-safe. Blocks are aligned to
/// 64 bytes.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// `count` elements of T, uninitialised; nullptr when memory ran out.
  template <typename T>
  T* allocate(std::int64_t count) {
    constexpr std::int64_t kMostElements = (std::int64_t{1} << 46) / static_cast<std::int64_t>(sizeof(T));
    if (count < 0 || count > kMostElements) return nullptr;
    return static_cast<T*>(allocateBytes(count * static_cast<std::int64_t>(sizeof(T))));
  }

  /// Makes all memory available again.
  void reset();

 private:
  struct Block;
  void* allocateBytes(std::int64_t bytes);
  Block* first_ = nullptr;
  Block* current_ = nullptr;
};

}  // namespace gemmule

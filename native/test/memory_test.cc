// The allocator, its cache and counters, scratch memory, and mapped files.

#include "runtime/memory.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "runtime/file_map.h"
#include "runtime/scratch.h"
#include "test/check.h"

namespace gemmule {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

bool isAligned(const void* memory, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(memory) % alignment == 0;
}

TEST(blocksAreAlignedAndWritableToTheEnd) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65},
                                  std::size_t{255}, std::size_t{257}, std::size_t{4096}, std::size_t{100'000},
                                  kHugePage - 1, kHugePage, kHugePage + 1, std::size_t{5'000'000}}) {
    const test::Scope scope(std::to_string(bytes) + " bytes");
    void* memory = allocate(bytes, MemoryKind::kTensor);
    REQUIRE(memory != nullptr);
    CHECK(isAligned(memory, bytes >= kHugePage ? kHugePage : 64));
    std::memset(memory, 0xa5, bytes);
    release(memory, bytes, MemoryKind::kTensor);
  }
  trimMemory();
}

TEST(countersFollowEveryKindAndComeBack) {
  const MemoryUsage before = memoryUsage();
  void* tensor = allocate(1000, MemoryKind::kTensor);
  void* weight = allocate(2000, MemoryKind::kPackedWeight);
  void* arena = allocate(3000, MemoryKind::kArena);
  const MemoryUsage during = memoryUsage();
  CHECK_EQ(during.tensors - before.tensors, 1000);
  CHECK_EQ(during.packedWeights - before.packedWeights, 2000);
  CHECK_EQ(during.arenas - before.arenas, 3000);
  release(tensor, 1000, MemoryKind::kTensor);
  release(weight, 2000, MemoryKind::kPackedWeight);
  release(arena, 3000, MemoryKind::kArena);
  const MemoryUsage after = memoryUsage();
  CHECK_EQ(after.tensors, before.tensors);
  CHECK_EQ(after.packedWeights, before.packedWeights);
  CHECK_EQ(after.arenas, before.arenas);
}

TEST(whatNoMachineHasIsRefused) {
  const MemoryUsage before = memoryUsage();
  CHECK(allocate(std::size_t{1} << 60, MemoryKind::kTensor) == nullptr);
  CHECK(allocate(~std::size_t{0}, MemoryKind::kTensor) == nullptr);
  CHECK_EQ(MemoryBlock::make(std::size_t{1} << 60, MemoryKind::kTensor).size(), 0u);
  CHECK_EQ(memoryUsage().tensors, before.tensors);
}

TEST(freedBlocksAreReused) {
  trimMemory();
  void* first = allocate(1 << 20, MemoryKind::kTensor);
  release(first, 1 << 20, MemoryKind::kTensor);
  void* second = allocate((1 << 20) - 5000, MemoryKind::kTensor);
  CHECK(first == second);
  release(second, (1 << 20) - 5000, MemoryKind::kTensor);
  trimMemory();
}

TEST(largeBlocksAreReusedWhileTensorsUseAsMuch) {
  trimMemory();
  constexpr std::size_t kBytes = std::size_t{40} << 20;
  constexpr std::byte kMark{0xa5};
  void* live = allocate(kBytes, MemoryKind::kTensor);
  void* first = allocate(kBytes, MemoryKind::kTensor);
  REQUIRE(live != nullptr && first != nullptr);
  std::byte* marked = static_cast<std::byte*>(first) + kBytes / 2;
  *marked = kMark;
  release(first, kBytes, MemoryKind::kTensor);
  CHECK(allocate(kBytes, MemoryKind::kTensor) == first);
  CHECK(*marked == kMark);
  release(first, kBytes, MemoryKind::kTensor);
  // With the last tensor goes what was kept: memory is fresh again, which the system clears.
  release(live, kBytes, MemoryKind::kTensor);
  for (int n = 0; n < 2; ++n) {
    auto* fresh = static_cast<std::byte*>(allocate(kBytes, MemoryKind::kTensor));
    REQUIRE(fresh != nullptr);
    CHECK(fresh[kBytes / 2] == std::byte{0});
    fresh[kBytes / 2] = kMark;
    release(fresh, kBytes, MemoryKind::kTensor);
  }
}

/// Live blocks must never share memory, whatever the cache gives out again.
TEST(liveBlocksKeepTheirContents) {
  struct Live {
    unsigned char* memory;
    std::size_t bytes;
    unsigned char mark;
  };
  std::mt19937 engine(7);
  std::vector<Live> live;
  const auto check = [](const Live& block) {
    for (const std::size_t at : {std::size_t{0}, block.bytes / 2, block.bytes - 1}) {
      if (block.memory[at] != block.mark) return false;
    }
    return true;
  };
  for (int step = 0; step < 20'000; ++step) {
    if (live.size() < 40 || engine() % 2 == 0) {
      const std::size_t bytes = 1 + (std::size_t{1} << (engine() % 23)) + engine() % 1000;
      auto* memory = static_cast<unsigned char*>(allocate(bytes, MemoryKind::kTensor));
      REQUIRE(memory != nullptr);
      const auto mark = static_cast<unsigned char>(engine());
      for (const std::size_t at : {std::size_t{0}, bytes / 2, bytes - 1}) memory[at] = mark;
      live.push_back({memory, bytes, mark});
    }
    if (live.size() > 40) {
      const std::size_t index = engine() % live.size();
      CHECK(check(live[index]));
      release(live[index].memory, live[index].bytes, MemoryKind::kTensor);
      live[index] = live.back();
      live.pop_back();
    }
  }
  for (const Live& block : live) {
    CHECK(check(block));
    release(block.memory, block.bytes, MemoryKind::kTensor);
  }
  trimMemory();
}

TEST(threadsAllocateSideBySide) {
  const std::int64_t before = memoryUsage().tensors;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([seed] {
      std::mt19937 engine(seed);
      for (int step = 0; step < 2000; ++step) {
        MemoryBlock block = MemoryBlock::make(1 + engine() % 300'000, MemoryKind::kTensor);
        block.data()[block.size() - 1] = std::byte{1};
        if (step % 500 == 0) trimMemory();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(memoryUsage().tensors, before);
  trimMemory();
}

TEST(scratchHandsOutSeparateAlignedPieces) {
  const std::int64_t before = memoryUsage().arenas;
  {
    Scratch scratch;
    for (int round = 0; round < 3; ++round) {
      std::vector<std::pair<unsigned char*, std::int64_t>> pieces;
      for (const std::int64_t count : {0, 1, 63, 64, 65, 70'000, 3, 1'000'000}) {
        auto* piece = scratch.allocate<unsigned char>(count);
        REQUIRE(piece != nullptr);
        CHECK(isAligned(piece, 64));
        std::memset(piece, static_cast<int>(pieces.size()), static_cast<std::size_t>(count));
        pieces.emplace_back(piece, count);
      }
      for (std::size_t index = 0; index < pieces.size(); ++index) {
        const auto [piece, count] = pieces[index];
        for (std::int64_t at = 0; at < count; ++at) {
          if (piece[at] != index) CHECK_EQ(static_cast<std::size_t>(piece[at]), index);
        }
      }
      scratch.reset();
    }
    CHECK(scratch.allocate<float>(-1) == nullptr);
    CHECK(scratch.allocate<double>(std::int64_t{1} << 45) == nullptr);
    CHECK(scratch.allocate<double>(std::int64_t{1} << 62) == nullptr);
    CHECK(scratch.allocate<double>(10) != nullptr);
    CHECK(memoryUsage().arenas > before);
  }
  CHECK_EQ(memoryUsage().arenas, before);
}

TEST(scratchThatGrewIsInOnePieceNextTime) {
  Scratch scratch;
  const auto fill = [&] {
    std::vector<std::byte*> pieces;
    for (int index = 0; index < 20; ++index) pieces.push_back(scratch.allocate<std::byte>(50'000));
    return pieces;
  };
  fill();
  scratch.reset();
  const std::vector<std::byte*> pieces = fill();
  for (std::size_t index = 1; index < pieces.size(); ++index) CHECK(pieces[index] > pieces[index - 1]);
  CHECK(pieces.back() - pieces.front() < 20 * 50'048);
}

/// A file in the temporary folder that is gone at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& contents) {
    const std::string name = "gemmule-test-" + std::to_string(std::random_device{}()) + "-\u00e9";
    path_ = std::filesystem::temp_directory_path() / std::filesystem::path(std::u8string(name.begin(), name.end()));
    std::FILE* file = open(path_.c_str());
    if (file == nullptr) return;
    written_ = std::fwrite(contents.data(), 1, contents.size(), file) == contents.size();
    written_ = std::fclose(file) == 0 && written_;
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  /// In UTF-8.
  std::string path() const {
    const std::u8string text = path_.u8string();
    return {text.begin(), text.end()};
  }
  bool written() const { return written_; }

 private:
  static std::FILE* open(const char* path) { return std::fopen(path, "wb"); }
#if defined(_WIN32)
  static std::FILE* open(const wchar_t* path) { return _wfopen(path, L"wb"); }
#endif

  std::filesystem::path path_;
  bool written_ = false;
};

TEST(filesAreMappedAsPrivateCopies) {
  const std::int64_t before = memoryUsage().mappedFiles;
  const TemporaryFile file("a few words, of which all must be seen");
  REQUIRE(file.written());
  FileMap map;
  CHECK_OK(mapFile(file.path(), map));
  CHECK_EQ(map.bytes, 38u);
  CHECK_EQ(memoryUsage().mappedFiles - before, 38);
  REQUIRE(map.data != nullptr);
  CHECK(std::memcmp(map.data, "a few words", 11) == 0);
  map.data[0] = std::byte{'A'};
  FileMap again;
  CHECK_OK(mapFile(file.path(), again));
  CHECK(again.data[0] == std::byte{'a'});
  unmapFile(map);
  unmapFile(again);
  CHECK_EQ(memoryUsage().mappedFiles, before);
}

TEST(filesThatCannotBeMappedSayWhy) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  FileMap map;
  const Status missing = mapFile((folder / "there/is/no/such/file").string(), map);
  CHECK(!missing.isOk());
  CHECK(missing.message().find("No such file") != std::string::npos);
  CHECK(!mapFile(folder.string(), map).isOk());
#if defined(_WIN32)
  CHECK(!mapFile("NUL", map).isOk());
#else
  CHECK(!mapFile("/dev/null", map).isOk());
#endif
  const TemporaryFile empty("");
  CHECK_OK(mapFile(empty.path(), map));
  CHECK_EQ(map.bytes, 0u);
  CHECK(map.data == nullptr);
  unmapFile(map);
}

}  // namespace
}  // namespace gemmule

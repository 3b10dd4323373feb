// The thread team: every item once, on lanes that are never shared, from several threads at once.

#include "runtime/thread_team.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cpu.h"
#include "runtime/system.h"
#include "test/check.h"

namespace gemmule {
namespace {

/// Runs `count` items and checks that each was visited once, in ranges that hold at least `grain` items.
void checkCover(ThreadTeam& team, std::int64_t count, std::int64_t grain) {
  const test::Scope scope(std::to_string(team.threads()) + " threads, " + std::to_string(count) + " items by " +
                          std::to_string(grain));
  std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
  std::vector<std::atomic<int>> busy(static_cast<std::size_t>(team.threads()));
  std::atomic<int> wrong{0};
  team.parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end, int lane) {
    if (lane < 0 || lane >= team.threads() || begin >= end) {
      ++wrong;
      return;
    }
    // Two ranges on one lane at once would share its scratch memory.
    if (busy[static_cast<std::size_t>(lane)].exchange(1) != 0) ++wrong;
    if (end - begin < grain && end - begin < count) ++wrong;
    for (std::int64_t item = begin; item < end; ++item) ++visits[static_cast<std::size_t>(item)];
    busy[static_cast<std::size_t>(lane)].store(0);
  });
  CHECK_EQ(wrong.load(), 0);
  int missed = 0;
  for (const std::atomic<int>& visit : visits) missed += visit.load() != 1;
  CHECK_EQ(missed, 0);
}

TEST(everyItemIsDoneOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadTeam team(threads);
    CHECK_EQ(team.threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 7, 8, 9, 1000, 12'345}) {
      for (const std::int64_t grain : {1, 3, 100, 20'000}) checkCover(team, count, grain);
    }
  }
}

TEST(thousandsOfShortJobs) {
  ThreadTeam team(4);
  const ThreadTeam::Session session(team);
  std::int64_t total = 0;
  for (int job = 0; job < 20'000; ++job) {
    std::atomic<std::int64_t> sum{0};
    team.parallelFor(job % 9, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t item = begin; item < end; ++item) sum += item;
    });
    total += sum;
  }
  std::int64_t expected = 0;
  for (int job = 0; job < 20'000; ++job) expected += (job % 9) * (job % 9 - 1) / 2;
  CHECK_EQ(total, expected);
}

TEST(aThreadIsKeptOffAProcessorAndComesBack) {
  std::atomic<int> number{0};
  std::atomic<bool> mayReturn{false};
  std::atomic<bool> isKeptOff{false};
  std::atomic<int> processors{0};
  system::ProcessorSet before;
  system::Thread thread;
  CHECK(thread.start([&] {
    number = system::threadNumber();
    while (!mayReturn) std::this_thread::yield();
    const int fewer = system::processors();
    if (isKeptOff) system::allowProcessors(before);
    processors = system::processors() - fewer;
  }));
  const int all = system::processors();
  // A system without such numbers has nothing to test.
  for (int wait = 0; number == 0 && wait < 1000; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  isKeptOff = number != 0 && system::keepOffThisProcessor(number, before);
  if (number != 0) CHECK_EQ(isKeptOff.load(), all > 1);
  mayReturn = true;
  thread.join();
  if (isKeptOff) CHECK_EQ(processors.load(), 1);
  CHECK_EQ(system::processors(), all);
}

TEST(theOthersGoOnWhereOneIsHeldUp) {
  ThreadTeam team(2);
  if (team.threads() < 2) return;
  constexpr std::int64_t kCount = 256;
  std::atomic<std::int64_t> done{0};
  // The lane that has item 0 comes back to its range only when the other has done everything that is left.
  team.parallelFor(kCount, 1, [&](std::int64_t begin, std::int64_t end, int) {
    while (begin == 0 && done < kCount - end) std::this_thread::yield();
    done += end - begin;
  });
  CHECK_EQ(done.load(), kCount);
}

TEST(severalThreadsUseOneTeam) {
  ThreadTeam team(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int job = 0; job < 2000; ++job) {
        std::atomic<int> done{0};
        team.parallelFor(100, 10,
                         [&](std::int64_t begin, std::int64_t end, int) { done += static_cast<int>(end - begin); });
        if (done != 100) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(aJobInsideAJobRunsOnItsCaller) {
  ThreadTeam team(3);
  std::atomic<int> done{0};
  team.parallelFor(6, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t item = begin; item < end; ++item) {
      team.parallelFor(5, 1, [&](std::int64_t first, std::int64_t last, int lane) {
        CHECK_EQ(lane, 0);
        done += static_cast<int>(last - first);
      });
    }
  });
  CHECK_EQ(done.load(), 30);
}

TEST(teamsComeAndGo) {
  for (int round = 0; round < 200; ++round) {
    ThreadTeam team(1 + round % 5);
    if (round % 3 == 0) continue;
    std::atomic<int> done{0};
    team.parallelFor(10, 1, [&](std::int64_t begin, std::int64_t end, int) { done += static_cast<int>(end - begin); });
    CHECK_EQ(done.load(), 10);
  }
}

TEST(absurdThreadCountsMeanOne) {
  CHECK_EQ(ThreadTeam(0).threads(), 1);
  CHECK_EQ(ThreadTeam(-5).threads(), 1);
}

TEST(theProcessorIsKnown) {
  CHECK(availableProcessors() >= 1);
  const CpuFeatures& features = cpuFeatures();
  // Later levels contain earlier ones.
  CHECK(!features.avx512 || features.avx2);
  CHECK(!features.avx512Vnni || features.avx512);
  CHECK(!features.avx512Bf16 || features.avx512);
  CHECK(!features.neonDotProduct || features.neon);
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    CHECK(std::string(isaName(isa)) != "unknown");
  }
  CHECK(activeIsa() != Isa::kAvx2 || features.avx2);
  CHECK(activeIsa() != Isa::kAvx512 || features.avx512);
}

}  // namespace
}  // namespace gemmule

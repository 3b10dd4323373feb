#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "runtime/status.h"

namespace gemmule {

/// How far a task is.
struct TaskProgress {
  /// Blocks that were taken on; all of them are done once `execute` has returned.
  std::int64_t next = 0;
  /// What the blocks that are done count: words, pairs.
  std::int64_t items = 0;
  /// The sum of their losses, and of how many.
  double loss = 0;
  std::int64_t terms = 0;
};

/// Work of minutes or hours, cut into blocks that threads of its own take in order; off the event loop, and beside the
/// engine's team, which stays free for others. With one thread it is done in order, and so always the same.
class BlockTask {
 public:
  virtual ~BlockTask() = default;
  BlockTask(const BlockTask&) = delete;
  BlockTask& operator=(const BlockTask&) = delete;

  /// Does the blocks on that many threads, the caller's included, until all are done, one has failed, or `cancel`. A
  /// block that has begun is always finished. Once only.
  Status execute(int threads);
  /// From any thread.
  void cancel() { stopped_.store(true, std::memory_order_relaxed); }
  /// From any thread.
  TaskProgress progress() const;

 protected:
  /// What one block adds to the progress.
  struct Work {
    std::int64_t items = 0;
    double loss = 0;
    std::int64_t terms = 0;
  };

  BlockTask(std::int64_t first, std::int64_t end) : next_(first), end_(end) {}

  /// Checks the arguments and makes what each lane needs; before any block, on one thread.
  virtual Status prepare(int lanes) = 0;
  virtual Status runBlock(std::int64_t block, int lane, Work& work) = 0;

 private:
  std::atomic<std::int64_t> next_;
  const std::int64_t end_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::int64_t> items_{0};
  std::atomic<double> loss_{0};
  std::atomic<std::int64_t> terms_{0};
};

}  // namespace gemmule

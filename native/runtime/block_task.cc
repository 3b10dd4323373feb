#include "runtime/block_task.h"

#include <algorithm>
#include <mutex>

#include "runtime/thread_team.h"

namespace gemmule {

Status BlockTask::execute(int threads) {
  if (Status status = prepare(threads); !status.isOk()) return status;
  // Not the engine's: this takes long, and those who find a team busy work alone.
  ThreadTeam team(threads);
  std::mutex mutex;
  Status failure;
  team.parallelFor(threads, 1, [&](std::int64_t, std::int64_t, int lane) {
    while (!stopped_.load(std::memory_order_relaxed)) {
      // Never beyond the end: `next_` says how far the task is.
      std::int64_t block = next_.load(std::memory_order_relaxed);
      while (block < end_ && !next_.compare_exchange_weak(block, block + 1, std::memory_order_relaxed)) {
      }
      if (block >= end_) return;
      Work work;
      if (Status status = runBlock(block, lane, work); !status.isOk()) {
        cancel();
        std::lock_guard lock(mutex);
        if (failure.isOk()) failure = std::move(status);
        return;
      }
      items_.fetch_add(work.items, std::memory_order_relaxed);
      loss_.fetch_add(work.loss, std::memory_order_relaxed);
      terms_.fetch_add(work.terms, std::memory_order_relaxed);
    }
  });
  return failure;
}

TaskProgress BlockTask::progress() const {
  return {next_.load(std::memory_order_relaxed), items_.load(std::memory_order_relaxed),
          loss_.load(std::memory_order_relaxed), terms_.load(std::memory_order_relaxed)};
}

}  // namespace gemmule

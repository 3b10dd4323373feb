#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "runtime/block_task.h"
#include "runtime/program.h"
#include "runtime/scratch.h"
#include "runtime/status.h"
#include "runtime/system.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// The engine of the process: the thread team, and one thread that runs Programs in the order of their submission.
class Engine {
 public:
  /// The engine of this process; made with the first use, gone with the last.
  static std::shared_ptr<Engine> shared();

  Engine();
  /// Stops.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The team. Those who hold it keep it; `setThreads` makes another.
  std::shared_ptr<ThreadTeam> team() const;
  void setThreads(int threads);

  /// Queues a run. `done` is called once, on the engine's thread, when it has ended or was cancelled; on the caller's
  /// where the system refuses a thread.
  void submit(std::shared_ptr<ProgramRun> run, std::function<void(const Status&)> done);

  /// Starts a task on threads of its own. `done` is called once, on one of them, when it has ended; on the caller's
  /// where the system refuses a thread.
  void start(std::shared_ptr<BlockTask> task, int threads, std::function<void(const Status&)> done);
  /// Cancels a task that was started and waits until its threads have ended; nothing when they have been waited for.
  void finish(const BlockTask& task);

  /// Cancels all runs and tasks, waits until the operations and blocks in progress have ended and ends the threads.
  /// Nothing can be submitted any more.
  void stop();

 private:
  struct Job {
    std::shared_ptr<ProgramRun> run;
    std::function<void(const Status&)> done;
  };

  struct Started {
    std::shared_ptr<BlockTask> task;
    system::Thread thread;
  };

  void loop();

  mutable std::mutex teamMutex_;
  std::shared_ptr<ThreadTeam> team_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::shared_ptr<ProgramRun> running_;
  bool stopping_ = false;
  system::Thread thread_;

  std::mutex tasksMutex_;
  std::list<Started> tasks_;
};

}  // namespace gemmule

#include "runtime/engine.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "runtime/cpu.h"
#include "runtime/memory.h"

namespace gemmule {
namespace {

/// After this long without work, memory kept for the next run is given back.
constexpr auto kIdleTime = std::chrono::seconds(10);
/// OpenBLAS has working memory for some 700 threads and ends the process beyond.
constexpr int kMostThreads = 256;

int defaultThreads() {
  if (const char* text = std::getenv("GEMMULE_NUM_THREADS"); text != nullptr) {
    char* end = nullptr;
    const long threads = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && threads >= 1) return static_cast<int>(std::min<long>(threads, kMostThreads));
  }
  return availableProcessors();
}

Status noThread() { return Status::outOfMemory("the system refuses another thread"); }

}  // namespace

std::shared_ptr<Engine> Engine::shared() {
  // Never destroyed: environments may end after static destructors have begun to run.
  static std::mutex& mutex = *new std::mutex;
  static std::weak_ptr<Engine>& engine = *new std::weak_ptr<Engine>;
  std::lock_guard lock(mutex);
  std::shared_ptr<Engine> current = engine.lock();
  if (current == nullptr) {
    // `process.exit()` ends no environment. A run that were still in progress would meet libraries (OpenBLAS, for one)
    // that have destroyed their own tables.
    static const int registered = std::atexit([] {
      std::shared_ptr<Engine> last;
      {
        std::lock_guard exitLock(mutex);
        last = engine.lock();
      }
      if (last != nullptr) last->stop();
    });
    static_cast<void>(registered);
    current = std::make_shared<Engine>();
    engine = current;
  }
  return current;
}

Engine::Engine() : team_(std::make_shared<ThreadTeam>(defaultThreads())) {}

Engine::~Engine() { stop(); }

void Engine::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (running_ != nullptr) running_->cancel();
    for (const Job& job : queue_) job.run->cancel();
  }
  changed_.notify_all();
  if (thread_.isStarted()) thread_.join();
  std::list<Started> tasks;
  {
    std::lock_guard lock(tasksMutex_);
    tasks.swap(tasks_);
  }
  for (const Started& started : tasks) started.task->cancel();
  for (Started& started : tasks) started.thread.join();
}

void Engine::start(std::shared_ptr<BlockTask> task, int threads, std::function<void(const Status&)> done) {
  system::Thread thread;
  {
    std::lock_guard lock(tasksMutex_);
    if (thread.start([task, threads, done] { done(task->execute(threads)); })) {
      tasks_.push_back({std::move(task), std::move(thread)});
      return;
    }
  }
  done(noThread());
}

void Engine::finish(const BlockTask& task) {
  std::list<Started> found;
  {
    std::lock_guard lock(tasksMutex_);
    const auto isTask = [&](const Started& started) { return started.task.get() == &task; };
    const auto position = std::find_if(tasks_.begin(), tasks_.end(), isTask);
    if (position == tasks_.end()) return;
    found.splice(found.begin(), tasks_, position);
  }
  found.front().task->cancel();
  found.front().thread.join();
}

std::shared_ptr<ThreadTeam> Engine::team() const {
  std::lock_guard lock(teamMutex_);
  return team_;
}

void Engine::setThreads(int threads) {
  auto next = std::make_shared<ThreadTeam>(std::clamp(threads, 1, kMostThreads));
  std::lock_guard lock(teamMutex_);
  std::swap(team_, next);
}

void Engine::submit(std::shared_ptr<ProgramRun> run, std::function<void(const Status&)> done) {
  {
    std::lock_guard lock(mutex_);
    if (thread_.isStarted() || thread_.start([this] { loop(); })) {
      queue_.push_back({std::move(run), std::move(done)});
      done = nullptr;
    }
  }
  if (done != nullptr) {
    done(noThread());
  } else {
    changed_.notify_one();
  }
}

void Engine::loop() {
  MemoryBlock arena;
  auto scratch = std::make_unique<Scratch>();
  std::unique_lock lock(mutex_);
  while (true) {
    const auto ready = [this] { return stopping_ || !queue_.empty(); };
    if (!changed_.wait_for(lock, kIdleTime, ready)) {
      arena = MemoryBlock();
      scratch = std::make_unique<Scratch>();
      changed_.wait(lock, ready);
    }
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    running_ = job.run;
    lock.unlock();
    {
      const std::shared_ptr<ThreadTeam> team = this->team();
      const ThreadTeam::Session session(*team);
      job.done(job.run->execute(*team, *scratch, arena));
    }
    lock.lock();
    running_ = nullptr;
    lock.unlock();
    // What the run owns is freed here, outside of the lock.
    job = {};
    lock.lock();
  }
}

}  // namespace gemmule

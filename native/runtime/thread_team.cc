#include "runtime/thread_team.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "runtime/cpu.h"
#include "runtime/system.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gemmule {
namespace {

constexpr int kMostThreads = 256;
constexpr auto kSpinTime = std::chrono::microseconds(20);
/// How long workers may take to wake up before the caller looks to it.
constexpr auto kPatience = std::chrono::microseconds(20);

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Spins until `done()` or until the time is up; returns whether it was done.
template <typename Done>
bool spinUntil(Done done) {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int round = 0; round < 64; ++round) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

// One word says which job is on and which of its ranges is next, so that a thread that wakes late can never take a
// range of a job that it has not seen: job number << 32 | number of ranges << 16 | next range.
constexpr std::uint64_t packTicket(std::uint32_t job, std::uint32_t ranges) {
  return std::uint64_t{job} << 32 | std::uint64_t{ranges} << 16;
}
constexpr std::uint32_t rangesOf(std::uint64_t ticket) { return ticket >> 16 & 0xffff; }
constexpr std::uint32_t nextOf(std::uint64_t ticket) { return ticket & 0xffff; }

/// Rounds of a job: in each, every lane gets an equal range of half of what is left, in the last of all of it. A lane
/// that is held up, or that got dearer items, leaves the small ranges at the end to the others.
constexpr int kMostRounds = 7;

/// The borders of a job's ranges.
struct Cut {
  std::int64_t count = 0;
  std::int64_t lanes = 1;
  int rounds = 1;

  Cut() = default;
  Cut(std::int64_t items, std::int64_t grain, std::int64_t lanesAtMost)
      : count(items), lanes(std::clamp<std::int64_t>(items / grain, 1, lanesAtMost)) {
    while (rounds < kMostRounds && (count >> rounds) / lanes >= grain) ++rounds;
  }

  std::int64_t ranges() const { return lanes * rounds; }

  std::int64_t begin(std::int64_t range) const {
    const std::int64_t round = range / lanes;
    if (round == rounds) return count;
    const std::int64_t first = count - (count >> round);
    const std::int64_t items = (round == rounds - 1 ? count : count - (count >> (round + 1))) - first;
    return first + items * (range % lanes) / lanes;
  }
};

}  // namespace

struct ThreadTeam::State {
  struct Worker {
    system::Thread thread;
    /// 0 until it has begun.
    std::atomic<int> number{0};
    /// Whether it may run on fewer processors than `before`.
    std::atomic<bool> isKeptOff{false};
    system::ProcessorSet before;
  };

  using Body = FunctionRef<void(std::int64_t, std::int64_t, int)>;

  explicit State(int workerCount) : workers(static_cast<std::size_t>(workerCount)) {}

  /// Takes ranges of the current job until none is left.
  void work(int lane) {
    std::uint64_t current = ticket.load(std::memory_order_acquire);
    while (nextOf(current) < rangesOf(current)) {
      if (!ticket.compare_exchange_weak(current, current + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        continue;
      }
      // The job cannot end, and its fields cannot change, before this range is counted as done.
      const std::int64_t range = nextOf(current);
      (*body)(cut.begin(range), cut.begin(range + 1), lane);
      if (lane == 0) freeWorkers(range);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
      current = ticket.load(std::memory_order_acquire);
    }
  }

  /// Linux sometimes has a worker wait for the very processor that its caller works on, beside an idle one, and goes on
  /// so for dozens of calls. If none has woken up, they are kept off that processor, once, until they have.
  void freeWorkers(std::int64_t range) {
    if (haveWoken.load(std::memory_order_relaxed) || range + 1 == cut.ranges()) return;
    if (std::chrono::steady_clock::now() - called < kPatience) return;
    called = std::chrono::steady_clock::time_point::max();
    for (Worker& worker : workers) {
      const int number = worker.number.load(std::memory_order_relaxed);
      if (number == 0 || worker.isKeptOff.load(std::memory_order_acquire)) continue;
      if (system::keepOffThisProcessor(number, worker.before)) worker.isKeptOff.store(true, std::memory_order_release);
    }
  }

  /// Notes that workers are called, from now on or since they last had not woken up.
  void noteCall() {
    if (haveWoken.exchange(false, std::memory_order_relaxed)) called = std::chrono::steady_clock::now();
  }

  void runWorker(int lane) {
    Worker& self = workers[static_cast<std::size_t>(lane) - 1];
    self.number.store(system::threadNumber(), std::memory_order_relaxed);
    int seen = 0;
    while (true) {
      if (sessions.load(std::memory_order_relaxed) > 0) {
        spinUntil([&] { return wakeups.load(std::memory_order_relaxed) != seen; });
      }
      wakeups.wait(seen, std::memory_order_acquire);
      seen = wakeups.load(std::memory_order_acquire);
      haveWoken.store(true, std::memory_order_relaxed);
      if (self.isKeptOff.load(std::memory_order_acquire)) {
        system::allowProcessors(self.before);
        self.isKeptOff.store(false, std::memory_order_release);
      }
      if (stopping.load(std::memory_order_acquire)) return;
      work(lane);
    }
  }

  std::atomic<std::uint64_t> ticket{0};
  /// Ranges of the current job that are not done.
  std::atomic<int> pending{0};
  /// Changes whenever there is something new; sleeping workers wait for it.
  std::atomic<int> wakeups{0};
  std::atomic<int> sessions{0};
  std::atomic<bool> stopping{false};
  /// Whether any worker has woken up since `called`, when those who hold `busy` began to call.
  std::atomic<bool> haveWoken{true};
  std::chrono::steady_clock::time_point called;
  /// Held by the thread whose job is on.
  std::atomic<bool> busy{false};
  std::uint32_t job = 0;
  Cut cut;
  const Body* body = nullptr;
  std::vector<Worker> workers;
  /// Workers that the system has granted.
  int started = 0;
};

ThreadTeam::ThreadTeam(int threads) : state_(std::make_unique<State>(std::clamp(threads, 1, kMostThreads) - 1)) {
  for (State::Worker& worker : state_->workers) {
    // Where the system refuses more threads, fewer do the work.
    const int lane = state_->started + 1;
    if (!worker.thread.start([state = state_.get(), lane] { state->runWorker(lane); })) break;
    state_->started = lane;
  }
}

ThreadTeam::~ThreadTeam() {
  state_->stopping.store(true, std::memory_order_release);
  state_->wakeups.fetch_add(1, std::memory_order_acq_rel);
  state_->wakeups.notify_all();
  for (State::Worker& worker : state_->workers) {
    if (worker.thread.isStarted()) worker.thread.join();
  }
}

int ThreadTeam::threads() const { return state_->started + 1; }

void ThreadTeam::parallelFor(std::int64_t count, std::int64_t grain,
                             FunctionRef<void(std::int64_t begin, std::int64_t end, int lane)> body) {
  if (count <= 0) return;
  const Cut cut(count, std::max<std::int64_t>(grain, 1), threads());
  State& state = *state_;
  if (cut.lanes == 1 || state.busy.exchange(true, std::memory_order_acquire)) {
    body(0, count, 0);
    return;
  }
  const std::int64_t ranges = cut.ranges();
  state.cut = cut;
  state.body = &body;
  state.pending.store(static_cast<int>(ranges), std::memory_order_relaxed);
  state.ticket.store(packTicket(++state.job, static_cast<std::uint32_t>(ranges)), std::memory_order_release);
  state.noteCall();
  state.wakeups.fetch_add(1, std::memory_order_acq_rel);
  if (cut.lanes == threads()) {
    state.wakeups.notify_all();
  } else {
    for (std::int64_t worker = 1; worker < cut.lanes; ++worker) state.wakeups.notify_one();
  }
  state.work(0);
  if (!spinUntil([&] { return state.pending.load(std::memory_order_acquire) == 0; })) {
    int left;
    while ((left = state.pending.load(std::memory_order_acquire)) != 0) {
      state.pending.wait(left, std::memory_order_acquire);
    }
  }
  state.busy.store(false, std::memory_order_release);
}

ThreadTeam::Session::Session(ThreadTeam& team) : team_(team) {
  if (availableProcessors() > 1) team_.state_->sessions.fetch_add(1, std::memory_order_relaxed);
}

ThreadTeam::Session::~Session() {
  if (availableProcessors() > 1) team_.state_->sessions.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gemmule

#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace gemmule {

/// A reference to a callable, without allocation; it must outlive the call.
template <typename Signature>
class FunctionRef;

template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <typename Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef>)
      FunctionRef(Callable&& callable)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(arguments...);
        }) {}

  Result operator()(Arguments... arguments) const { return call_(object_, arguments...); }

 private:
  void* object_;
  Result (*call_)(void*, Arguments...);
};

/// The threads of the engine: one team a process. The calling thread is lane 0 and works too.
///
/// Work is cut into contiguous ranges, large ones first, which lanes take as they come for them. No sum is ever split
/// between ranges, so results depend neither on how many threads there are nor on who takes what.
class ThreadTeam {
 public:
  /// Runs on `threads` lanes, the caller's included; 1 means that nothing is ever handed over.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int threads() const;

  /// Calls `body(begin, end, lane)` over disjoint ranges that cover [0, count), each of at least `grain` items (or all
  /// of them), and returns when all are done. A lane takes one range after the other; `lane` is the thread's own, from
  /// 0 to threads() - 1, however few the ranges. With one range's worth of work, or while another thread uses the team,
  /// everything runs on the caller as lane 0.
  void parallelFor(std::int64_t count, std::int64_t grain,
                   FunctionRef<void(std::int64_t begin, std::int64_t end, int lane)> body);

  /// While one lives, more parallel work is expected at once: where there is more than one processor, threads that
  /// have finished spin for a moment before they sleep.
  class Session {
   public:
    explicit Session(ThreadTeam& team);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

   private:
    ThreadTeam& team_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemmule

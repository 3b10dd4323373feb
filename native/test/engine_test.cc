// The engine: its queue, its end while runs wait, and threads that change under it.

#include "runtime/engine.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/words_writer.h"

namespace gemmule {
namespace {

using test::argument;
using test::constantSize;
using test::ProgramWords;
using test::SizeWords;

constexpr int kSize = 64;

/// A Program of `operations` products that give 1 everywhere for an input of 1.
std::shared_ptr<const Program> chain(std::vector<float>& weight, int operations) {
  ProgramWords words;
  const std::vector<SizeWords> dims = {constantSize(kSize), constantSize(kSize)};
  const std::vector<SizeWords> strides = {constantSize(kSize), constantSize(1)};
  const int constant = words.constantArray(DType::kFloat32);
  int value = words.input(DType::kFloat32, dims);
  for (int step = 0; step < operations; ++step) {
    value =
        words.operation("matmul", {{value, DType::kFloat32, dims, strides}, {constant, DType::kFloat32, dims, strides}},
                        {}, DType::kFloat32, dims);
  }
  words.output(value);
  std::shared_ptr<const Program> program;
  CHECK_OK(Program::decode(words.all(), {}, {argument(weight)}, program));
  return program;
}

std::vector<float> averages() { return std::vector<float>(kSize * kSize, 1.0f / kSize); }

std::shared_ptr<ProgramRun> bindRun(const std::shared_ptr<const Program>& program, float value,
                                    std::vector<float>& output) {
  std::vector<float> input(kSize * kSize, value);
  output.assign(input.size(), 0.0f);
  auto run = std::make_shared<ProgramRun>(program, 0, 0);
  const Argument inputs[] = {argument(input)};
  const Argument outputs[] = {argument(output)};
  CHECK_OK(run->bind(inputs, outputs));
  return run;
}

TEST(runsEndInTheOrderOfSubmission) {
  std::vector<float> weight = averages();
  const auto program = chain(weight, 3);
  std::vector<std::vector<float>> outputs(200);
  std::vector<int> order;
  std::atomic<int> failed{0};
  {
    Engine engine;
    for (int index = 0; index < 200; ++index) {
      auto run = bindRun(program, static_cast<float>(index), outputs[static_cast<std::size_t>(index)]);
      engine.submit(run, [&, index](const Status& status) {
        order.push_back(index);
        failed += !status.isOk();
      });
      if (index % 50 == 0) engine.setThreads(1 + index / 50);
    }
    std::vector<float> last;
    std::atomic<bool> done{false};
    engine.submit(bindRun(program, 1, last), [&](const Status&) {
      done.store(true);
      done.notify_one();
    });
    done.wait(false);
  }
  CHECK_EQ(failed.load(), 0);
  CHECK_EQ(order.size(), 200u);
  for (int index = 0; index < static_cast<int>(order.size()); ++index) {
    CHECK_EQ(order[static_cast<std::size_t>(index)], index);
    // Sums of 64 equal terms by powers of two are exact.
    CHECK_EQ(outputs[static_cast<std::size_t>(index)][17], static_cast<float>(index));
  }
}

TEST(theEndOfTheEngineCompletesEveryRunOnce) {
  std::vector<float> weight = averages();
  // So long that some runs are left, however late this thread wakes up.
  const auto program = chain(weight, 5000);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<float>> outputs(30);
    std::atomic<int> ended{0};
    std::atomic<int> cancelled{0};
    {
      Engine engine;
      for (std::vector<float>& output : outputs) {
        engine.submit(bindRun(program, 1, output), [&](const Status& status) {
          ++ended;
          cancelled += status.code() == StatusCode::kCancelled;
        });
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    }
    CHECK_EQ(ended.load(), 30);
    CHECK(cancelled.load() > 0);
  }
}

TEST(submittersOfManyThreadsShareIt) {
  std::vector<float> weight = averages();
  const auto program = chain(weight, 2);
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  constexpr int kThreads = 4;
  constexpr int kRuns = 50;
  std::vector<std::vector<float>> outputs(kThreads * kRuns);
  {
    Engine engine;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int index = 0; index < kRuns; ++index) {
          const int number = thread * kRuns + index;
          std::vector<float>& output = outputs[static_cast<std::size_t>(number)];
          engine.submit(bindRun(program, static_cast<float>(number), output), [&, number](const Status& status) {
            right += status.isOk() && output[5] == static_cast<float>(number);
            ++ended;
            ended.notify_one();
          });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int seen = ended.load(); seen < kThreads * kRuns; seen = ended.load()) ended.wait(seen);
  }
  CHECK_EQ(right.load(), kThreads * kRuns);
}

TEST(oneEngineAProcessWhileSomebodyUsesIt) {
  const std::shared_ptr<Engine> first = Engine::shared();
  CHECK(first == Engine::shared());
  first->setThreads(3);
  CHECK_EQ(Engine::shared()->team()->threads(), 3);
  first->setThreads(0);
  CHECK_EQ(first->team()->threads(), 1);
  first->setThreads(1'000'000);
  CHECK(first->team()->threads() <= 256);
}

}  // namespace
}  // namespace gemmule

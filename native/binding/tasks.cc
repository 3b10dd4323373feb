#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/functions.h"
#include "binding/values.h"
#include "runtime/cpu.h"
#include "runtime/words.h"
#include "training/cooccurrence.h"
#include "training/glove.h"
#include "training/word2vec.h"

namespace gemmule {
namespace {

constexpr std::int64_t kLargestInteger = std::int64_t{1} << 53;
constexpr std::int64_t kMostThreads = 256;

/// The numbers and arrays of a task, taken one after the other; any failure sticks.
class TaskReader {
 public:
  TaskReader(std::span<const double> numbers, std::span<const Argument> arrays) : numbers_(numbers), arrays_(arrays) {}

  double number() { return numbers_.number(); }
  std::int64_t integer(std::int64_t most) { return numbers_.integerIn(0, most); }

  template <typename T>
  std::span<T> array() {
    if (arrays_.empty() || arrays_.front().elementBytes != static_cast<std::int64_t>(sizeof(T))) {
      failed_ = true;
      return {};
    }
    const Argument& argument = arrays_.front();
    arrays_ = arrays_.subspan(1);
    return {reinterpret_cast<T*>(argument.data), static_cast<std::size_t>(argument.bytes) / sizeof(T)};
  }

  /// Whether everything was taken, and was what it must be.
  bool isComplete() const { return !failed_ && !numbers_.failed() && numbers_.remaining() == 0 && arrays_.empty(); }

 private:
  WordReader numbers_;
  std::span<const Argument> arrays_;
  bool failed_ = false;
};

/// Limits beyond which sizes computed from them could overflow.
constexpr std::int64_t kMostWords = (std::int64_t{1} << 31) - 1;
constexpr std::int64_t kMostDimensions = std::int64_t{1} << 20;
constexpr std::int64_t kMostSteps = std::int64_t{1} << 20;
constexpr std::int64_t kMostSeed = 0xffffffff;

EncodedCorpus readCorpus(TaskReader& reader) {
  EncodedCorpus corpus;
  corpus.tokens = reader.array<const std::int32_t>();
  corpus.blockStarts = reader.array<const double>();
  return corpus;
}

std::shared_ptr<BlockTask> readWord2Vec(TaskReader& reader) {
  Word2VecSettings s;
  s.continuousBag = reader.integer(1) != 0;
  s.hierarchical = reader.integer(1) != 0;
  s.words = reader.integer(kMostWords);
  s.dimensions = reader.integer(kMostDimensions);
  s.stride = reader.integer(kMostDimensions);
  s.window = reader.integer(kMostSteps);
  s.negatives = reader.integer(kMostSteps);
  s.firstRate = reader.number();
  s.lastRate = reader.number();
  s.epochs = reader.integer(kMostSteps);
  s.seed[0] = static_cast<std::uint32_t>(reader.integer(kMostSeed));
  s.seed[1] = static_cast<std::uint32_t>(reader.integer(kMostSeed));
  s.firstBlock = reader.integer(kLargestInteger);
  s.endBlock = reader.integer(kLargestInteger);
  s.input = reader.array<float>();
  s.output = reader.array<float>();
  s.corpus = readCorpus(reader);
  s.keep = reader.array<const std::uint32_t>();
  s.thresholds = reader.array<const std::uint32_t>();
  s.aliases = reader.array<const std::int32_t>();
  s.pathOffsets = reader.array<const std::int32_t>();
  s.pathNodes = reader.array<const std::int32_t>();
  s.pathLabels = reader.array<const std::uint8_t>();
  s.subwordOffsets = reader.array<const std::int32_t>();
  s.subwordRows = reader.array<const std::int32_t>();
  return std::make_shared<Word2VecTask>(s, kernelsFor(activeIsa()));
}

std::shared_ptr<BlockTask> readGloVe(TaskReader& reader) {
  GloVeSettings s;
  s.words = reader.integer(kMostWords);
  s.dimensions = reader.integer(kMostDimensions);
  s.stride = reader.integer(kMostDimensions);
  s.learningRate = reader.number();
  s.epochs = reader.integer(kMostSteps);
  s.blockPairs = reader.integer(kMostWords);
  s.firstBlock = reader.integer(kLargestInteger);
  s.endBlock = reader.integer(kLargestInteger);
  s.rows = reader.array<float>();
  s.columns = reader.array<float>();
  s.rowSquares = reader.array<float>();
  s.columnSquares = reader.array<float>();
  s.pairRows = reader.array<const std::int32_t>();
  s.pairColumns = reader.array<const std::int32_t>();
  s.pairTargets = reader.array<const float>();
  s.pairWeights = reader.array<const float>();
  return std::make_shared<GloVeTask>(s, kernelsFor(activeIsa()));
}

std::shared_ptr<BlockTask> readCooccurrences(TaskReader& reader) {
  CooccurrenceSettings s;
  s.words = reader.integer(kMostWords);
  s.corpus = readCorpus(reader);
  s.weights = reader.array<const double>();
  s.rowCounts = reader.array<double>();
  s.rowOffsets = reader.array<const double>();
  s.columns = reader.array<std::int32_t>();
  s.values = reader.array<float>();
  return std::make_shared<CooccurrenceTask>(s);
}

struct TaskKind {
  const char* name;
  std::shared_ptr<BlockTask> (*read)(TaskReader& reader);
};

constexpr TaskKind kTaskKinds[] = {
    {"word2vec", readWord2Vec}, {"glove", readGloVe}, {"cooccurrences", readCooccurrences}};

bool readTask(Environment& environment, const Napi::CallbackInfo& info, PendingTask& pending) {
  const Napi::Env env = environment.env;
  const std::string name = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  const auto* kind = std::find_if(std::begin(kTaskKinds), std::end(kTaskKinds),
                                  [&](const TaskKind& candidate) { return name == candidate.name; });
  if (kind == std::end(kTaskKinds)) {
    throwError(env, "startTask: no such task: " + name, "ERR_BACKEND");
    return false;
  }
  ArrayValue numbers;
  if (!readArray(env, info[1], numbers) || numbers.argument.elementBytes != sizeof(double)) {
    throwError(env, "startTask: numbers must be a Float64Array", "ERR_ARGUMENT");
    return false;
  }
  if (!readElements(env, info[2], "startTask: arrays", environment.elements)) return false;
  std::vector<Argument> arrays;
  for (const napi_value element : environment.elements) {
    ArrayValue array;
    if (!environment.readArgument(element, "startTask: an array", array)) return false;
    if (std::shared_ptr<HostMemory> memory = environment.buffers.find(array.bufferStart); memory != nullptr) {
      pending.memory.push_back(std::move(memory));
    }
    arrays.push_back(array.argument);
  }
  TaskReader reader({reinterpret_cast<const double*>(numbers.argument.data),
                     static_cast<std::size_t>(numbers.argument.bytes) / sizeof(double)},
                    arrays);
  pending.task = kind->read(reader);
  if (!reader.isComplete()) {
    throwError(env, "startTask: numbers or arrays are not those of " + name, "ERR_BACKEND");
    return false;
  }
  pending.arrays = Napi::Persistent(info[2].As<Napi::Object>());
  return true;
}

PendingTask* taskOf(Environment& environment, const Napi::Value& value, const char* what) {
  std::int64_t id;
  if (!readInteger(environment.env, value, what, 0, kLargestInteger, id)) return nullptr;
  const auto found = environment.tasks.find(id);
  return found == environment.tasks.end() ? nullptr : &found->second;
}

/// What `TaskProgress` is in `src/backend/native/addon.ts`.
Napi::Value progressValue(Napi::Env env, const TaskProgress& progress) {
  Napi::Object value = Napi::Object::New(env);
  value["next"] = static_cast<double>(progress.next);
  value["items"] = static_cast<double>(progress.items);
  value["loss"] = progress.loss;
  value["terms"] = static_cast<double>(progress.terms);
  return value;
}

}  // namespace

Napi::Value startTask(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  std::int64_t threads;
  if (!readInteger(env, info[3], "startTask: threads", 1, kMostThreads, threads)) return {};
  if (!info[4].IsFunction()) {
    throwError(env, "startTask: callback must be a function", "ERR_ARGUMENT");
    return {};
  }
  PendingTask pending;
  if (!readTask(environment, info, pending)) return {};
  pending.callback = Napi::Persistent(info[4].As<Napi::Function>());
  const std::shared_ptr<BlockTask> task = pending.task;
  const std::int64_t id = ++environment.lastRun;
  environment.completions->keepAlive(env, true);
  environment.tasks.emplace(id, std::move(pending));
  environment.engine->start(
      task, static_cast<int>(threads),
      [completions = environment.completions, id](const Status& status) { completions->post(id, status); });
  return Napi::Number::New(env, static_cast<double>(id));
}

bool finishTask(Environment& environment, std::int64_t id, const Status& status) {
  const auto found = environment.tasks.find(id);
  if (found == environment.tasks.end()) return false;
  environment.engine->finish(*found->second.task);
  const PendingTask pending = std::move(found->second);
  environment.tasks.erase(found);
  if (environment.runs.empty() && environment.tasks.empty()) environment.completions->keepAlive(environment.env, false);
  const TaskProgress progress = pending.task->progress();
  const std::string error = status.message();
  callBack(environment.env, pending.callback, status.isOk() ? nullptr : &error, status.code(),
           progressValue(environment.env, progress));
  return true;
}

Napi::Value taskProgress(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const PendingTask* pending = taskOf(Environment::of(env), info[0], "taskProgress: task");
  if (env.IsExceptionPending()) return {};
  return pending == nullptr ? env.Null() : progressValue(env, pending->task->progress());
}

Napi::Value cancelTask(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // A task that has ended cannot be cancelled any more, which is no error.
  PendingTask* pending = taskOf(Environment::of(env), info[0], "cancelTask: task");
  if (pending != nullptr) pending->task->cancel();
  return env.Undefined();
}

}  // namespace gemmule

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/block_task.h"
#include "training/word2vec.h"

namespace gemmule {

/// What `src/backend/training.ts` says of a CooccurrenceTask.
struct CooccurrenceSettings {
  std::int64_t words = 0;
  EncodedCorpus corpus;
  /// What two words count that are 1, 2, ... apart; as many as the window reaches.
  std::span<const double> weights;
  /// How many words each word meets.
  std::span<double> rowCounts;
  /// The matrix in compressed rows, where `rowOffsets` is not empty; otherwise only `rowCounts` is written.
  std::span<const double> rowOffsets;
  std::span<std::int32_t> columns;
  std::span<float> values;
};

/// How often words meet within a window, on both sides, as rows of a sparse matrix in order of its columns. A block is
/// a row, which one thread sums in float64 in the order of the corpus: the same for any number of threads.
class CooccurrenceTask : public BlockTask {
 public:
  explicit CooccurrenceTask(const CooccurrenceSettings& settings) : BlockTask(0, settings.words), settings_(settings) {}

 protected:
  Status prepare(int lanes) override;
  Status runBlock(std::int64_t block, int lane, Work& work) override;

 private:
  struct Lane {
    std::vector<double> sums;
    std::vector<std::int32_t> met;
  };

  const CooccurrenceSettings settings_;
  /// Where each word stands.
  std::vector<std::int64_t> starts_;
  std::vector<std::int32_t> positions_;
  std::vector<Lane> lanes_;
};

}  // namespace gemmule

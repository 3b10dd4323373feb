#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernel_table.h"
#include "runtime/block_task.h"

namespace gemmule {

/// What `src/backend/training.ts` says of a GloVeTask.
struct GloVeSettings {
  std::int64_t words = 0;
  std::int64_t dimensions = 0;
  std::int64_t stride = 0;
  double learningRate = 0;
  std::int64_t epochs = 0;
  /// Pairs a block.
  std::int64_t blockPairs = 0;
  std::int64_t firstBlock = 0;
  std::int64_t endBlock = 0;

  /// [words, stride] each, in the form of GloveStep.
  std::span<float> rows;
  std::span<float> columns;
  std::span<float> rowSquares;
  std::span<float> columnSquares;
  /// The pairs, in the order in which they are learnt.
  std::span<const std::int32_t> pairRows;
  std::span<const std::int32_t> pairColumns;
  std::span<const float> pairTargets;
  std::span<const float> pairWeights;
};

/// GloVe (Pennington, Socher and Manning 2014), without locks. `src/backend/reference/glove.ts` is the same in plain
/// TypeScript.
class GloVeTask : public BlockTask {
 public:
  GloVeTask(const GloVeSettings& settings, const KernelTable& kernels)
      : BlockTask(settings.firstBlock, settings.endBlock), settings_(settings), kernels_(kernels) {}

 protected:
  Status prepare(int lanes) override;
  Status runBlock(std::int64_t block, int lane, Work& work) override;

 private:
  const GloVeSettings settings_;
  const KernelTable& kernels_;
};

}  // namespace gemmule

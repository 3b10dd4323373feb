#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/block_task.h"
#include "training/generator.h"

namespace gemmule {

/// A corpus as ids of words; -1 ends a sentence. Blocks are what threads take at a time.
struct EncodedCorpus {
  std::span<const std::int32_t> tokens;
  /// Where each block starts, and where the last one ends; at borders of sentences.
  std::span<const double> blockStarts;

  std::int64_t blocks() const { return static_cast<std::int64_t>(blockStarts.size()) - 1; }
};

/// What `src/backend/training.ts` says of a Word2VecTask.
struct Word2VecSettings {
  bool continuousBag = false;
  bool hierarchical = false;
  std::int64_t words = 0;
  std::int64_t dimensions = 0;
  std::int64_t stride = 0;
  std::int64_t window = 0;
  std::int64_t negatives = 0;
  double firstRate = 0;
  double lastRate = 0;
  std::int64_t epochs = 0;
  std::uint32_t seed[2] = {0, 0};
  /// Blocks are counted on through all epochs: from this one to before that one.
  std::int64_t firstBlock = 0;
  std::int64_t endBlock = 0;

  std::span<float> input;
  std::span<float> output;
  EncodedCorpus corpus;
  /// A word stays when a random word is below its number; 2^32 - 1 for always.
  std::span<const std::uint32_t> keep;
  /// Walker's alias table over the words, for negative samples.
  std::span<const std::uint32_t> thresholds;
  std::span<const std::int32_t> aliases;
  /// Each word's path through the Huffman tree: from `pathOffsets[word]` on, nodes and what each shall be scored.
  std::span<const std::int32_t> pathOffsets;
  std::span<const std::int32_t> pathNodes;
  std::span<const std::uint8_t> pathLabels;
  /// The rows whose mean is a word, its own among them; none where every word is its row.
  std::span<const std::int32_t> subwordOffsets;
  std::span<const std::int32_t> subwordRows;
};

/// word2vec (Mikolov et al. 2013) with negative sampling or hierarchical softmax, and fastText's subwords (Bojanowski
/// et al. 2017), without locks. `src/backend/reference/word2vec.ts` is the same in plain TypeScript.
class Word2VecTask : public BlockTask {
 public:
  Word2VecTask(const Word2VecSettings& settings, const KernelTable& kernels)
      : BlockTask(settings.firstBlock, settings.endBlock), settings_(settings), kernels_(kernels) {}

 protected:
  Status prepare(int lanes) override;
  Status runBlock(std::int64_t block, int lane, Work& work) override;

 private:
  /// The arguments of a step that is being made while the one before is done.
  struct Step {
    std::vector<std::int32_t> inputRows;
    std::vector<std::int32_t> outputRows;
    std::vector<float> labels;
  };

  struct Lane {
    std::vector<std::int32_t> sentence;
    std::vector<std::int32_t> reaches;
    Step steps[2];
    std::vector<float> hidden;
    std::vector<float> gradient;
    std::vector<float> scores;
  };

  Status checkArguments() const;
  void makeStep(const Lane& lane, std::size_t centre, Generator& generator, Step& step) const;
  void addInput(std::int32_t word, Step& step) const;
  void addTarget(std::int32_t word, Generator& generator, Step& step) const;
  void addOutputRow(std::int32_t row, bool label, Step& step) const;
  void trainSentence(Lane& lane, float rate, Generator& generator, Work& work) const;

  const Word2VecSettings settings_;
  const KernelTable& kernels_;
  std::vector<Lane> lanes_;
};

/// Whether blocks lie one after the other within the tokens, and every token is a word or -1.
Status checkCorpus(const EncodedCorpus& corpus, std::int64_t words);

}  // namespace gemmule

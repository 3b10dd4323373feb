#include "training/glove.h"

#include <algorithm>
#include <string>

namespace gemmule {
namespace {

constexpr std::int64_t kAhead = 4;

Status refuse(const std::string& what) { return Status::invalid("glove: " + what); }

void prefetchRow(const float* row, std::int64_t stride) {
  for (std::int64_t lane = 0; lane < stride; lane += 16) __builtin_prefetch(row + lane, 1, 3);
}

}  // namespace

Status GloVeTask::prepare(int) {
  const GloVeSettings& s = settings_;
  if (s.words < 1 || s.dimensions < 1 || s.stride < s.dimensions + 2 || s.stride % 16 != 0) {
    return refuse("rows must be multiples of 16 floats that hold the dimensions and two more");
  }
  const auto parameters = static_cast<std::size_t>(s.words * s.stride);
  for (const std::span<float> matrix : {s.rows, s.columns, s.rowSquares, s.columnSquares}) {
    if (matrix.size() != parameters) return refuse("matrices must have a row for each word");
  }
  const std::size_t pairs = s.pairRows.size();
  if (s.pairColumns.size() != pairs || s.pairTargets.size() != pairs || s.pairWeights.size() != pairs) {
    return refuse("pairs must have two words, a target and a weight each");
  }
  const auto isWord = [&](std::int32_t word) { return word >= 0 && word < s.words; };
  if (!std::all_of(s.pairRows.begin(), s.pairRows.end(), isWord) ||
      !std::all_of(s.pairColumns.begin(), s.pairColumns.end(), isWord)) {
    return Status::index("glove: a pair has a word that the vocabulary has not");
  }
  if (s.epochs < 1 || s.blockPairs < 1) return refuse("epochs and the pairs of a block must be at least 1");
  const std::int64_t blocks = (static_cast<std::int64_t>(pairs) + s.blockPairs - 1) / s.blockPairs;
  if (s.firstBlock < 0 || s.endBlock < s.firstBlock || s.endBlock > s.epochs * blocks) {
    return refuse("there are no such blocks");
  }
  return Status::ok();
}

Status GloVeTask::runBlock(std::int64_t block, int, Work& work) {
  const GloVeSettings& s = settings_;
  const auto pairs = static_cast<std::int64_t>(s.pairRows.size());
  const std::int64_t begin = block % ((pairs + s.blockPairs - 1) / s.blockPairs) * s.blockPairs;
  const std::int64_t end = std::min(begin + s.blockPairs, pairs);
  for (std::int64_t pair = begin; pair < end; ++pair) {
    if (pair + kAhead < end) {
      const std::int64_t row = s.pairRows[pair + kAhead] * s.stride;
      const std::int64_t column = s.pairColumns[pair + kAhead] * s.stride;
      prefetchRow(s.rows.data() + row, s.stride);
      prefetchRow(s.columns.data() + column, s.stride);
      prefetchRow(s.rowSquares.data() + row, s.stride);
      prefetchRow(s.columnSquares.data() + column, s.stride);
    }
    const std::int64_t row = s.pairRows[pair] * s.stride;
    const std::int64_t column = s.pairColumns[pair] * s.stride;
    const float loss = kernels_.training.gloveStep({.row = s.rows.data() + row,
                                                    .column = s.columns.data() + column,
                                                    .rowSquares = s.rowSquares.data() + row,
                                                    .columnSquares = s.columnSquares.data() + column,
                                                    .stride = s.stride,
                                                    .dimensions = s.dimensions,
                                                    .target = s.pairTargets[pair],
                                                    .weight = s.pairWeights[pair],
                                                    .learningRate = static_cast<float>(s.learningRate)});
    if (!(loss >= 0)) {
      return Status::numerical("glove: the loss of a pair is not a finite number; use a smaller learning rate");
    }
    work.loss += loss;
    ++work.terms;
    ++work.items;
  }
  return Status::ok();
}

}  // namespace gemmule

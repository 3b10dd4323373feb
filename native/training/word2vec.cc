#include "training/word2vec.h"

#include <algorithm>
#include <string>

namespace gemmule {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::uint32_t kAlways = 0xffffffffu;
constexpr std::int64_t kFloatsPerLine = 16;

template <typename T>
std::int64_t sizeOf(std::span<T> values) {
  return static_cast<std::int64_t>(values.size());
}

Status refuse(const std::string& what) { return Status::invalid("word2vec: " + what); }

/// Lists of numbers in [0, bound), one a word.
bool areLists(std::span<const std::int32_t> offsets, std::span<const std::int32_t> numbers, std::int64_t words,
              std::int64_t bound) {
  if (sizeOf(offsets) != words + 1 || offsets[0] != 0 || offsets[words] != sizeOf(numbers)) return false;
  if (!std::is_sorted(offsets.begin(), offsets.end())) return false;
  return std::all_of(numbers.begin(), numbers.end(),
                     [&](std::int32_t number) { return number >= 0 && number < bound; });
}

std::int64_t longestList(std::span<const std::int32_t> offsets) {
  std::int64_t longest = 1;
  for (std::size_t word = 1; word < offsets.size(); ++word) {
    longest = std::max<std::int64_t>(longest, offsets[word] - offsets[word - 1]);
  }
  return longest;
}

void prefetchRow(const float* row, std::int64_t stride) {
  for (std::int64_t lane = 0; lane < stride; lane += kFloatsPerLine) __builtin_prefetch(row + lane, 1, 3);
}

}  // namespace

Status checkCorpus(const EncodedCorpus& corpus, std::int64_t words) {
  if (corpus.blockStarts.empty() || !(corpus.blockStarts.front() >= 0) ||
      !(corpus.blockStarts.back() <= static_cast<double>(corpus.tokens.size()))) {
    return Status::invalid("training: blocks reach outside the corpus");
  }
  for (std::size_t block = 1; block < corpus.blockStarts.size(); ++block) {
    if (!(corpus.blockStarts[block - 1] <= corpus.blockStarts[block])) {
      return Status::invalid("training: blocks must be in order");
    }
  }
  const bool known = std::all_of(corpus.tokens.begin(), corpus.tokens.end(),
                                 [&](std::int32_t token) { return token >= -1 && token < words; });
  return known ? Status::ok() : Status::index("training: the corpus has a word that the vocabulary has not");
}

Status Word2VecTask::checkArguments() const {
  const Word2VecSettings& s = settings_;
  if (Status status = checkCorpus(s.corpus, s.words); !status.isOk()) return status;
  if (s.words < 1 || s.dimensions < 1 || s.stride < s.dimensions || s.stride % kLanes != 0) {
    return refuse("rows must be multiples of 16 floats that hold the dimensions");
  }
  if (s.window < 1 || s.negatives < 0 || s.epochs < 1) return refuse("window and epochs must be at least 1");
  if (s.firstBlock < 0 || s.endBlock < s.firstBlock || s.endBlock > s.epochs * s.corpus.blocks()) {
    return refuse("there are no such blocks");
  }
  const std::int64_t inputRows = sizeOf(s.input) / s.stride;
  const std::int64_t outputRows = sizeOf(s.output) / s.stride;
  if (sizeOf(s.keep) != s.words || inputRows < s.words) return refuse("arrays must have a row for each word");
  if (s.hierarchical) {
    if (!areLists(s.pathOffsets, s.pathNodes, s.words, outputRows) || s.pathLabels.size() != s.pathNodes.size()) {
      return refuse("paths must be nodes that are there");
    }
  } else {
    const auto isWord = [&](std::int32_t word) { return word >= 0 && word < s.words; };
    if (outputRows < s.words || sizeOf(s.thresholds) != s.words || sizeOf(s.aliases) != s.words ||
        !std::all_of(s.aliases.begin(), s.aliases.end(), isWord)) {
      return refuse("the alias table must be of the words");
    }
  }
  if (!s.subwordOffsets.empty() && !areLists(s.subwordOffsets, s.subwordRows, s.words, inputRows)) {
    return refuse("subwords must be rows that are there");
  }
  return Status::ok();
}

Status Word2VecTask::prepare(int lanes) {
  if (Status status = checkArguments(); !status.isOk()) return status;
  const Word2VecSettings& s = settings_;
  const std::int64_t perWord = s.hierarchical ? longestList(s.pathOffsets) : 1 + s.negatives;
  const std::int64_t targets = perWord * (s.continuousBag ? 1 : 2 * s.window);
  const std::int64_t rounded = (targets + kLanes - 1) / kLanes * kLanes;
  lanes_.resize(static_cast<std::size_t>(lanes));
  for (Lane& lane : lanes_) {
    lane.hidden.resize(static_cast<std::size_t>(s.stride));
    lane.gradient.resize(static_cast<std::size_t>(s.stride));
    lane.scores.resize(static_cast<std::size_t>(rounded));
    for (Step& step : lane.steps) {
      step.outputRows.reserve(static_cast<std::size_t>(rounded));
      step.labels.reserve(static_cast<std::size_t>(rounded));
    }
  }
  return Status::ok();
}

void Word2VecTask::addInput(std::int32_t word, Step& step) const {
  const Word2VecSettings& s = settings_;
  if (s.subwordOffsets.empty()) {
    step.inputRows.push_back(word);
    prefetchRow(s.input.data() + word * s.stride, s.stride);
    return;
  }
  for (std::int32_t n = s.subwordOffsets[word]; n < s.subwordOffsets[word + 1]; ++n) {
    step.inputRows.push_back(s.subwordRows[n]);
    prefetchRow(s.input.data() + s.subwordRows[n] * s.stride, s.stride);
  }
}

void Word2VecTask::addOutputRow(std::int32_t row, bool label, Step& step) const {
  step.outputRows.push_back(row);
  step.labels.push_back(label ? 1.0f : 0.0f);
  prefetchRow(settings_.output.data() + row * settings_.stride, settings_.stride);
}

void Word2VecTask::addTarget(std::int32_t word, Generator& generator, Step& step) const {
  const Word2VecSettings& s = settings_;
  if (s.hierarchical) {
    for (std::int32_t n = s.pathOffsets[word]; n < s.pathOffsets[word + 1]; ++n) {
      addOutputRow(s.pathNodes[n], s.pathLabels[n] != 0, step);
    }
    return;
  }
  addOutputRow(word, true, step);
  for (std::int64_t n = 0; n < s.negatives; ++n) {
    const std::uint32_t column = generator.below(static_cast<std::uint32_t>(s.words));
    const bool stays = generator.next() < s.thresholds[column];
    const std::int32_t sample = stays ? static_cast<std::int32_t>(column) : s.aliases[column];
    if (sample != word) addOutputRow(sample, false, step);
  }
}

void Word2VecTask::makeStep(const Lane& lane, std::size_t centre, Generator& generator, Step& step) const {
  step.inputRows.clear();
  step.outputRows.clear();
  step.labels.clear();
  const auto reach = static_cast<std::size_t>(lane.reaches[centre]);
  const std::size_t begin = centre < reach ? 0 : centre - reach;
  const std::size_t end = std::min(centre + reach + 1, lane.sentence.size());
  if (end - begin < 2) return;
  const std::int32_t word = lane.sentence[centre];
  if (settings_.continuousBag) {
    addTarget(word, generator, step);
  } else {
    addInput(word, step);
  }
  for (std::size_t position = begin; position < end; ++position) {
    if (position == centre) continue;
    const std::int32_t context = lane.sentence[position];
    if (settings_.continuousBag) {
      addInput(context, step);
    } else {
      addTarget(context, generator, step);
    }
  }
}

void Word2VecTask::trainSentence(Lane& lane, float rate, Generator& generator, Work& work) const {
  lane.reaches.clear();
  for (std::size_t n = 0; n < lane.sentence.size(); ++n) {
    lane.reaches.push_back(1 +
                           static_cast<std::int32_t>(generator.below(static_cast<std::uint32_t>(settings_.window))));
  }
  // A step is made, and its rows fetched, while the one before is done.
  Step* current = &lane.steps[0];
  Step* following = &lane.steps[1];
  if (!lane.sentence.empty()) makeStep(lane, 0, generator, *current);
  for (std::size_t centre = 0; centre < lane.sentence.size(); ++centre) {
    if (centre + 1 < lane.sentence.size()) makeStep(lane, centre + 1, generator, *following);
    const std::size_t targets = current->outputRows.size();
    if (targets > 0 && !current->inputRows.empty()) {
      current->labels.resize((targets + kLanes - 1) / kLanes * kLanes);
      const WordStep step = {.input = settings_.input.data(),
                             .output = settings_.output.data(),
                             .stride = settings_.stride,
                             .inputRows = current->inputRows.data(),
                             .inputs = static_cast<std::int64_t>(current->inputRows.size()),
                             .outputRows = current->outputRows.data(),
                             .labels = current->labels.data(),
                             .targets = static_cast<std::int64_t>(targets),
                             .learningRate = rate,
                             .hidden = lane.hidden.data(),
                             .gradient = lane.gradient.data(),
                             .scores = lane.scores.data()};
      work.loss += kernels_.training.wordStep(step);
      work.terms += step.targets;
    }
    std::swap(current, following);
  }
}

Status Word2VecTask::runBlock(std::int64_t block, int laneIndex, Work& work) {
  const Word2VecSettings& s = settings_;
  Lane& lane = lanes_[static_cast<std::size_t>(laneIndex)];
  const std::int64_t epoch = block / s.corpus.blocks();
  const std::int64_t within = block % s.corpus.blocks();
  const auto begin = static_cast<std::size_t>(s.corpus.blockStarts[within]);
  const auto end = static_cast<std::size_t>(s.corpus.blockStarts[within + 1]);
  const double all = static_cast<double>(s.epochs) * static_cast<double>(s.corpus.tokens.size());
  const double done =
      (static_cast<double>(epoch) * static_cast<double>(s.corpus.tokens.size()) + static_cast<double>(begin)) / all;
  const auto rate = static_cast<float>(s.firstRate + (s.lastRate - s.firstRate) * done);
  const std::uint32_t seeds[] = {s.seed[0], s.seed[1], static_cast<std::uint32_t>(epoch),
                                 static_cast<std::uint32_t>(within)};
  Generator generator(seeds);
  std::size_t position = begin;
  while (position < end) {
    lane.sentence.clear();
    for (; position < end && s.corpus.tokens[position] >= 0; ++position) {
      const std::int32_t word = s.corpus.tokens[position];
      const std::uint32_t keep = s.keep[word];
      ++work.items;
      if (keep == kAlways || generator.next() < keep) lane.sentence.push_back(word);
    }
    ++position;
    trainSentence(lane, rate, generator, work);
  }
  return Status::ok();
}

}  // namespace gemmule

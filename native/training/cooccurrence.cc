#include "training/cooccurrence.h"

#include <algorithm>
#include <limits>
#include <string>

namespace gemmule {
namespace {

Status refuse(const std::string& what) { return Status::invalid("cooccurrences: " + what); }

}  // namespace

Status CooccurrenceTask::prepare(int lanes) {
  const CooccurrenceSettings& s = settings_;
  if (Status status = checkCorpus(s.corpus, s.words); !status.isOk()) return status;
  if (s.corpus.tokens.size() > std::numeric_limits<std::int32_t>::max()) return refuse("the corpus is too long");
  const auto words = static_cast<std::size_t>(s.words);
  if (s.rowCounts.size() != words) return refuse("rowCounts must have a number for each word");
  if (!std::all_of(s.weights.begin(), s.weights.end(), [](double weight) { return weight > 0 && weight < 1e9; })) {
    return refuse("weights must be positive");
  }
  if (!s.rowOffsets.empty()) {
    const auto size = static_cast<double>(s.columns.size());
    if (s.rowOffsets.size() != words + 1 || s.rowOffsets[0] != 0 || s.rowOffsets[words] != size ||
        !std::is_sorted(s.rowOffsets.begin(), s.rowOffsets.end()) || s.values.size() != s.columns.size()) {
      return refuse("rowOffsets must cut columns and values into rows");
    }
  }
  starts_.assign(words + 1, 0);
  for (const std::int32_t token : s.corpus.tokens) {
    if (token >= 0) ++starts_[static_cast<std::size_t>(token) + 1];
  }
  for (std::size_t word = 0; word < words; ++word) starts_[word + 1] += starts_[word];
  positions_.resize(static_cast<std::size_t>(starts_[words]));
  std::vector<std::int64_t> ends(starts_.begin(), starts_.end() - 1);
  for (std::size_t position = 0; position < s.corpus.tokens.size(); ++position) {
    const std::int32_t token = s.corpus.tokens[position];
    if (token >= 0) positions_[ends[token]++] = static_cast<std::int32_t>(position);
  }
  lanes_.resize(static_cast<std::size_t>(lanes));
  for (Lane& lane : lanes_) lane.sums.assign(words, 0.0);
  return Status::ok();
}

Status CooccurrenceTask::runBlock(std::int64_t word, int laneIndex, Work& work) {
  const CooccurrenceSettings& s = settings_;
  Lane& lane = lanes_[static_cast<std::size_t>(laneIndex)];
  const auto length = static_cast<std::int64_t>(s.corpus.tokens.size());
  const auto reach = static_cast<std::int64_t>(s.weights.size());
  const auto meet = [&](std::int32_t other, double weight) {
    double& sum = lane.sums[other];
    if (sum == 0) lane.met.push_back(other);
    sum += weight;
  };
  for (std::int64_t n = starts_[word]; n < starts_[word + 1]; ++n) {
    const std::int64_t position = positions_[n];
    for (std::int64_t distance = 1; distance <= reach && position >= distance; ++distance) {
      const std::int32_t other = s.corpus.tokens[position - distance];
      if (other < 0) break;
      meet(other, s.weights[distance - 1]);
    }
    for (std::int64_t distance = 1; distance <= reach && position + distance < length; ++distance) {
      const std::int32_t other = s.corpus.tokens[position + distance];
      if (other < 0) break;
      meet(other, s.weights[distance - 1]);
    }
    ++work.items;
  }
  Status status;
  if (s.rowOffsets.empty()) {
    s.rowCounts[word] = static_cast<double>(lane.met.size());
  } else if (s.rowOffsets[word + 1] - s.rowOffsets[word] != static_cast<double>(lane.met.size())) {
    status = refuse("rowOffsets are not those of this corpus");
  } else {
    std::sort(lane.met.begin(), lane.met.end());
    auto entry = static_cast<std::size_t>(s.rowOffsets[word]);
    for (const std::int32_t other : lane.met) {
      s.columns[entry] = other;
      s.values[entry] = static_cast<float>(lane.sums[other]);
      ++entry;
    }
  }
  for (const std::int32_t other : lane.met) lane.sums[other] = 0;
  lane.met.clear();
  return status;
}

}  // namespace gemmule

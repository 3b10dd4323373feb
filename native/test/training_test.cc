// Training of word vectors: steps against plain loops in float64, and what threads may not change.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"
#include "training/cooccurrence.h"
#include "training/glove.h"
#include "training/word2vec.h"

namespace gemmule {
namespace {

using test::isas;

std::vector<float> randomNumbers(std::int64_t count, double scale, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> number(static_cast<float>(-scale), static_cast<float>(scale));
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& value : numbers) value = number(generator);
  return numbers;
}

/// Rows of `dimensions` numbers in rows of `stride`.
std::vector<float> randomRows(std::int64_t rows, std::int64_t dimensions, std::int64_t stride, double scale,
                              unsigned seed) {
  std::vector<float> all = randomNumbers(rows * stride, scale, seed);
  for (std::int64_t n = 0; n < rows * stride; ++n) {
    if (n % stride >= dimensions) all[n] = 0;
  }
  return all;
}

TEST(wordStepIsTheGradientOfTheLoss) {
  for (const Isa isa : isas()) {
    for (const std::int64_t dimensions : {1, 16, 100}) {
      for (const std::int64_t targets : {1, 3, 4, 17, 33}) {
        test::Scope scope(std::string(isaName(isa)) + " " + std::to_string(dimensions) + " " + std::to_string(targets));
        const std::int64_t stride = (dimensions + 15) / 16 * 16;
        const std::int64_t rows = 5;
        std::vector<float> input = randomRows(rows, dimensions, stride, 1, 1);
        std::vector<float> output = randomRows(rows, dimensions, stride, 1, 2);
        // A row comes twice among the inputs, and several among the targets.
        const std::vector<std::int32_t> inputRows = {3, 1, 3};
        std::vector<std::int32_t> outputRows;
        std::vector<float> labels((targets + 15) / 16 * 16);
        for (std::int64_t n = 0; n < targets; ++n) {
          outputRows.push_back(static_cast<std::int32_t>(n * 7 % rows));
          labels[n] = static_cast<float>(n % 2);
        }
        std::vector<double> wantedInput(input.begin(), input.end());
        std::vector<double> wantedOutput(output.begin(), output.end());
        std::vector<double> hidden(stride), gradient(stride), factors;
        for (const std::int32_t row : inputRows) {
          for (std::int64_t d = 0; d < stride; ++d) hidden[d] += wantedInput[row * stride + d] / 3;
        }
        double loss = 0;
        for (std::int64_t n = 0; n < targets; ++n) {
          double score = 0;
          for (std::int64_t d = 0; d < stride; ++d) score += hidden[d] * wantedOutput[outputRows[n] * stride + d];
          const double probability = 1 / (1 + std::exp(-score));
          loss -= std::log(labels[n] == 1 ? probability : 1 - probability);
          factors.push_back(0.1f * (labels[n] - probability));
        }
        for (std::int64_t n = 0; n < targets; ++n) {
          for (std::int64_t d = 0; d < stride; ++d) {
            double& weight = wantedOutput[outputRows[n] * stride + d];
            gradient[d] += factors[n] * weight;
            weight += factors[n] * hidden[d];
          }
        }
        for (const std::int32_t row : inputRows) {
          for (std::int64_t d = 0; d < stride; ++d) wantedInput[row * stride + d] += gradient[d];
        }
        std::vector<float> memory(2 * stride), scores(labels.size());
        const float got = kernelsFor(isa).training.wordStep({.input = input.data(),
                                                             .output = output.data(),
                                                             .stride = stride,
                                                             .inputRows = inputRows.data(),
                                                             .inputs = 3,
                                                             .outputRows = outputRows.data(),
                                                             .labels = labels.data(),
                                                             .targets = targets,
                                                             .learningRate = 0.1f,
                                                             .hidden = memory.data(),
                                                             .gradient = memory.data() + stride,
                                                             .scores = scores.data()});
        // A score is a sum of 100 products below 1; a factor changes by a quarter of its error; 33 are summed.
        const double bound = 0x1p-24 * 4 * 102 * 33;
        CHECK_NEAR(got, loss, bound * 10);
        for (std::size_t n = 0; n < input.size(); ++n) CHECK_NEAR(input[n], wantedInput[n], bound);
        for (std::size_t n = 0; n < output.size(); ++n) CHECK_NEAR(output[n], wantedOutput[n], bound);
      }
    }
  }
}

TEST(extremeScoresDoNotOverflow) {
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    std::vector<float> input(16, 0), output(32, 0), labels(16, 0), memory(32), scores(16);
    input[0] = 1e4f;
    output[0] = 1e4f;
    output[16] = -1e4f;
    labels[1] = 1;
    const std::int32_t inputRow = 0;
    const std::int32_t outputRows[] = {0, 1};
    const float loss =
        kernelsFor(isa).training.wordStep({input.data(), output.data(), 16, &inputRow, 1, outputRows, labels.data(), 2,
                                           0.5f, memory.data(), memory.data() + 16, scores.data()});
    CHECK_EQ(loss, 2e8f);
    CHECK_EQ(output[0], 1e4f - 5e3f);
    CHECK_EQ(output[16], -1e4f + 5e3f);
    CHECK_EQ(input[0], 1e4f - 1e4f);
  }
}

TEST(gloveStepIsAdaGrad) {
  const std::int64_t dimensions = 20;
  const std::int64_t stride = 32;
  for (const Isa isa : isas()) {
    test::Scope scope(isaName(isa));
    std::vector<float> row = randomRows(1, dimensions + 2, stride, 0.5, 3);
    std::vector<float> column = randomRows(1, dimensions + 2, stride, 0.5, 4);
    row[dimensions + 1] = 1;
    column[dimensions] = 1;
    std::vector<float> rowSquares(stride, 1.5f), columnSquares(stride, 2.0f);
    std::vector<double> w(row.begin(), row.end()), c(column.begin(), column.end());
    double difference = -0.7f;
    for (std::int64_t d = 0; d < stride; ++d) difference += w[d] * c[d];
    const double slope = 0.3f * difference;
    const float loss = kernelsFor(isa).training.gloveStep(
        {row.data(), column.data(), rowSquares.data(), columnSquares.data(), stride, dimensions, 0.7f, 0.3f, 0.05f});
    CHECK_NEAR(loss, 0.5 * slope * difference, 1e-6);
    for (std::int64_t d = 0; d < stride; ++d) {
      const bool isRowOne = d == dimensions + 1;
      const bool isColumnOne = d == dimensions;
      CHECK_NEAR(row[d], isRowOne ? 1 : w[d] - 0.05f * slope * c[d] / std::sqrt(1.5), 1e-6);
      CHECK_NEAR(column[d], isColumnOne ? 1 : c[d] - 0.05f * slope * w[d] / std::sqrt(2.0), 1e-6);
      CHECK_NEAR(rowSquares[d], 1.5 + slope * c[d] * slope * c[d], 1e-6);
    }
    row[0] = 1e30f;
    column[0] = 1e30f;
    CHECK(std::isnan(kernelsFor(isa).training.gloveStep(
        {row.data(), column.data(), rowSquares.data(), columnSquares.data(), stride, dimensions, 0.7f, 0.3f, 0.05f})));
    CHECK_EQ(row[0], 1e30f);
  }
}

/// Sentences of one of two halves of the words each: what a model can learn.
struct Corpus {
  Corpus(std::int32_t words, int sentences) {
    std::mt19937 generator(5);
    starts.push_back(0);
    for (int sentence = 0; sentence < sentences; ++sentence) {
      const std::int32_t half = words / 2;
      const std::int32_t first = sentence % 2 == 0 ? 0 : half;
      for (int n = 0; n < 8; ++n) tokens.push_back(first + static_cast<std::int32_t>(generator() % half));
      tokens.push_back(-1);
      if (sentence % 16 == 15) starts.push_back(static_cast<double>(tokens.size()));
    }
    if (starts.back() != static_cast<double>(tokens.size())) starts.push_back(static_cast<double>(tokens.size()));
  }
  std::vector<std::int32_t> tokens;
  std::vector<double> starts;
};

/// A model of 20 words with everything that Word2VecSettings point to.
struct Model {
  explicit Model(const Corpus& corpus, bool bag, bool hierarchical, bool subwords) {
    settings.continuousBag = bag;
    settings.hierarchical = hierarchical;
    settings.words = 20;
    settings.dimensions = 12;
    settings.stride = 16;
    settings.window = 3;
    settings.negatives = 4;
    settings.firstRate = 0.1;
    settings.lastRate = 0.01;
    settings.epochs = 4;
    settings.seed[0] = 7;
    settings.corpus = {corpus.tokens, corpus.starts};
    settings.endBlock = settings.epochs * settings.corpus.blocks();
    input = randomRows(30, 12, 16, 0.1, 6);
    output.assign(20 * 16, 0);
    keep.assign(20, 0xffffffffu);
    keep[3] = 0x80000000u;
    thresholds.assign(20, 0xc0000000u);
    for (std::int32_t word = 0; word < 20; ++word) {
      aliases.push_back((word + 5) % 20);
      pathOffsets.push_back(word * 2);
      // Two questions each: which half, and one of its own.
      pathNodes.insert(pathNodes.end(), {0, 1 + word % 18});
      pathLabels.insert(pathLabels.end(), {static_cast<std::uint8_t>(word < 10), static_cast<std::uint8_t>(word % 2)});
      subwordOffsets.push_back(word * 2);
      subwordRows.insert(subwordRows.end(), {word, 20 + word % 10});
    }
    pathOffsets.push_back(40);
    subwordOffsets.push_back(40);
    settings.input = input;
    settings.output = output;
    settings.keep = keep;
    settings.thresholds = thresholds;
    settings.aliases = aliases;
    settings.pathOffsets = pathOffsets;
    settings.pathNodes = pathNodes;
    settings.pathLabels = pathLabels;
    if (subwords) {
      settings.subwordOffsets = subwordOffsets;
      settings.subwordRows = subwordRows;
    }
  }
  Model(const Model&) = delete;

  Word2VecSettings settings;
  std::vector<float> input, output;
  std::vector<std::uint32_t> keep, thresholds;
  std::vector<std::int32_t> aliases, pathOffsets, pathNodes, subwordOffsets, subwordRows;
  std::vector<std::uint8_t> pathLabels;
};

TEST(oneThreadAlwaysDoesTheSame) {
  const Corpus corpus(20, 200);
  for (int variant = 0; variant < 8; ++variant) {
    test::Scope scope("variant " + std::to_string(variant));
    const auto train = [&](Isa isa, std::int64_t cut) {
      Model model(corpus, (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0);
      const std::int64_t end = model.settings.endBlock;
      if (cut > 0) {
        model.settings.endBlock = cut;
        CHECK_OK(Word2VecTask(model.settings, kernelsFor(isa)).execute(1));
        model.settings.firstBlock = cut;
        model.settings.endBlock = end;
      }
      Word2VecTask task(model.settings, kernelsFor(isa));
      CHECK_OK(task.execute(1));
      CHECK_EQ(task.progress().next, end);
      return std::make_pair(model.input, model.output);
    };
    const auto wanted = train(isas().back(), 0);
    CHECK(wanted == train(isas().back(), 0));
    // Taken up again after an interruption, it ends as if there had been none.
    CHECK(wanted == train(isas().back(), 17));
    // The same bits on AVX2 and AVX-512.
    if (isas().size() == 3) CHECK(wanted == train(isas()[1], 0));
  }
}

TEST(threadsLearnWithoutLocks) {
  const Corpus corpus(20, 400);
  for (int variant = 0; variant < 8; ++variant) {
    test::Scope scope("variant " + std::to_string(variant));
    Model model(corpus, (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0);
    model.settings.epochs = 8;
    model.settings.endBlock = 8 * model.settings.corpus.blocks();
    Word2VecTask task(model.settings, kernelsFor(isas().back()));
    CHECK_OK(task.execute(3));
    CHECK_EQ(task.progress().next, model.settings.endBlock);
    CHECK_EQ(task.progress().items, 8 * 400 * 8);
    CHECK(task.progress().loss > 0 && task.progress().terms > 0);
    // Words of one half are more alike than those of two.
    const auto cosine = [&](std::int32_t a, std::int32_t b) {
      double product = 0, squareA = 0, squareB = 0;
      for (std::int64_t d = 0; d < 16; ++d) {
        const double x = model.input[a * 16 + d];
        const double y = model.input[b * 16 + d];
        product += x * y;
        squareA += x * x;
        squareB += y * y;
      }
      return product / std::sqrt(squareA * squareB);
    };
    double same = 0, other = 0;
    for (std::int32_t word = 0; word < 9; ++word) {
      same += cosine(word, word + 1) / 9;
      other += cosine(word, word + 10) / 9;
    }
    CHECK(same > other + 0.2);
  }
}

TEST(aCancelledTaskStopsBetweenBlocks) {
  const Corpus corpus(20, 200);
  Model model(corpus, false, false, false);
  Word2VecTask task(model.settings, kernelsFor(isas().back()));
  task.cancel();
  CHECK_OK(task.execute(2));
  CHECK_EQ(task.progress().next, 0);
  CHECK_EQ(task.progress().items, 0);
}

TEST(malformedTrainingIsRefused) {
  const Corpus corpus(20, 20);
  const auto refused = [&](auto damage) {
    Model model(corpus, false, true, true);
    damage(model);
    return !Word2VecTask(model.settings, kernelsFor(isas().back())).execute(1).isOk();
  };
  CHECK(!refused([](Model&) {}));
  std::vector<std::int32_t> tokens = corpus.tokens;
  tokens[5] = 20;
  CHECK(refused([&](Model& model) { model.settings.corpus.tokens = tokens; }));
  tokens[5] = -2;
  CHECK(refused([&](Model& model) { model.settings.corpus.tokens = tokens; }));
  std::vector<double> starts = {0, 18, 9};
  CHECK(refused([&](Model& model) { model.settings.corpus.blockStarts = starts; }));
  starts = {0, 1e9};
  CHECK(refused([&](Model& model) { model.settings.corpus.blockStarts = starts; }));
  starts = {std::nan(""), 9};
  CHECK(refused([&](Model& model) { model.settings.corpus.blockStarts = starts; }));
  CHECK(refused([](Model& model) { model.settings.stride = 15; }));
  CHECK(refused([](Model& model) { model.settings.dimensions = 17; }));
  CHECK(refused([](Model& model) { model.settings.window = 0; }));
  CHECK(refused([](Model& model) { model.settings.endBlock += 1; }));
  CHECK(refused([](Model& model) { model.settings.input = model.settings.input.first(29 * 16); }));
  CHECK(refused([](Model& model) { model.settings.keep = model.settings.keep.first(19); }));
  CHECK(refused([](Model& model) { model.pathNodes[7] = 20; }));
  CHECK(refused([](Model& model) { model.pathNodes[7] = -1; }));
  CHECK(refused([](Model& model) { model.pathOffsets[7] = 41; }));
  CHECK(refused([](Model& model) { model.pathOffsets[20] = 39; }));
  CHECK(refused([](Model& model) { model.subwordRows[7] = 30; }));
  CHECK(refused([](Model& model) { model.settings.pathLabels = model.settings.pathLabels.first(39); }));
  CHECK(refused([](Model& model) {
    model.settings.hierarchical = false;
    model.aliases[3] = 20;
  }));
}

TEST(cooccurrencesAreThoseOfAllPairs) {
  const Corpus corpus(20, 60);
  const std::vector<double> weights = {1, 0.5, 1.0 / 3};
  std::vector<double> wanted(400);
  for (std::size_t a = 0; a < corpus.tokens.size(); ++a) {
    for (std::size_t b = a + 1; b < corpus.tokens.size() && b - a <= 3; ++b) {
      // No -1 between them.
      if (std::find(corpus.tokens.begin() + a, corpus.tokens.begin() + b + 1, -1) != corpus.tokens.begin() + b + 1)
        break;
      wanted[corpus.tokens[a] * 20 + corpus.tokens[b]] += weights[b - a - 1];
      wanted[corpus.tokens[b] * 20 + corpus.tokens[a]] += weights[b - a - 1];
    }
  }
  for (const int threads : {1, 3}) {
    std::vector<double> counts(20), offsets(21);
    CooccurrenceSettings settings;
    settings.words = 20;
    settings.corpus = {corpus.tokens, corpus.starts};
    settings.weights = weights;
    settings.rowCounts = counts;
    CHECK_OK(CooccurrenceTask(settings).execute(threads));
    for (std::size_t word = 0; word < 20; ++word) offsets[word + 1] = offsets[word] + counts[word];
    std::vector<std::int32_t> columns(static_cast<std::size_t>(offsets[20]));
    std::vector<float> values(columns.size());
    settings.rowOffsets = offsets;
    settings.columns = columns;
    settings.values = values;
    CHECK_OK(CooccurrenceTask(settings).execute(threads));
    std::vector<double> got(400);
    for (std::size_t word = 0; word < 20; ++word) {
      for (auto n = static_cast<std::size_t>(offsets[word]); n < static_cast<std::size_t>(offsets[word + 1]); ++n) {
        CHECK(n == static_cast<std::size_t>(offsets[word]) || columns[n - 1] < columns[n]);
        got[word * 20 + columns[n]] = values[n];
      }
    }
    for (std::size_t n = 0; n < 400; ++n) CHECK_NEAR(got[n], wanted[n], 1e-6 * wanted[n]);
    offsets[7] -= 1;
    CHECK(!CooccurrenceTask(settings).execute(threads).isOk());
    offsets[7] = 1e9;
    CHECK(!CooccurrenceTask(settings).execute(threads).isOk());
  }
}

TEST(gloveLearnsPairs) {
  const std::int64_t words = 6;
  const std::int64_t stride = 16;
  std::vector<float> rows = randomRows(words, 8, stride, 0.1, 8);
  std::vector<float> columns = randomRows(words, 8, stride, 0.1, 9);
  for (std::int64_t word = 0; word < words; ++word) {
    rows[word * stride + 9] = 1;
    columns[word * stride + 8] = 1;
  }
  std::vector<float> rowSquares(words * stride, 1), columnSquares(words * stride, 1), targets, weights;
  std::vector<std::int32_t> pairRows, pairColumns;
  for (std::int32_t a = 0; a < words; ++a) {
    for (std::int32_t b = 0; b < words; ++b) {
      pairRows.push_back(a);
      pairColumns.push_back(b);
      targets.push_back(static_cast<float>((a * b) % 4));
      weights.push_back(1);
    }
  }
  GloVeSettings settings{.words = words,
                         .dimensions = 8,
                         .stride = stride,
                         .learningRate = 0.1,
                         .epochs = 300,
                         .blockPairs = 7,
                         .firstBlock = 0,
                         .endBlock = 6,
                         .rows = rows,
                         .columns = columns,
                         .rowSquares = rowSquares,
                         .columnSquares = columnSquares,
                         .pairRows = pairRows,
                         .pairColumns = pairColumns,
                         .pairTargets = targets,
                         .pairWeights = weights};
  GloVeTask first(settings, kernelsFor(isas().back()));
  CHECK_OK(first.execute(1));
  CHECK_EQ(first.progress().items, 36);
  settings.firstBlock = 6;
  settings.endBlock = 300 * 6;
  GloVeTask rest(settings, kernelsFor(isas().back()));
  CHECK_OK(rest.execute(3));
  CHECK(rest.progress().loss / static_cast<double>(rest.progress().terms) < first.progress().loss / 36 / 4);
  pairRows[3] = 6;
  CHECK(!GloVeTask(settings, kernelsFor(isas().back())).execute(1).isOk());
  pairRows[3] = 0;
  settings.endBlock = 301 * 6;
  CHECK(!GloVeTask(settings, kernelsFor(isas().back())).execute(1).isOk());
}

}  // namespace
}  // namespace gemmule

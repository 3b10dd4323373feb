#pragma once

#include <cstdint>

namespace gemmule {

/// One step of stochastic gradient descent on word vectors: the mean of some rows of `input` is taught to score some
/// rows of `output` as their labels say, by logistic loss.
struct WordStep {
  /// Row-major, rows of `stride` floats, a multiple of 16. Lanes beyond the dimensions are zero and stay so.
  float* input;
  float* output;
  std::int64_t stride;
  /// The rows whose mean is the hidden vector, at least one; each gets the whole gradient, as in word2vec and fastText.
  const std::int32_t* inputRows;
  std::int64_t inputs;
  /// The rows that are scored, with the scores that they should have, 1 or 0; `labels` has room up to a multiple of 16.
  const std::int32_t* outputRows;
  float* labels;
  std::int64_t targets;
  float learningRate;
  /// Memory for the step: `stride` floats each, and `targets` rounded up to a multiple of 16.
  float* hidden;
  float* gradient;
  float* scores;
};

/// One step of GloVe's weighted factorisation with AdaGrad: for one pair of words, f * (row . column - target)^2 / 2.
///
/// A row is [vector, bias, 1], a column [vector, 1, bias], so that one product is the whole of the model.
struct GloveStep {
  /// `stride` floats each, a multiple of 16; zero beyond `dimensions + 2`.
  float* row;
  float* column;
  /// The sums of squared gradients, of the same form; positive in all lanes.
  float* rowSquares;
  float* columnSquares;
  std::int64_t stride;
  std::int64_t dimensions;
  /// The logarithm of how often the two words meet, and the weight of the pair.
  float target;
  float weight;
  float learningRate;
};

/// Steps of training that several threads take at once on the same numbers without locks (Recht et al., "Hogwild!",
/// NIPS 2011): an update may be lost, no number is ever half written. Reads and writes of shared numbers are relaxed:
/// by vector instructions, which move every aligned float as a whole, or by std::atomic_ref under ThreadSanitizer,
/// which can then tell these meant races from others.
struct TrainingKernels {
  /// All scores are computed before anything changes; then the targets learn, in order, then the inputs. Returns the
  /// sum of the losses, -log of the probability of each label.
  float (*wordStep)(const WordStep& step);
  /// Returns weight * difference^2 / 2, or NaN with nothing changed when that is not finite.
  float (*gloveStep)(const GloveStep& step);
};

}  // namespace gemmule

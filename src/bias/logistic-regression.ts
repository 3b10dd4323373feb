import { NumericalError } from '../errors.js';
import { dot } from './vector-source.js';

/** Of a logistic regression: the logarithm of the odds is `weights` times the vector plus `bias`. */
export interface LogisticModel {
  readonly weights: Float64Array;
  readonly bias: number;
}

const MOST_STEPS = 100;
const MOST_HALVINGS = 40;
/** The gradient's length, as a share of that at the beginning, at which the minimum is reached. */
const GRADIENT_TOLERANCE = 1e-9;

export function logistic(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** log(1 + exp(x)) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * Weights that minimise the sum of log losses plus half their squared length times `strength`; the bias is free, as in
 * scikit-learn's LogisticRegression with C = 1 / strength. Newton's method, each step by conjugate gradients.
 *
 * @param samples - vectors of one length.
 * @param labels - 0 or 1, both present.
 * @param strength - above 0.
 */
export function fitLogistic(
  samples: readonly Float64Array[],
  labels: readonly number[],
  strength: number,
): LogisticModel {
  const problem = new LogisticProblem(samples, labels, strength);
  let at = new Float64Array(samples[0].length + 1);
  let { loss, gradient, curvatures } = problem.at(at);
  const enough = GRADIENT_TOLERANCE * Math.max(1, Math.sqrt(dot(gradient, gradient)));
  for (let step = 0; Math.sqrt(dot(gradient, gradient)) > enough; step++) {
    if (step === MOST_STEPS) {
      throw new NumericalError(
        `logistic regression: no minimum after ${MOST_STEPS} steps; raise regularization, which is ${strength}`,
      );
    }
    const move = problem.newtonStep(gradient, curvatures);
    const slope = dot(move, gradient);
    let scale = 1;
    let next = at;
    for (let halving = 0; halving < MOST_HALVINGS; halving++, scale /= 2) {
      next = at.map((value, index) => value + scale * move[index]);
      if (problem.lossAt(next) <= loss + 1e-4 * scale * slope) break;
    }
    at = next;
    ({ loss, gradient, curvatures } = problem.at(at));
  }
  return { weights: at.slice(0, -1), bias: at[at.length - 1] };
}

/** The loss of weights, the last of which is the bias, and its derivatives. */
class LogisticProblem {
  constructor(
    private readonly samples: readonly Float64Array[],
    private readonly labels: readonly number[],
    private readonly strength: number,
  ) {}

  lossAt(at: Float64Array): number {
    let loss = 0;
    for (const [n, sample] of this.samples.entries()) {
      const odds = this.#odds(sample, at);
      loss += softplus(this.labels[n] === 1 ? -odds : odds);
    }
    const weights = at.subarray(0, -1);
    return loss + (this.strength / 2) * dot(weights, weights);
  }

  at(at: Float64Array): { loss: number; gradient: Float64Array; curvatures: Float64Array } {
    const gradient = at.map((weight, index) => (index === at.length - 1 ? 0 : this.strength * weight));
    const curvatures = new Float64Array(this.samples.length);
    for (const [n, sample] of this.samples.entries()) {
      const probability = logistic(this.#odds(sample, at));
      this.#add(gradient, sample, probability - this.labels[n]);
      curvatures[n] = probability * (1 - probability);
    }
    return { loss: this.lossAt(at), gradient, curvatures };
  }

  /** Solves Hessian x = -gradient by conjugate gradients. */
  newtonStep(gradient: Float64Array, curvatures: Float64Array): Float64Array {
    const x = new Float64Array(gradient.length);
    const residual = gradient.map((value) => -value);
    let direction = residual.slice();
    let square = dot(residual, residual);
    const enough = 1e-20 * square;
    for (let step = 0; step < 4 * gradient.length && square > enough; step++) {
      const curved = this.#hessianTimes(direction, curvatures);
      const length = square / dot(direction, curved);
      for (let index = 0; index < x.length; index++) {
        x[index] += length * direction[index];
        residual[index] -= length * curved[index];
      }
      const before = square;
      square = dot(residual, residual);
      direction = direction.map((value, index) => residual[index] + (square / before) * value);
    }
    return x;
  }

  #hessianTimes(direction: Float64Array, curvatures: Float64Array): Float64Array {
    const product = direction.map((value, index) => (index === direction.length - 1 ? 0 : this.strength * value));
    for (const [n, sample] of this.samples.entries()) {
      this.#add(product, sample, curvatures[n] * this.#odds(sample, direction));
    }
    return product;
  }

  #odds(sample: Float64Array, at: Float64Array): number {
    let sum = at[at.length - 1];
    for (let index = 0; index < sample.length; index++) sum += sample[index] * at[index];
    return sum;
  }

  /** Adds a sample, and 1 for the bias, so many times. */
  #add(to: Float64Array, sample: Float64Array, times: number): void {
    for (let index = 0; index < sample.length; index++) to[index] += times * sample[index];
    to[to.length - 1] += times;
  }
}

import type { HierarchicalSoftmax, NegativeSampling } from '../backend/training.js';

const ALWAYS = 2 ** 32 - 1;

/**
 * How likely each word stays in its sentence, as thresholds of 32 bits: word2vec's subsampling of frequent words.
 *
 * @param counts - how often each word comes.
 * @param rate - words that make up more of the text are left out now and then; 0 keeps all.
 */
export function keepThresholds(counts: Float64Array, rate: number): Uint32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Uint32Array.from(counts, (count) => {
    if (rate === 0) return ALWAYS;
    // As word2vec.c and gensim; the paper has 1 - sqrt(rate / share) for leaving out.
    const ratio = (rate * total) / count;
    const likelihood = Math.sqrt(ratio) + ratio;
    return likelihood >= 1 ? ALWAYS : Math.min(Math.floor(likelihood * 2 ** 32), ALWAYS - 1);
  });
}

/**
 * Walker's alias table (Vose, "A linear algorithm for generating random numbers with a given distribution", 1991) for words
 * in proportion to a power of their counts: two random numbers give a word, however many there are.
 */
export function negativeSampling(counts: Float64Array, power: number, negatives: number): NegativeSampling {
  const size = counts.length;
  const weights = Float64Array.from(counts, (count) => count ** power);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / size;
  const shares = weights.map((weight) => weight / mean);
  const thresholds = new Uint32Array(size).fill(ALWAYS);
  const aliases = Int32Array.from(counts, (_, word) => word);
  const small: number[] = [];
  const large: number[] = [];
  for (let word = size - 1; word >= 0; word--) (shares[word] < 1 ? small : large).push(word);
  while (small.length > 0 && large.length > 0) {
    const column = small.pop() as number;
    const other = large[large.length - 1];
    thresholds[column] = Math.min(Math.floor(shares[column] * 2 ** 32), ALWAYS);
    aliases[column] = other;
    shares[other] -= 1 - shares[column];
    if (shares[other] < 1) small.push(large.pop() as number);
  }
  return { kind: 'negativeSampling', negatives, thresholds, aliases };
}

/**
 * A Huffman tree over the words: frequent words get short paths. Words must be in order of falling counts; inner nodes are
 * numbered from 0, the root last.
 */
export function hierarchicalSoftmax(counts: Float64Array): HierarchicalSoftmax {
  const size = counts.length;
  // Nodes below `size` are words. Inner nodes come in order of rising counts, so the least two are always at two ends.
  const weights = new Float64Array(2 * size - 1);
  weights.set(counts);
  const parents = new Int32Array(2 * size - 1).fill(-1);
  const isRight = new Uint8Array(2 * size - 1);
  let word = size - 1;
  let inner = size;
  const least = (made: number): number =>
    word >= 0 && (inner >= made || weights[word] < weights[inner]) ? word-- : inner++;
  for (let node = size; node < 2 * size - 1; node++) {
    const left = least(node);
    const right = least(node);
    weights[node] = weights[left] + weights[right];
    parents[left] = node;
    parents[right] = node;
    isRight[right] = 1;
  }
  const offsets = new Int32Array(size + 1);
  const nodes: number[] = [];
  const labels: number[] = [];
  for (let leaf = 0; leaf < size; leaf++) {
    for (let node = leaf; parents[node] >= 0; node = parents[node]) {
      nodes.push(parents[node] - size);
      // word2vec scores a left turn 1.
      labels.push(1 - isRight[node]);
    }
    offsets[leaf + 1] = nodes.length;
  }
  return { kind: 'hierarchicalSoftmax', offsets, nodes: Int32Array.from(nodes), labels: Uint8Array.from(labels) };
}

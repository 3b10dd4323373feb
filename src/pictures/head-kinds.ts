/** Of one head's weights: what it mostly looks at, and how much of its attention goes there. */
export interface HeadKind {
  readonly kind: 'previous' | 'next' | 'same' | 'first' | 'last' | 'spread';
  /** The mean share of that, from 0 to 1; for `spread`, how even the weights are: their entropy over the greatest. */
  readonly share: number;
}

/** A head that gives more than this to one place has that as its kind (Clark et al., arXiv:1906.04341). */
const LEAST_SHARE = 0.4;

/** @param weights - `[count, count]`; rows add up to 1. */
export function headKind(weights: Float32Array, count: number): HeadKind {
  const mean = (targetOf: (query: number) => number, queries: (query: number) => boolean = () => true): number => {
    let sum = 0;
    let seen = 0;
    for (let query = 0; query < count; query++) {
      const target = targetOf(query);
      if (target < 0 || target >= count || !queries(query)) continue;
      sum += weights[query * count + target];
      seen += 1;
    }
    return seen === 0 ? 0 : sum / seen;
  };
  const shares: HeadKind[] = [
    { kind: 'previous', share: mean((query) => query - 1) },
    { kind: 'next', share: mean((query) => query + 1) },
    { kind: 'same', share: mean((query) => query) },
    { kind: 'first', share: mean(() => 0) },
    { kind: 'last', share: mean(() => count - 1) },
  ];
  const strongest = shares.reduce((best, each) => (each.share > best.share ? each : best));
  return strongest.share >= LEAST_SHARE ? strongest : { kind: 'spread', share: evenness(weights, count) };
}

function evenness(weights: Float32Array, count: number): number {
  if (count < 2) return 1;
  let entropy = 0;
  for (const weight of weights) if (weight > 0) entropy -= weight * Math.log(weight);
  return entropy / count / Math.log(count);
}

/** A kind in words. @param tokens - as they are shown, for the names of the first and the last. */
export function describeHead({ kind, share }: HeadKind, tokens: readonly string[]): string {
  const percent = `${Math.round(100 * share)}%`;
  switch (kind) {
    case 'previous':
      return `mostly the token before (${percent})`;
    case 'next':
      return `mostly the token after (${percent})`;
    case 'same':
      return `mostly the token itself (${percent})`;
    case 'first':
      return `mostly ${tokens[0]} (${percent})`;
    case 'last':
      return `mostly ${tokens.at(-1)} (${percent})`;
    case 'spread':
      return share > 0.8 ? `spread widely (evenness ${percent})` : `several tokens (evenness ${percent})`;
  }
}

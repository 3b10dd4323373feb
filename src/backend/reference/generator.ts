/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

const rotated = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/**
 * xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), as `native/training/generator.h`
 * has it: a state for each list of numbers of 32 bits.
 */
export class Generator {
  readonly #state = new Int32Array(4);

  constructor(...seeds: readonly number[]) {
    for (let n = 0; n < 4; n++) {
      let mixed = mix(n + 1);
      for (const seed of seeds) mixed = (mix(mixed ^ seed) + 0x9e3779b9) | 0;
      this.#state[n] = mixed;
    }
    // All zeros would stay so.
    this.#state[0] |= 1;
  }

  /** From 0 to 2^32 - 1. */
  next(): number {
    const state = this.#state;
    const result = (rotated(state[0] + state[3], 7) + state[0]) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotated(state[3], 11);
    return result;
  }

  /** A whole number below `bound`: the upper half of the product of 64 bits. */
  below(bound: number): number {
    const x = this.next();
    const low = (x & 0xffff) * bound;
    return Math.floor(((x >>> 16) * bound + Math.floor(low / 0x10000)) / 0x10000);
  }
}

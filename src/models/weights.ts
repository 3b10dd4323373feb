import { INT8_GROUP_SIZE, type View } from '../backend/view.js';
import { ModelError } from '../errors.js';
import type { TensorSource } from '../io/safetensors.js';
import type { LinearParameters } from '../nn/linear.js';
import { formatShape } from '../tensor/dim.js';

/** What TensorFlow's BERT called the parameters of a normalisation; old checkpoints still do. */
const OLD_NAMES: readonly (readonly [string, string])[] = [
  ['LayerNorm.weight', 'LayerNorm.gamma'],
  ['LayerNorm.bias', 'LayerNorm.beta'],
];

const BYTES: ReadonlySet<string> = new Set(['uint8']);
const FLOATING: ReadonlySet<string> = new Set(['float32', 'float64', 'float16', 'bfloat16']);

/**
 * The weights of a model by the names that its family gives them. What a name is to be is checked against the config when
 * it is read: a file that does not fit is a {@link ModelError} that says so.
 */
export class Weights {
  readonly #source: TensorSource;
  readonly #prefix: string;

  private constructor(source: TensorSource, prefix: string) {
    this.#source = source;
    this.#prefix = prefix;
  }

  /**
   * Finds a model in a file. Models saved with a head carry a prefix before every name, such as `bert.`; whichever comes
   * before `landmark` is taken.
   *
   * @param landmark - a name that every model of the family has.
   * @param usualPrefix - the prefix to take should the file hold several models.
   */
  static locate(source: TensorSource, landmark: string, usualPrefix: string): Weights {
    const prefixes = source
      .names()
      .filter((name) => name === landmark || name.endsWith(`.${landmark}`))
      .map((name) => name.slice(0, name.length - landmark.length));
    const prefix = ['', usualPrefix].find((candidate) => prefixes.includes(candidate)) ?? prefixes[0];
    if (prefix === undefined) {
      const some = source.names().slice(0, 3).join(', ');
      throw new ModelError(
        `${source.path} has no tensor ${landmark}, with or without a prefix; it begins with ${some || 'nothing'}: do config.json and weights belong together?`,
      );
    }
    return new Weights(source, prefix);
  }

  /** The weights below a further prefix, such as `encoder.layer.0`. */
  at(path: string): Weights {
    return new Weights(this.#source, `${this.#prefix}${path}.`);
  }

  has(name: string): boolean {
    return this.#find(name) !== null;
  }

  /** A floating-point tensor of exactly this shape. */
  read(name: string, shape: readonly number[]): View {
    return this.#readAs(name, shape, FLOATING, 'F32, F16, BF16 and F64');
  }

  /** A weight that was quantised to bytes. */
  #readBytes(name: string, shape: readonly number[]): View {
    return this.#readAs(name, shape, BYTES, 'U8 where they come with a group_scale');
  }

  #readAs(name: string, shape: readonly number[], dtypes: ReadonlySet<string>, wanted: string): View {
    const found = this.#find(name);
    if (found === null) {
      throw new ModelError(
        `${this.#source.path} has no tensor ${this.#prefix}${name}, which config.json calls for; the file is incomplete, or they do not belong together`,
      );
    }
    const { shape: stored, dtype, storedDType } = this.#source.entry(found);
    if (stored.length !== shape.length || stored.some((dim, axis) => dim !== shape[axis])) {
      throw new ModelError(
        `${this.#source.path}: tensor ${found} has shape ${formatShape(stored)}, config.json calls for ${formatShape(shape)}; they do not belong together`,
      );
    }
    if (dtype === null || !dtypes.has(dtype)) {
      throw new ModelError(
        `${this.#source.path}: tensor ${found} is ${storedDType}; gemmule reads weights in ${wanted}, so convert the model`,
      );
    }
    return this.#source.view(found);
  }

  /**
   * Weight `[out, in]` and bias `[out]` of a linear layer, and the scales of one that `quantizeModel` wrote.
   *
   * @param options.bias - whether there is a bias (true, the default), or none (false), or whatever the file has.
   */
  linear(
    name: string,
    outFeatures: number,
    inFeatures: number,
    options: { readonly bias?: boolean | 'optional' } = {},
  ): LinearParameters {
    const scale = (kind: string, shape: readonly number[]) =>
      this.has(`${name}.${kind}`) ? this.read(`${name}.${kind}`, shape) : null;
    const groupScale = scale('group_scale', [outFeatures, Math.ceil(inFeatures / INT8_GROUP_SIZE)]);
    const shape = [outFeatures, inFeatures];
    return {
      name: this.#prefix + name,
      weight: groupScale === null ? this.read(`${name}.weight`, shape) : this.#readBytes(`${name}.weight`, shape),
      bias: this.#bias(name, outFeatures, options.bias),
      groupScale,
      inputScale: scale('input_scale', [inFeatures]),
    };
  }

  /** Weight and bias `[hidden]` of a layer normalisation; `bias` as in {@link linear}. */
  norm(name: string, hidden: number, epsilon: number, options: { readonly bias?: boolean | 'optional' } = {}) {
    return {
      weight: this.read(`${name}.weight`, [hidden]),
      bias: this.#bias(name, hidden, options.bias),
      epsilon,
    };
  }

  #bias(name: string, length: number, wanted: boolean | 'optional' = true): View | null {
    const isThere = wanted === 'optional' ? this.has(`${name}.bias`) : wanted;
    return isThere ? this.read(`${name}.bias`, [length]) : null;
  }

  #find(name: string): string | null {
    const full = this.#prefix + name;
    if (this.#source.has(full)) return full;
    for (const [present, old] of OLD_NAMES) {
      const candidate = full.slice(0, full.length - present.length) + old;
      if (full.endsWith(present) && this.#source.has(candidate)) return candidate;
    }
    return null;
  }
}

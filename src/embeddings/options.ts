import type { Backend } from '../backend/index.js';
import type { PackFormat } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import type { DownloadOptions } from '../hub/index.js';
import type { QuantizeVectorsOptions, VectorPrecision } from './quantized-vectors.js';

/** Settings of `TextEmbedder.load`; those of the Hub are for models that are given by a name there. */
export interface LoadOptions extends DownloadOptions {
  /** What computes; the default backend by default. */
  readonly backend?: Backend | undefined;
  /**
   * The form that weights are kept and multiplied in: `float32`; `bfloat16`, half as large; `bfloat16Products`, which rounds
   * activations too, and is fast where the processor multiplies bfloat16 itself; `int8`, a quarter as large and fastest. By
   * default `int8` for a model that was saved so (`quantizeModel`), else `float32`.
   */
  readonly dtype?: PackFormat | undefined;
  /** Texts are cut after so many tokens, special ones included; by default what the model's files say. */
  readonly maxTokens?: number | undefined;
  /** Called after each batch that the engine has computed, for metrics. Must not throw. */
  readonly onRun?: ((report: RunReport) => void) | undefined;
}

/** A batch of texts of one or several calls that the engine computed at once. */
export interface RunReport {
  /** How many tokens each text has. */
  readonly lengths: readonly number[];
  /** For each call whose first text is in this batch, how long it waited until the batch began, in milliseconds. */
  readonly waits: readonly number[];
  /** How long the engine took, in milliseconds. */
  readonly milliseconds: number;
}

/** How far a call is. */
export interface EmbedProgress {
  /** Texts that are done. */
  readonly done: number;
  /** Texts that were given. */
  readonly total: number;
  /** Texts that were longer than allowed and have been cut, so far. */
  readonly truncated: number;
  /** Tokens of the texts that have been read so far, special ones included; at the end, of all. */
  readonly tokens: number;
}

/** Settings that all calls have in common. */
export interface CallOptions {
  /** Texts are cut after so many tokens, special ones included; by default what the embedder was loaded with. */
  readonly maxTokens?: number | undefined;
  /** Whether texts that are too long are cut (true, the default) or are a TruncatedTextError. */
  readonly truncate?: boolean | undefined;
  /** Rejects the call with the signal's reason and stops computing for it. */
  readonly signal?: AbortSignal | undefined;
  /** Called now and then while texts are being embedded, and at the end. */
  readonly onProgress?: ((progress: EmbedProgress) => void) | undefined;
}

/** Settings of `embed`. */
export interface EmbedOptions extends CallOptions {
  /**
   * What is put in front of every text: the name of a prompt from the model's files, such as `query`; or `{ text }`, as it
   * is; or null for nothing. By default the model's default prompt, if it has one.
   */
  readonly prompt?: string | { readonly text: string } | null | undefined;
  /**
   * Only the first so many numbers of each vector, normalised again: for models trained to allow that (Matryoshka;
   * Kusupati et al., arXiv:2205.13147). All by default.
   */
  readonly dimensions?: number | undefined;
  /** Whether vectors are divided by their length; by default what the model's files say. */
  readonly normalize?: boolean | undefined;
}

/** Settings of `embed` that ask for vectors in fewer bits. */
export interface QuantizedEmbedOptions extends EmbedOptions, QuantizeVectorsOptions {
  /** `int8` and `uint8` need `ranges`. */
  readonly precision: VectorPrecision;
}

/**
 * The texts of a call, which it reads while its caller may already fill the array with others. Refuses what is not an array of
 * strings; JavaScript callers have no compiler to stop them.
 */
export function copyTexts(operation: string, texts: unknown): readonly string[] {
  if (!Array.isArray(texts)) {
    const came = typeof texts === 'string' ? `a string; put it in an array: ${operation}([text])` : kindOf(texts);
    throw new ArgumentError(`${operation}: texts must be an array of strings, got ${came}`);
  }

  for (const [index, text] of texts.entries()) {
    if (typeof text !== 'string') {
      throw new ArgumentError(
        `${operation}: texts must be an array of strings, but texts[${index}] is ${kindOf(text)}`,
      );
    }
  }
  return texts.slice();
}

export function requireText(operation: string, text: unknown): asserts text is string {
  if (typeof text !== 'string') throw new ArgumentError(`${operation}: text must be a string, got ${kindOf(text)}`);
}

/** The tokens of a call, as {@link copyTexts}. Refuses what is not an array of non-empty lists of ids below `vocabSize`. */
export function copySequences(operation: string, sequences: unknown, vocabSize: number): readonly Int32Array[] {
  if (!Array.isArray(sequences)) {
    throw new ArgumentError(`${operation}: sequences must be an array of arrays of ids, got ${kindOf(sequences)}`);
  }
  return Array.from(sequences, (ids: unknown, index) => {
    const isList = Array.isArray(ids) || (ArrayBuffer.isView(ids) && 'length' in ids);
    if (!isList || (ids as ArrayLike<number>).length === 0) {
      const came = isList ? 'no ids' : kindOf(ids);
      throw new ArgumentError(`${operation}: sequences[${index}] must be an array of at least one id, got ${came}`);
    }
    const list = ids as ArrayLike<unknown>;
    for (let position = 0; position < list.length; position++) {
      const id = list[position];
      if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabSize) {
        const came = typeof id === 'number' ? `${id}` : kindOf(id);
        throw new ArgumentError(
          `${operation}: sequences[${index}][${position}] must be a token's id from 0 to ${vocabSize - 1}, got ${came}`,
        );
      }
    }
    return Int32Array.from(ids as ArrayLike<number>);
  });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'undefined';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return `the number ${value}`;
  return typeof value === 'object' ? `an object (${value.constructor?.name ?? 'no class'})` : `a ${typeof value}`;
}

import {
  BackendError,
  DisposedError,
  type GemmuleError,
  IndexOutOfRangeError,
  NumericalError,
  ProgramError,
} from '../../errors.js';
import { dtypeCode, type StorageArray } from '../../tensor/dtype.js';
import { borrow, type HostView } from '../view.js';
import type { Addon, CommandArgument, PackedHandle } from './addon.js';

/*
 * One eager operation, written as float64 words (every integer up to 2^53 is exact) into memory that the engine reads:
 *
 *   opcode, operands, attributes, results, attribute...,
 *   per operand: 0 (none) | 1, argument (packed weight) | 2, argument, dtype, rank, offset, dims..., strides...
 *   per result:  argument, dtype, rank, dims...
 *
 * `argument` indexes the arrays and handles passed with the call.
 */

/** Of a view that the engine is given: `kMaxRank` there. */
export const MAX_AXES = 8;

/** The most words that an operand or a result takes. */
const WORDS_PER_VIEW = 5 + 2 * MAX_AXES;
const INITIAL_WORDS = 1024;
/** V8 can pass some ten thousand; from here on it makes no difference. */
const MOST_SINGLE_ARGS = 16;

/** Writes commands for one addon. The buffer is shared with the engine and grows as needed. */
export class CommandWriter {
  readonly #addon: Addon;
  #words = new Float64Array(INITIAL_WORDS);
  #length = 0;
  #args: CommandArgument[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
    addon.setCommandBuffer(this.#words);
  }

  /** Begins a command of at most so many views, and other words. */
  begin(views: number, words: number): void {
    const needed = views * WORDS_PER_VIEW + words;
    if (needed > this.#words.length) {
      this.#words = new Float64Array(2 * needed);
      this.#addon.setCommandBuffer(this.#words);
    }
    this.#length = 0;
    this.#args = [];
  }

  word(value: number): void {
    this.#words[this.#length++] = value;
  }

  none(): void {
    this.word(0);
  }

  packed(handle: PackedHandle): void {
    this.word(1);
    this.word(this.#args.push(handle) - 1);
  }

  operand(view: HostView): void {
    this.word(2);
    this.word(this.#args.push(borrow(view) as StorageArray) - 1);
    this.word(dtypeCode(view.dtype));
    this.word(view.dims.length);
    this.word(view.offset);
    for (let axis = 0; axis < view.dims.length; axis++) this.word(view.dims[axis] as number);
    for (let axis = 0; axis < view.dims.length; axis++) this.word(view.strides[axis] as number);
  }

  result(view: HostView): void {
    this.word(this.#args.push(view.data) - 1);
    this.word(dtypeCode(view.dtype));
    this.word(view.dims.length);
    for (let axis = 0; axis < view.dims.length; axis++) this.word(view.dims[axis] as number);
  }

  execute(): void {
    try {
      if (this.#args.length <= MOST_SINGLE_ARGS) this.#addon.execute(...this.#args);
      else this.#addon.execute(this.#args);
    } finally {
      this.#args = [];
    }
  }

  pack(format: number): { handle: PackedHandle; bytes: number } {
    try {
      return this.#addon.pack(format, this.#args as StorageArray[]);
    } finally {
      this.#args = [];
    }
  }
}

/** The engine's error as one of ours. */
export function engineError(message: string, code: string | undefined, cause?: unknown): GemmuleError {
  const options = cause === undefined ? undefined : { cause };
  switch (code) {
    case 'ERR_DISPOSED':
      return new DisposedError(message, options);
    case 'ERR_INDEX':
      return new IndexOutOfRangeError(message, options);
    case 'ERR_NUMERICAL':
    case 'ERR_NO_REAL_ROOT':
      return new NumericalError(message, options, code);
    case 'ERR_PROGRAM':
      return new ProgramError(message, options);
    case 'ERR_OUT_OF_MEMORY':
      return new BackendError(message, options, 'ERR_OUT_OF_MEMORY');
    default:
      return new BackendError(message, options);
  }
}

import {
  BackendError,
  DisposedError,
  type GemmuleError,
  IndexOutOfRangeError,
  NumericalError,
  ProgramError,
} from '../../errors.js';
import { dtypeCode, type StorageArray } from '../../tensor/dtype.js';
import type { HostView } from '../view.js';
import type { Addon, PackedHandle } from './addon.js';

/*
 * One eager operation, written as float64 words (every integer up to 2^53 is exact) into memory that the engine reads:
 *
 *   opcode, operands, attributes, results, attribute...,
 *   per operand: 0 (none) | 1, argument (packed weight) | 2, argument, dtype, rank, offset, dims..., strides...
 *   per result:  argument, dtype, rank, dims...
 *
 * `argument` indexes the arrays and handles passed with the call.
 */

const INITIAL_WORDS = 1024;

/** Writes commands for one addon. The buffer is shared with the engine and grows as needed. */
export class CommandWriter {
  readonly #addon: Addon;
  #words = new Float64Array(INITIAL_WORDS);
  #length = 0;
  #args: (StorageArray | PackedHandle)[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
    addon.setCommandBuffer(this.#words);
  }

  begin(): void {
    this.#length = 0;
    this.#args = [];
  }

  word(value: number): void {
    if (this.#length === this.#words.length) {
      const larger = new Float64Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
      this.#addon.setCommandBuffer(larger);
    }
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
    this.word(this.#args.push(view.data) - 1);
    this.word(dtypeCode(view.dtype));
    this.word(view.dims.length);
    this.word(view.offset);
    for (const dim of view.dims) this.word(dim);
    for (const stride of view.strides) this.word(stride);
  }

  result(view: HostView): void {
    this.word(this.#args.push(view.data) - 1);
    this.word(dtypeCode(view.dtype));
    this.word(view.dims.length);
    for (const dim of view.dims) this.word(dim);
  }

  execute(): void {
    try {
      this.#addon.execute(this.#args);
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

/** The stable codes of every error that gemmule throws on purpose. */
export type GemmuleErrorCode =
  | 'ERR_ARGUMENT'
  | 'ERR_SHAPE'
  | 'ERR_DTYPE'
  | 'ERR_INDEX'
  | 'ERR_DISPOSED'
  | 'ERR_RECORDING'
  | 'ERR_PROGRAM'
  | 'ERR_BACKEND'
  | 'ERR_NATIVE_UNAVAILABLE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_NUMERICAL'
  | 'ERR_NO_REAL_ROOT'
  | 'ERR_FILE'
  | 'ERR_FORMAT'
  | 'ERR_MODEL'
  | 'ERR_TOKENIZER'
  | 'ERR_TRUNCATED'
  | 'ERR_HUB'
  | 'ERR_DEPENDENCY'
  | 'ERR_REQUEST';

/**
 * Base class of every error that gemmule throws on purpose.
 *
 * `code` is stable across versions; the message names the argument, what was expected, what came and what to do.
 */
export class GemmuleError extends Error {
  readonly code: GemmuleErrorCode;

  constructor(code: GemmuleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An argument has the wrong type or lies outside its range. */
export class ArgumentError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_ARGUMENT', message, options);
  }
}

/** Shapes do not fit the operation. */
export class ShapeError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SHAPE', message, options);
  }
}

/** An operation does not accept this element type. */
export class DTypeError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DTYPE', message, options);
  }
}

/** An index or a slice lies outside the tensor. */
export class IndexOutOfRangeError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INDEX', message, options);
  }
}

/** A tensor, program or model was used after `dispose()`. */
export class DisposedError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DISPOSED', message, options);
  }
}

/** Something was asked of a tensor that exists only as a recording, such as its numbers. */
export class RecordingError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_RECORDING', message, options);
  }
}

/** A Program is malformed, or was run with inputs that do not fit it. */
export class ProgramError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_PROGRAM', message, options);
  }
}

/** A backend could not run an operation. */
export class BackendError extends GemmuleError {
  constructor(
    message: string,
    options?: ErrorOptions,
    code: 'ERR_BACKEND' | 'ERR_NATIVE_UNAVAILABLE' | 'ERR_OUT_OF_MEMORY' = 'ERR_BACKEND',
  ) {
    super(code, message, options);
  }
}

/**
 * A matrix is singular, an iteration did not converge, or the like. The code is ERR_NO_REAL_ROOT where a matrix has a square root,
 * but only a complex one.
 */
export class NumericalError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions, code: 'ERR_NUMERICAL' | 'ERR_NO_REAL_ROOT' = 'ERR_NUMERICAL') {
    super(code, message, options);
  }
}

/** A file or folder is missing or cannot be read or written. */
export class FileError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_FILE', message, options);
  }
}

/** The contents of a file are not what its format demands. */
export class FormatError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_FORMAT', message, options);
  }
}

/** A model folder is incomplete, or of a kind that gemmule does not run. */
export class ModelError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL', message, options);
  }
}

/** A tokenizer file is malformed or uses something that gemmule does not know. */
export class TokenizerError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_TOKENIZER', message, options);
  }
}

/** A text is longer than the model reads, and the caller asked for an error instead of a cut. */
export class TruncatedTextError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_TRUNCATED', message, options);
  }
}

/** The Hugging Face Hub refuses a request, cannot be reached, or sends something other than what it promised. */
export class HubError extends GemmuleError {
  /** The HTTP status that the Hub answered with; null where there was no answer, or it was not to blame. */
  readonly status: number | null;

  constructor(message: string, options: ErrorOptions & { readonly status?: number | null } = {}) {
    super('ERR_HUB', message, options);
    this.status = options.status ?? null;
  }
}

/** An optional package that a feature needs is not installed, or cannot be loaded. */
export class DependencyError extends GemmuleError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DEPENDENCY', message, options);
  }
}

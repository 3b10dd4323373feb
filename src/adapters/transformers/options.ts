import { isAbsolute } from 'node:path';
import { ArgumentError } from '../../errors.js';
import type { LoadOptions } from '../../index.js';

/** What `pipeline` takes, by transformers.js's names. */
export interface PipelineOptions {
  /** `fp32` (the default), `bf16` or `fp16` (kept in bfloat16), or `q8`, `int8` and `uint8` (int8, as gemmule does it). */
  readonly dtype?: 'auto' | 'fp32' | 'fp16' | 'bf16' | 'q8' | 'int8' | 'uint8' | undefined;
  /** Only the processor computes: `cpu`, `auto` or `wasm`. */
  readonly device?: string | null | undefined;
  readonly revision?: string | undefined;
  readonly cache_dir?: string | null | undefined;
  readonly local_files_only?: boolean | undefined;
  /** Called with `{ status: 'progress', name, progress, loaded, total }` while files are received. */
  readonly progress_callback?: ((progress: PipelineProgress) => void) | null | undefined;
}

/** How far a download is, as transformers.js tells it. */
export interface PipelineProgress {
  readonly status: 'progress' | 'ready';
  readonly name: string;
  readonly progress?: number;
  readonly loaded?: number;
  readonly total?: number;
}

const DTYPES: Readonly<Record<string, LoadOptions['dtype']>> = {
  auto: undefined,
  fp32: 'float32',
  fp16: 'bfloat16',
  bf16: 'bfloat16',
  q8: 'int8',
  int8: 'int8',
  uint8: 'int8',
};

/** Copies in ONNX of the model that is installed with gemmule: the same vectors. */
const DEFAULT_MODEL_COPIES = new Set(['Xenova/all-MiniLM-L6-v2', 'onnx-community/all-MiniLM-L6-v2-ONNX']);

/** The name that gemmule loads a model by. */
export function modelName(model: string | null | undefined, fallback: string): string {
  if (model === null || model === undefined) return fallback;
  if (typeof model !== 'string' || model === '') {
    throw new ArgumentError(`pipeline: model must be a name or a folder, got ${JSON.stringify(model)}`);
  }
  return !isAbsolute(model) && DEFAULT_MODEL_COPIES.has(model) ? 'all-MiniLM-L6-v2' : model;
}

/** The same where no model is built in. @throws ArgumentError with `advice` when none is named. */
export function requiredModelName(model: string | null | undefined, advice: string): string {
  if (model === null || model === undefined) throw new ArgumentError(advice);
  return modelName(model, '');
}

/** The settings as gemmule takes them. @throws ArgumentError for what gemmule does not have. */
export function loadOptions(name: string, options: PipelineOptions): LoadOptions {
  const { dtype = 'auto', device, revision, cache_dir, local_files_only, progress_callback } = options;
  if (!Object.hasOwn(DTYPES, dtype)) {
    throw new ArgumentError(`pipeline: dtype must be one of ${Object.keys(DTYPES).join(', ')}, got "${dtype}"`);
  }
  if (device !== null && device !== undefined && !['cpu', 'auto', 'wasm'].includes(device)) {
    throw new ArgumentError(`pipeline: gemmule computes on the processor; device must be "cpu", got "${device}"`);
  }
  return {
    dtype: DTYPES[dtype],
    revision,
    cacheFolder: cache_dir ?? undefined,
    offline: local_files_only === true ? true : undefined,
    onDownload: ({ bytes, total }) => {
      const known = total === null ? {} : { total, progress: (100 * bytes) / Math.max(total, 1) };
      progress_callback?.({ status: 'progress', name, loaded: bytes, ...known });
    },
  };
}

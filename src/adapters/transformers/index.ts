import { ArgumentError, ShapeError } from '../../errors.js';
import { type FeatureExtractionPipeline, featureExtraction } from './feature-extraction.js';
import type { PipelineOptions } from './options.js';
import { type TextClassificationPipeline, textClassification } from './text-classification.js';
import { type TokenClassificationPipeline, tokenClassification } from './token-classification.js';
import { type ZeroShotClassificationPipeline, zeroShotClassification } from './zero-shot-classification.js';

export type { FeatureExtractionOptions, FeatureExtractionPipeline } from './feature-extraction.js';
export type { PipelineOptions, PipelineProgress } from './options.js';
export { type NestedNumbers, PipelineTensor, type PipelineTensorType } from './tensor.js';
export type { TextClassificationOptions, TextClassificationPipeline } from './text-classification.js';
export type {
  TokenClassification,
  TokenClassificationOptions,
  TokenClassificationPipeline,
} from './token-classification.js';
export type {
  ZeroShotClassification,
  ZeroShotClassificationOptions,
  ZeroShotClassificationPipeline,
} from './zero-shot-classification.js';

const MAKERS = {
  'feature-extraction': featureExtraction,
  'text-classification': textClassification,
  'token-classification': tokenClassification,
  'zero-shot-classification': zeroShotClassification,
} as const;

/** Tasks by all the names that they have in transformers.js. */
const TASKS: Readonly<Record<string, keyof typeof MAKERS>> = {
  'feature-extraction': 'feature-extraction',
  'sentence-similarity': 'feature-extraction',
  embeddings: 'feature-extraction',
  'text-classification': 'text-classification',
  'sentiment-analysis': 'text-classification',
  'token-classification': 'token-classification',
  ner: 'token-classification',
  'zero-shot-classification': 'zero-shot-classification',
};

/**
 * transformers.js's `pipeline`, for the tasks that gemmule has: change the import and keep the rest.
 *
 * @param model - a folder or a name on the Hugging Face Hub, of a model that has safetensors; without one the default
 *   model, where the task has one.
 * @throws ArgumentError for tasks that gemmule does not have, and what loading throws.
 * @example
 * const extractor = await pipeline('feature-extraction', 'Xenova/all-MiniLM-L6-v2');
 * const output = await extractor('This is a simple test.', { pooling: 'mean', normalize: true });
 */
export function pipeline(
  task: 'feature-extraction' | 'sentence-similarity' | 'embeddings',
  model?: string | null,
  options?: PipelineOptions,
): Promise<FeatureExtractionPipeline>;
export function pipeline(
  task: 'text-classification' | 'sentiment-analysis',
  model: string,
  options?: PipelineOptions,
): Promise<TextClassificationPipeline>;
export function pipeline(
  task: 'token-classification' | 'ner',
  model: string,
  options?: PipelineOptions,
): Promise<TokenClassificationPipeline>;
export function pipeline(
  task: 'zero-shot-classification',
  model: string,
  options?: PipelineOptions,
): Promise<ZeroShotClassificationPipeline>;
export async function pipeline(
  task: string,
  model?: string | null,
  options: PipelineOptions = {},
): Promise<
  FeatureExtractionPipeline | TextClassificationPipeline | TokenClassificationPipeline | ZeroShotClassificationPipeline
> {
  if (!Object.hasOwn(TASKS, task)) {
    throw new ArgumentError(
      `pipeline: task must be one of ${Object.keys(TASKS).join(', ')}, got ${JSON.stringify(task)}`,
    );
  }
  return MAKERS[TASKS[task] as keyof typeof MAKERS](model, options);
}

/** The cosine of the angle between two vectors. @throws ShapeError when they differ in length. */
export function cos_sim(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const product = dot(a, b);
  return product / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)));
}

/** The sum of products of two vectors. @throws ShapeError when they differ in length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new ShapeError(`dot: vectors must have one length, got ${a.length} and ${b.length}`);
  }
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] as number) * (b[index] as number);
  return sum;
}

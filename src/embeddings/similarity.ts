import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';

/** The measures that sentence-transformers knows. All grow with likeness: distances are negative. */
export const SIMILARITY_NAMES = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export type SimilarityName = (typeof SIMILARITY_NAMES)[number];

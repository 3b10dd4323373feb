import type { RealDType } from './sparse-matrix.js';

/** Twice the unit of rounding: what a relative tolerance is a multiple of, as NumPy's `finfo.eps`. */
export const MACHINE_EPSILON: Record<RealDType, number> = { float32: 2 ** -23, float64: 2 ** -52 };

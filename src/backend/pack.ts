import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { isContiguous, PACK_FORMATS, type PackFormat, type View } from './view.js';

/** The sizes of a weight to be packed, after the checks that all backends need. */
export function checkPackArguments(
  weight: View,
  format: PackFormat,
  inputScale: View | undefined,
): { outFeatures: number; inFeatures: number } {
  const [outFeatures, inFeatures] = weight.dims;
  if (weight.dims.length !== 2 || typeof outFeatures !== 'number' || typeof inFeatures !== 'number') {
    throw new ShapeError(`pack: argument weight must be [outFeatures, inFeatures], got ${formatShape(weight.dims)}`);
  }
  if (weight.dtype !== 'float32' && weight.dtype !== 'float16' && weight.dtype !== 'bfloat16') {
    throw new DTypeError(`pack: argument weight must be float32, float16 or bfloat16, got ${weight.dtype}`);
  }
  if (!PACK_FORMATS.includes(format)) {
    throw new ArgumentError(`pack: argument format must be one of ${PACK_FORMATS.join(', ')}, got ${format}`);
  }
  if (inputScale === undefined) return { outFeatures, inFeatures };
  if (format !== 'int8') {
    throw new ArgumentError(`pack: argument inputScale is for the int8 format, got it with ${format}`);
  }
  if (inputScale.dtype !== 'float32' || inputScale.dims.length !== 1 || inputScale.dims[0] !== inFeatures) {
    throw new ShapeError(
      `pack: argument inputScale must be float32 [${inFeatures}], got ${inputScale.dtype} ${formatShape(inputScale.dims)}`,
    );
  }
  if (!isContiguous(inputScale)) throw new ArgumentError('pack: argument inputScale must be contiguous');
  return { outFeatures, inFeatures };
}

import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/dim.js';
import { INT8_GROUP_SIZE, isContiguous, PACK_FORMATS, type PackFormat, type PackScales, type View } from './view.js';

/** The sizes of a weight to be packed, after the checks that all backends need. */
export function checkPackArguments(
  weight: View,
  format: PackFormat,
  scales: PackScales,
): { outFeatures: number; inFeatures: number } {
  const [outFeatures, inFeatures] = weight.dims;
  if (weight.dims.length !== 2 || typeof outFeatures !== 'number' || typeof inFeatures !== 'number') {
    throw new ShapeError(`pack: argument weight must be [outFeatures, inFeatures], got ${formatShape(weight.dims)}`);
  }
  if (!PACK_FORMATS.includes(format)) {
    throw new ArgumentError(`pack: argument format must be one of ${PACK_FORMATS.join(', ')}, got ${format}`);
  }
  const { inputScale, groupScale } = scales;
  if (groupScale) {
    if (weight.dtype !== 'uint8') {
      throw new DTypeError(`pack: argument weight must be uint8 where it comes with groupScale, got ${weight.dtype}`);
    }
    checkScale('groupScale', groupScale, format, [outFeatures, Math.ceil(inFeatures / INT8_GROUP_SIZE)]);
  } else if (weight.dtype !== 'float32' && weight.dtype !== 'float16' && weight.dtype !== 'bfloat16') {
    throw new DTypeError(`pack: argument weight must be float32, float16 or bfloat16, got ${weight.dtype}`);
  }
  if (inputScale) checkScale('inputScale', inputScale, format, [inFeatures]);
  return { outFeatures, inFeatures };
}

function checkScale(name: string, scale: View, format: PackFormat, shape: readonly number[]): void {
  if (format !== 'int8') {
    throw new ArgumentError(`pack: argument ${name} is for the int8 format, got it with ${format}`);
  }
  const fits = scale.dims.length === shape.length && scale.dims.every((dim, axis) => dim === shape[axis]);
  if (scale.dtype !== 'float32' || !fits) {
    throw new ShapeError(
      `pack: argument ${name} must be float32 ${formatShape(shape)}, got ${scale.dtype} ${formatShape(scale.dims)}`,
    );
  }
  if (!isContiguous(scale)) throw new ArgumentError(`pack: argument ${name} must be contiguous`);
}

import { BackendError } from '../../errors.js';
import { checkPackArguments } from '../pack.js';
import type { HostView, PackedWeight, PackFormat, PackScales, View } from '../view.js';
import { numbersOf } from './elements.js';
import { fromBfloat16Bits, toBfloat16Bits } from './half.js';
import { type QuantizedRows, quantizeRows } from './quantized.js';

/** A weight kept as float32 numbers `[outFeatures, inFeatures]`; for bfloat16 each rounded to that type first. */
class FloatPackedWeight implements PackedWeight {
  readonly packed = true;
  readonly backend = 'reference';

  constructor(
    readonly format: 'float32' | 'bfloat16' | 'bfloat16Products',
    readonly outFeatures: number,
    readonly inFeatures: number,
    readonly values: Float32Array,
  ) {}

  get bytes(): number {
    return this.values.byteLength;
  }
}

/** A weight quantised to 8 bits in groups along `inFeatures`. */
class Int8PackedWeight implements PackedWeight {
  readonly packed = true;
  readonly backend = 'reference';
  readonly format = 'int8';

  constructor(
    readonly outFeatures: number,
    readonly inFeatures: number,
    readonly rows: QuantizedRows,
    /** What to multiply activations with before they are quantised, `[inFeatures]`; null for ones. */
    readonly inputScale: Float64Array | null,
  ) {}

  get bytes(): number {
    return this.rows.quantized.byteLength + this.rows.scales.byteLength;
  }
}

export type ReferencePackedWeight = FloatPackedWeight | Int8PackedWeight;

/** The packed form of a weight matrix `[outFeatures, inFeatures]`. */
export function packWeight(weight: View, format: PackFormat, scales: PackScales = {}): ReferencePackedWeight {
  const { outFeatures, inFeatures } = checkPackArguments(weight, format, scales);
  const { inputScale, groupScale } = scales;
  if (groupScale) {
    const rows = {
      quantized: Int8Array.from(numbersOf(weight as HostView), (number) => number - 128),
      scales: Float32Array.from(numbersOf(groupScale as HostView)),
      groups: groupScale.dims[1] as number,
    };
    return new Int8PackedWeight(outFeatures, inFeatures, rows, inputScale ? numbersOf(inputScale as HostView) : null);
  }
  const values = Float32Array.from(numbersOf(weight as HostView));
  switch (format) {
    case 'float32':
      return new FloatPackedWeight(format, outFeatures, inFeatures, values);
    case 'bfloat16':
    case 'bfloat16Products': {
      const rounded = values.map((value) => fromBfloat16Bits(toBfloat16Bits(value)));
      return new FloatPackedWeight(format, outFeatures, inFeatures, rounded);
    }
    case 'int8': {
      const scale = inputScale ? numbersOf(inputScale as HostView) : null;
      const scaled = scale === null ? values : values.map((value, n) => value / scale[n % inFeatures]);
      return new Int8PackedWeight(outFeatures, inFeatures, quantizeRows(scaled, outFeatures, inFeatures), scale);
    }
  }
}

/** An error where another backend packed the weight. */
export function requireOwnWeight(primitive: string, operand: PackedWeight): void {
  if (!(operand instanceof FloatPackedWeight || operand instanceof Int8PackedWeight)) {
    throw new BackendError(
      `${primitive}: the weight was packed for the ${operand.backend} backend; pack it again for the reference backend`,
    );
  }
}

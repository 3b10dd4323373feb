import { ShapeError } from '../../errors.js';
import { formatShape } from '../../tensor/dim.js';
import { definePrimitive, requireDType, requireRank, viewOperand } from '../primitive.js';
import type { Operand, View } from '../view.js';

/** What stands for zero in a code: the number `c` of [-127, 127] is kept as the byte `c + 128`. */
export const CODE_ZERO = 128;

/** The most codes in a row: sums of `255 * 128` over more would leave int32. */
const MOST_CODES = 65_536;

function codeRows(primitive: string, operands: readonly Operand[]): [queries: View, rows: View] {
  const queries = viewOperand(primitive, operands, 0, 'queries');
  const rows = viewOperand(primitive, operands, 1, 'rows');
  for (const [argument, view] of [
    ['queries', queries],
    ['rows', rows],
  ] as const) {
    requireDType(primitive, argument, view, ['uint8']);
    requireRank(primitive, argument, view, 2);
  }
  const [width, columns] = [queries.dims[1], rows.dims[1]];
  if (width !== columns || (typeof columns === 'number' && columns > MOST_CODES)) {
    throw new ShapeError(
      `${primitive}: queries ${formatShape(queries.dims)} and rows ${formatShape(rows.dims)} must have equally many columns, at most ${MOST_CODES}`,
    );
  }
  return [queries, rows];
}

/**
 * Scalar products of int8 codes: `queries` uint8 `[q, d]`, `rows` uint8 `[n, d]`, both with {@link CODE_ZERO} for zero and
 * unit column stride, `scales` float32 `[n]`; float32 `[q, n]`, the exact integer sum rounded to float32 times the row's
 * scale. A query's own scale is left out: it does not change the order.
 */
export const codeProducts = definePrimitive<Record<never, never>>({
  name: 'codeProducts',
  infer(operands) {
    const [queries, rows] = codeRows('codeProducts', operands);
    const scales = viewOperand('codeProducts', operands, 2, 'scales');
    requireDType('codeProducts', 'scales', scales, ['float32']);
    requireRank('codeProducts', 'scales', scales, 1);
    if (scales.dims[0] !== rows.dims[0]) {
      throw new ShapeError(
        `codeProducts: argument scales must have a number for each of the ${rows.dims[0]} rows, got shape ${formatShape(scales.dims)}`,
      );
    }
    return [{ dtype: 'float32', dims: [queries.dims[0] as number, rows.dims[0] as number] }];
  },
  encode: () => [],
});

/**
 * How many bits differ: `queries` uint8 `[q, b]`, `rows` uint8 `[n, b]`, with unit column stride; int32 `[q, n]`.
 */
export const hammingDistances = definePrimitive<Record<never, never>>({
  name: 'hammingDistances',
  infer(operands) {
    const [queries, rows] = codeRows('hammingDistances', operands);
    return [{ dtype: 'int32', dims: [queries.dims[0] as number, rows.dims[0] as number] }];
  },
  encode: () => [],
});

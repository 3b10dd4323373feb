import type { View } from '../backend/view.js';
import { ShapeError } from '../errors.js';
import { concreteDim, formatShape } from '../tensor/dim.js';
import { castView } from '../tensor/execute.js';
import type { Tensor } from '../tensor/tensor.js';
import { embeddingSum } from './functional.js';

/**
 * A table of vectors that ids select rows of. float32, float16 and bfloat16 tables are read in place, so one that lies in a
 * memory map stays there.
 */
export class Embedding {
  readonly rows: number;
  readonly hidden: number;
  readonly table: View;

  /** @param table - `[rows, hidden]`, any floating dtype. */
  constructor(table: View) {
    if (table.dims.length !== 2) {
      throw new ShapeError(`Embedding: expected table [rows, hidden], got ${formatShape(table.dims)}`);
    }
    this.rows = concreteDim(table.dims[0], 'Embedding: the number of rows');
    this.hidden = concreteDim(table.dims[1], 'Embedding: the number of columns');
    this.table = table.dtype === 'float64' ? castView(table, 'float32') : table;
  }

  /**
   * @param ids - int32 `[tokens]`, each from 0 to rows - 1.
   * @returns float32 `[tokens, hidden]`.
   * @throws IndexOutOfRangeError when an id is not in the table.
   */
  forward(ids: View): Tensor<'float32'> {
    return embeddingSum([{ ids, table: this.table }]);
  }
}

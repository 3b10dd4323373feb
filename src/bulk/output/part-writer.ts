/** A text of the input and what it is called. */
export interface Row {
  /** Its number in the whole input, from 0. */
  readonly row: number;
  /** What the id column says of it; null where none was asked for. */
  readonly id: string | null;
  readonly text: string;
}

/** Writes the rows of one part into one file. */
export interface PartWriter {
  begin(): Promise<void>;
  row(row: Row, vector: Float32Array): Promise<void>;
  end(): Promise<void>;
}

import { npyHeader } from '../../io/npy-header.js';
import { formatFloat32 } from '../../tensor/printing.js';
import type { Sink } from './sink.js';

export const OUTPUT_FORMATS = ['jsonl', 'csv', 'npy'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Writes rows of one format. `dimension` is the length of every vector. */
export interface RowWriter {
  begin(dimension: number): Promise<void>;
  row(text: string, vector: Float32Array): Promise<void>;
  end(): Promise<void>;
}

function formatVector(vector: Float32Array): string {
  const numbers = new Array<string>(vector.length);
  for (let i = 0; i < vector.length; i++) numbers[i] = formatFloat32(vector[i] as number);
  return numbers.join(',');
}

/** JSON Lines: `{"index":0,"text":"...","embedding":[...]}`, one text a line. */
class JsonLinesWriter implements RowWriter {
  #index = 0;

  constructor(private readonly sink: Sink) {}

  async begin(): Promise<void> {}

  row(text: string, vector: Float32Array): Promise<void> {
    const line = `{"index":${this.#index},"text":${JSON.stringify(text)},"embedding":[${formatVector(vector)}]}\n`;
    this.#index += 1;
    return this.sink.write(line);
  }

  async end(): Promise<void> {}
}

/** CSV (RFC 4180, lines ended by a line feed): a header, then the text and its numbers. */
class CsvWriter implements RowWriter {
  constructor(private readonly sink: Sink) {}

  begin(dimension: number): Promise<void> {
    const columns = Array.from({ length: dimension }, (_, index) => `d${index}`);
    return this.sink.write(`${['text', ...columns].join(',')}\n`);
  }

  row(text: string, vector: Float32Array): Promise<void> {
    const field = /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    return this.sink.write(`${field},${formatVector(vector)}\n`);
  }

  async end(): Promise<void> {}
}

/** One float32 matrix `[texts, dimension]` in NumPy's format. */
class NpyWriter implements RowWriter {
  #rows = 0;
  #dimension = 0;

  constructor(private readonly sink: Sink) {}

  begin(dimension: number): Promise<void> {
    this.#dimension = dimension;
    return this.sink.write(npyHeader('float32', [0, dimension]));
  }

  row(_text: string, vector: Float32Array): Promise<void> {
    this.#rows += 1;
    return this.sink.write(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
  }

  async end(): Promise<void> {
    this.sink.patchStart(npyHeader('float32', [this.#rows, this.#dimension]));
  }
}

/** Whether a format fills in its start at the end. */
export function needsPatching(format: OutputFormat): boolean {
  return format === 'npy';
}

export function createWriter(format: OutputFormat, sink: Sink): RowWriter {
  switch (format) {
    case 'jsonl':
      return new JsonLinesWriter(sink);
    case 'csv':
      return new CsvWriter(sink);
    case 'npy':
      return new NpyWriter(sink);
  }
}

import { requireCount } from '../arguments.js';
import { type Backend, defaultBackend } from '../backend/index.js';
import type { Program } from '../backend/recorder/recorder.js';
import { normalizeInPlace } from '../embeddings/vectors.js';
import { ArgumentError, DisposedError, FormatError, ShapeError } from '../errors.js';
import { INSPECT, type Inspect, type InspectOptions, inspectFacts } from '../inspection.js';
import { SafetensorsFile } from '../io/safetensors.js';
import { writeSafetensors } from '../io/safetensors-writer.js';
import { equalShapes, formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';
import { compileFilter, type Filter, type Metadata } from './metadata.js';
import { Records } from './records.js';
import {
  columnsOf,
  EXCLUDED,
  emptyRows,
  rowsOver,
  VECTOR_STORAGES,
  type VectorRows,
  type VectorStorage,
} from './vector-rows.js';

/** How likeness is measured; larger is more alike. `cosine` divides every vector by its length, once. */
export const INDEX_METRICS = ['cosine', 'dot'] as const;
export type IndexMetric = (typeof INDEX_METRICS)[number];

/** Settings of a new index. */
export interface VectorIndexOptions {
  /** The length of a vector, from 1 to 65,536. */
  readonly dimension: number;
  /**
   * How vectors are kept, `float32` by default, 4 bytes a number. `int8` takes a quarter; `binary` finds candidates by one
   * bit a number, and puts them in order by bytes, which stay in the file when it is opened from one.
   */
  readonly storage?: VectorStorage | undefined;
  /** `cosine` by default. */
  readonly metric?: IndexMetric | undefined;
  /** What computes; the default backend by default. */
  readonly backend?: Backend | undefined;
}

/** What is added: a name of one's own, and what is to be known of it. */
export interface IndexItem<M extends Metadata = Metadata> {
  readonly id: string;
  readonly metadata?: M | undefined;
}

/** Something found. */
export interface Hit<M extends Metadata = Metadata> {
  readonly id: string;
  /** The cosine or the scalar product, as exactly as the storage keeps vectors. */
  readonly score: number;
  readonly metadata: M | undefined;
}

/** Settings of a search. */
export interface SearchOptions<M extends Metadata = Metadata> {
  /** How many hits at most, 10 by default. */
  readonly topN?: number | undefined;
  /** What hits must be like. */
  readonly filter?: Filter<M> | undefined;
  /**
   * How many times `topN` candidates are taken and scored again with the query in float32: 4 for `int8` and 10 for `binary`
   * by default, 1 for `float32`, which needs no more.
   */
  readonly oversample?: number | undefined;
  /** Rejects the search with its reason. */
  readonly signal?: AbortSignal | undefined;
}

type Vectors = Tensor | readonly ArrayLike<number>[];

const MOST_DIMENSIONS = 65_536;
const FORMAT = 'gemmule-vector-index';
const VERSION = '1';
const NOTE = 'note.';
const OVERSAMPLE = { float32: 1, int8: 4, binary: 10 } as const;

/** Candidates beyond those, so that rounding where the engine sums in another order decides nothing. */
const MARGIN = 8;

/** Scores that one run of the engine holds at most; more queries are searched in turn. */
const MOST_SCORES = 1 << 24;

/** Dead rows are dropped once they are as many as the living. */
const LEAST_DEAD = 1024;

function requireChoice<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw new ArgumentError(`VectorIndex: ${name} must be one of ${choices.join(', ')}, got ${JSON.stringify(value)}`);
}

/** What a search sees: it stays as it is, whatever is added or deleted meanwhile. */
interface Snapshot<M extends Metadata> {
  readonly rows: VectorRows;
  readonly records: Records<M>;
  /** How many rows there are, dead ones included. */
  readonly count: number;
  /** 1 for what has been deleted, or null when nothing has. */
  readonly dead: Uint8Array | null;
  readonly living: number;
  /** Programs by their number of candidates and whether they take a mask. */
  readonly programs: Map<string, Program>;
}

/**
 * Vectors that fit in memory, with names and metadata: exact search on all threads off the event loop, filters, and a file
 * that opens by memory map.
 *
 * Adding and deleting while a search runs is allowed: the search sees what was there when it began. One query over `n`
 * vectors reads all of them once, `n * dimension` times 4 bytes in float32, 1 in int8, 1/8 in binary.
 */
export class VectorIndex<M extends Metadata = Metadata> {
  readonly dimension: number;
  readonly storage: VectorStorage;
  readonly metric: IndexMetric;
  readonly #backend: Backend;
  readonly #notes = new Map<string, string>();
  #snapshot: Snapshot<M>;
  /** Row by identifier; made when it is first needed. */
  #rowById: Map<string, number> | null = null;
  #disposed = false;

  /** An empty index. @throws ArgumentError for options out of range. */
  constructor(options: VectorIndexOptions) {
    const { dimension, storage = 'float32', metric = 'cosine', backend = defaultBackend() } = options;
    requireCount('VectorIndex', 'dimension', dimension, 1, MOST_DIMENSIONS);
    this.dimension = dimension;
    this.storage = requireChoice('storage', storage, VECTOR_STORAGES);
    this.metric = requireChoice('metric', metric, INDEX_METRICS);
    this.#backend = backend;
    this.#snapshot = VectorIndex.#fresh(emptyRows(storage, dimension), new Records<M>(), null, 0);
  }

  static #fresh<M extends Metadata>(
    rows: VectorRows,
    records: Records<M>,
    dead: Uint8Array | null,
    living: number,
  ): Snapshot<M> {
    return { rows, records, count: records.count, dead, living, programs: new Map() };
  }

  /**
   * Opens a file that {@link save} wrote. Vectors stay in the file's memory map and are read as they are needed.
   *
   * @throws FileError when it cannot be read, FormatError when it is not such a file or damaged.
   */
  static open<M extends Metadata = Metadata>(
    path: string,
    options: { readonly backend?: Backend } = {},
  ): VectorIndex<M> {
    const file = SafetensorsFile.open(path);
    const { metadata } = file;
    if (metadata.get('format') !== FORMAT || metadata.get('version') !== VERSION) {
      throw new FormatError(
        `${path} is not a vector index of version ${VERSION}; build it again with this version of gemmule`,
      );
    }
    const described = {
      dimension: Number(metadata.get('dimension')),
      storage: metadata.get('storage') as VectorStorage,
      metric: metadata.get('metric') as IndexMetric,
      ...options,
    };
    let index: VectorIndex<M>;
    try {
      index = new VectorIndex<M>(described);
    } catch (cause) {
      throw new FormatError(`${path}: ${(cause as Error).message}; the file is damaged, build it again`, { cause });
    }
    index.#load(path, file);
    for (const [name, text] of metadata) if (name.startsWith(NOTE)) index.#notes.set(name.slice(NOTE.length), text);
    return index;
  }

  #load(path: string, file: SafetensorsFile): void {
    const view = (name: string, dtype: string, dims: readonly number[] | null) => {
      const entry = file.has(name) ? file.entry(name) : null;
      const fits = dims === null ? entry?.shape.length === 1 : entry !== null && equalShapes(entry.shape, dims);
      if (entry === null || entry.dtype !== dtype || !fits) {
        const found = entry === null ? 'it is not there' : `it is ${entry.storedDType} ${formatShape(entry.shape)}`;
        throw new FormatError(
          `${path}: ${name} must be ${dtype}${dims === null ? '' : ` ${formatShape(dims)}`}, but ${found}; the file is damaged, build it again`,
        );
      }
      return file.view(name);
    };
    const ends = view('recordEnds', 'float64', null).data as Float64Array;
    const bytes = view('records', 'uint8', null).data as Uint8Array;
    const count = ends.length;
    const columns = Object.fromEntries(
      Object.entries(columnsOf(this.storage, this.dimension)).map(([name, { dtype, rowDims }]) => [
        name,
        view(name, dtype, [count, ...rowDims]),
      ]),
    );
    const rows = rowsOver(this.storage, this.dimension, columns);
    this.#snapshot = VectorIndex.#fresh(rows, new Records<M>(path, bytes, ends), null, count);
  }

  /** Free text by name that is kept in the file with the index, such as which model the vectors are from. */
  get notes(): Map<string, string> {
    return this.#notes;
  }

  /** How many vectors there are. */
  get size(): number {
    return this.#snapshot.living;
  }

  /**
   * Adds vectors; one whose `id` is there replaces the old one.
   *
   * @param items - the names, each once, and metadata: JSON values.
   * @param vectors - a Tensor `[items.length, dimension]`, or as many arrays of numbers.
   * @throws ArgumentError, ShapeError; nothing is added then.
   */
  add(items: readonly IndexItem<M>[], vectors: Vectors): void {
    this.#requireAlive();
    const count = items.length;
    const numbers = this.#numbers('add', 'vectors', vectors, count);
    const fresh = new Set<string>();
    for (const [index, { id }] of items.entries()) {
      if (typeof id !== 'string') {
        throw new ArgumentError(`add: items[${index}].id must be a string, got ${typeof id}`);
      }
      if (fresh.has(id)) throw new ArgumentError(`add: items[${index}].id ${JSON.stringify(id)} is there twice`);
      fresh.add(id);
    }
    if (count === 0) return;
    this.#remove(fresh);
    const { rows, records, dead, living } = this.#snapshot;
    const first = records.count;
    rows.append(numbers, count);
    for (const [offset, { id, metadata }] of items.entries()) {
      records.push({ id, metadata });
      this.#byId().set(id, first + offset);
    }
    let grown: Uint8Array | null = null;
    if (dead !== null) {
      grown = new Uint8Array(records.count);
      grown.set(dead);
    }
    this.#replace(VectorIndex.#fresh(rows, records, grown, living + count));
  }

  /** Deletes by name; names that are not there are passed over. @returns how many were there. */
  delete(ids: Iterable<string>): number {
    this.#requireAlive();
    return this.#remove(new Set(ids));
  }

  has(id: string): boolean {
    return this.#byId().has(id);
  }

  /** What is known of an item, or undefined when there is none of that name. */
  get(id: string): IndexItem<M> | undefined {
    const row = this.#byId().get(id);
    return row === undefined ? undefined : this.#snapshot.records.at(row);
  }

  /** The names of all items, in no particular order. */
  ids(): IterableIterator<string> {
    return this.#byId().keys();
  }

  /**
   * The items nearest to a vector, best first; of equals the one that was added first.
   *
   * @param query - a Tensor `[dimension]` or an array of numbers.
   */
  async search(query: Tensor | ArrayLike<number>, options: SearchOptions<M> = {}): Promise<Hit<M>[]> {
    if (query instanceof Tensor && query.rank !== 1) {
      throw new ShapeError(`search: query must be [${this.dimension}], got ${formatShape(query.dims)}; see searchMany`);
    }
    const queries = query instanceof Tensor ? query.unsqueeze(0) : [query];
    const [hits] = await this.searchMany(queries, options);
    return hits as Hit<M>[];
  }

  /**
   * The same for many queries at once, which costs less than one after the other.
   *
   * @param queries - a Tensor `[n, dimension]`, or arrays of numbers.
   * @returns hits for each query, in order.
   */
  async searchMany(queries: Vectors, options: SearchOptions<M> = {}): Promise<Hit<M>[][]> {
    this.#requireAlive();
    const { topN = 10, oversample = OVERSAMPLE[this.storage], signal } = options;
    requireCount('search', 'topN', topN, 1);
    if (!(oversample >= 1)) throw new ArgumentError(`search: oversample must be at least 1, got ${oversample}`);
    signal?.throwIfAborted();
    const total = queries instanceof Tensor ? (queries.shape[0] ?? 0) : queries.length;
    const numbers = this.#numbers('search', 'queries', queries, total);
    const snapshot = this.#snapshot;
    const { mask, allowed } = this.#mask(snapshot, options.filter);
    const count = Math.min(allowed, Math.ceil(topN * oversample) + MARGIN);
    if (count === 0) return Array.from({ length: total }, () => []);
    const atOnce = Math.max(1, Math.floor(MOST_SCORES / snapshot.count));
    const hits: Hit<M>[][] = [];
    for (let begin = 0; begin < total; begin += atOnce) {
      const end = Math.min(begin + atOnce, total);
      const part = numbers.subarray(begin * this.dimension, end * this.dimension);
      for (const found of await this.#find(snapshot, part, end - begin, count, topN, mask, signal)) hits.push(found);
    }
    return hits;
  }

  async #find(
    snapshot: Snapshot<M>,
    queries: Float32Array,
    total: number,
    count: number,
    topN: number,
    mask: Float32Array | Int32Array | null,
    signal: AbortSignal | undefined,
  ): Promise<Hit<M>[][]> {
    const { rows, records, programs } = snapshot;
    const key = `${count} ${mask !== null}`;
    const program = programs.get(key) ?? rows.record(this.#backend, count, mask !== null);
    programs.set(key, program);
    const inputs = { queries: rows.encode(queries, total), ...(mask === null ? {} : { mask }) };
    const found = await program.run(inputs, { sequences: total, signal });
    const places = found.rows as Int32Array;
    return Array.from({ length: total }, (_, query) => {
      const vector = queries.subarray(query * this.dimension, (query + 1) * this.dimension);
      const candidates = Array.from({ length: count }, (_, n) => {
        const row = places[query * count + n] as number;
        return { row, score: rows.score(vector, row) };
      });
      candidates.sort((a, b) => b.score - a.score || a.row - b.row);
      return candidates.slice(0, topN).map(({ row, score }) => ({ ...records.at(row), score }));
    });
  }

  /** What is added to the rows' scores, and how many rows are left; no mask where that is all. */
  #mask(
    { rows, records, count, dead, living }: Snapshot<M>,
    filter: Filter<M> | undefined,
  ): { mask: Float32Array | Int32Array | null; allowed: number } {
    if (filter === undefined && living === count) return { mask: null, allowed: count };
    const accepts = filter === undefined ? () => true : compileFilter(filter);
    const mask = rows.maskType === 'float32' ? new Float32Array(count) : new Int32Array(count);
    let allowed = 0;
    for (let row = 0; row < count; row++) {
      let isIn = dead?.[row] !== 1;
      if (isIn && filter !== undefined) {
        const { id, metadata } = records.at(row);
        isIn = accepts(metadata, id);
      }
      if (isIn) allowed += 1;
      else mask[row] = EXCLUDED[rows.maskType];
    }
    return { mask, allowed };
  }

  /**
   * Writes the index to a file, which takes the name only once it is complete; an older file is there until then.
   *
   * @throws FileError when it cannot be written.
   */
  async save(path: string): Promise<void> {
    this.#requireAlive();
    this.#compact();
    const { rows, records } = this.#snapshot;
    const { bytes, ends } = records.encode();
    const line = <D extends 'uint8' | 'float64'>(dtype: D, data: Uint8Array | Float64Array) => ({
      dtype,
      dims: [data.length],
      strides: [1],
      offset: 0,
      data,
    });
    await writeSafetensors(
      path,
      { ...rows.columns(), records: line('uint8', bytes), recordEnds: line('float64', ends) },
      {
        format: FORMAT,
        version: VERSION,
        storage: this.storage,
        metric: this.metric,
        dimension: String(this.dimension),
        ...Object.fromEntries([...this.#notes].map(([name, text]) => [NOTE + name, text])),
      },
    );
  }

  /** For consoles: how the index is made, and how many vectors there are. */
  [INSPECT](depth: number | null, options: InspectOptions, inspect: Inspect): string {
    const { dimension, storage, metric, size } = this;
    const facts = { size, dimension, storage, metric, disposed: this.#disposed };
    return inspectFacts('VectorIndex', facts, depth, options, inspect);
  }

  /** Frees the engine's part of it. Searching afterwards is a DisposedError; disposing twice does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const program of this.#snapshot.programs.values()) program.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Marks rows as dead. */
  #remove(ids: ReadonlySet<string>): number {
    const byId = this.#byId();
    const gone = [...ids].filter((id) => byId.has(id));
    if (gone.length === 0) return 0;
    const { rows, records, count, living } = this.#snapshot;
    const dead = Uint8Array.from(this.#snapshot.dead ?? new Uint8Array(count));
    for (const id of gone) {
      dead[byId.get(id) as number] = 1;
      byId.delete(id);
    }
    this.#replace(VectorIndex.#fresh(rows, records, dead, living - gone.length));
    const dropped = count - this.size;
    if (dropped >= LEAST_DEAD && dropped > this.size) this.#compact();
    return gone.length;
  }

  /** Leaves dead rows behind. */
  #compact(): void {
    const { rows, records, dead, count, living } = this.#snapshot;
    if (dead === null) return;
    const kept = new Int32Array(living);
    for (let row = 0, next = 0; row < count; row++) if (dead[row] === 0) kept[next++] = row;
    this.#rowById = null;
    this.#replace(VectorIndex.#fresh(rows.select(kept), records.select(kept), null, living));
  }

  /** Programs of the old snapshot are left to searches that run, and to the garbage collector. */
  #replace(snapshot: Snapshot<M>): void {
    this.#snapshot = snapshot;
  }

  #byId(): Map<string, number> {
    if (this.#rowById === null) {
      this.#rowById = new Map();
      const { records, count, dead } = this.#snapshot;
      for (let row = 0; row < count; row++) {
        if (dead?.[row] !== 1) this.#rowById.set(records.at(row).id, row);
      }
    }
    return this.#rowById;
  }

  /** The vectors as the index keeps them: float32, contiguous, of length 1 for cosine. A copy. */
  #numbers(operation: string, argument: string, vectors: Vectors, count: number): Float32Array {
    const wanted = `[${count}, ${this.dimension}]`;
    const numbers = new Float32Array(count * this.dimension);
    if (vectors instanceof Tensor) {
      if (vectors.rank !== 2 || vectors.shape[0] !== count || vectors.shape[1] !== this.dimension) {
        throw new ShapeError(`${operation}: ${argument} must be ${wanted}, got shape ${formatShape(vectors.dims)}`);
      }
      using float32 = vectors.to('float32');
      using converted = float32.contiguous();
      numbers.set(converted.toTypedArray());
    } else {
      if (!Array.isArray(vectors) || vectors.length !== count) {
        throw new ShapeError(`${operation}: ${argument} must be ${wanted}: a Tensor, or an array of arrays of numbers`);
      }
      for (const [index, vector] of vectors.entries()) {
        if (typeof vector !== 'object') {
          throw new ArgumentError(
            `${operation}: ${argument}[${index}] must be an array of ${this.dimension} numbers, got ${typeof vector}${typeof vector === 'string' ? '; embed texts first' : ''}`,
          );
        }
        if (vector?.length !== this.dimension) {
          throw new ShapeError(
            `${operation}: ${argument}[${index}] must have ${this.dimension} numbers, got ${vector?.length}`,
          );
        }
        numbers.set(vector, index * this.dimension);
      }
    }
    const bad = numbers.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new ArgumentError(
        `${operation}: ${argument}[${Math.floor(bad / this.dimension)}] must be finite in float32, got ${numbers[bad]} at ${bad % this.dimension}`,
      );
    }
    if (this.metric === 'cosine') {
      for (let row = 0; row < count; row++) {
        normalizeInPlace(numbers.subarray(row * this.dimension, (row + 1) * this.dimension));
      }
    }
    return numbers;
  }

  #requireAlive(): void {
    if (this.#disposed) throw new DisposedError('the index was disposed; make or open another');
  }
}

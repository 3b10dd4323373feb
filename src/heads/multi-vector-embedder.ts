import { requireCount } from '../arguments.js';
import { allocateStorage } from '../backend/storage.js';
import { type CallOptions, copyTexts, type LoadOptions, requireText } from '../embeddings/options.js';
import type { Route } from '../embeddings/scheduler.js';
import { normalizeInPlace } from '../embeddings/vectors.js';
import { ModelError, ShapeError } from '../errors.js';
import { concat } from '../tensor/creation.js';
import { formatShape } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { EncoderSession, openFolder } from './encoder-session.js';
import { type MultiVectorConfig, readMultiVectorConfig, type TaskConfig } from './multi-vector-config.js';
import type { RankedDocument } from './reranker.js';
import type { EncodedInput } from './text-session.js';

/** Settings of calls; how long texts may be is up to the model. */
export type MultiVectorOptions = Omit<CallOptions, 'maxTokens'>;

/** A task with its words as ids. */
interface Task {
  /** Put behind the tokenizer's first token; null for none. */
  readonly prefixId: number | null;
  /** Put in front of the text; `''` for none. */
  readonly prefixText: string;
  readonly maxTokens: number;
  readonly skippedIds: ReadonlySet<number>;
  readonly expansion: { readonly id: number; readonly length: number; readonly attends: boolean } | null;
}

/**
 * Texts to a vector for every token, compared by late interaction (ColBERT: Khattab & Zaharia, arXiv:2004.12832): every token
 * of the query looks for the token of the document that is most like it. Between an embedder and a reranker in cost and in
 * quality: vectors of documents can be kept, and comparing them is a matrix product.
 *
 * Reads models of sentence-transformers (MultiVectorEncoder), PyLate (`lightonai/GTE-ModernColBERT-v1`) and Stanford's ColBERT
 * (`colbert-ir/colbertv2.0`).
 *
 * @example
 * const embedder = await MultiVectorEmbedder.load('./colbertv2.0');
 * const queries = await embedder.embedQueries(['warm food']);
 * const documents = await embedder.embedDocuments(['Tax returns', 'Lentil soup']);
 * maxSim(queries, documents); // [1, 2]
 */
export class MultiVectorEmbedder {
  /** The length of a vector. */
  readonly dimension: number;
  readonly #session: EncoderSession;
  readonly #query: Task;
  readonly #document: Task;
  readonly #route: Route;

  private constructor(session: EncoderSession, config: MultiVectorConfig) {
    this.#session = session;
    const { backend, weightFormat, config: shape } = session.encoder;
    const projections = config.projections({ backend, weightFormat });
    let width = shape.hiddenSize;
    for (const { inFeatures, outFeatures } of projections) {
      if (inFeatures !== width) {
        throw new ModelError(
          `${session.folder.path}: a dense layer takes vectors of ${inFeatures} numbers, but gets ${width}`,
        );
      }
      width = outFeatures;
    }
    this.dimension = width;
    this.#query = taskOf(session, config.query, config);
    this.#document = taskOf(session, config.document, { ...config, expansion: null });
    this.#route = session.route((hidden) => projections.reduce((x, layer) => layer.forward(x), hidden), {
      keyCounts: true,
    });
  }

  /**
   * Loads a model.
   *
   * @param nameOrFolder - a folder as Hugging Face lays it out, or the name of a model on the Hugging Face Hub.
   * @throws FileError, FormatError, ModelError, TokenizerError when the folder's files are missing or not as they should be;
   *   HubError when the Hub does not have the model, refuses it, or cannot be reached.
   */
  static async load(nameOrFolder: string, options: LoadOptions = {}): Promise<MultiVectorEmbedder> {
    const operation = 'MultiVectorEmbedder.load';
    const config = readMultiVectorConfig(await openFolder(operation, nameOrFolder, options));
    return new MultiVectorEmbedder(await EncoderSession.open(operation, config.transformer, options), config);
  }

  get tokenizer(): Tokenizer {
    return this.#session.tokenizer;
  }

  /** Queries are cut after so many tokens, what stands in front of them included. */
  get maxQueryTokens(): number {
    return this.#query.maxTokens;
  }

  /** Documents are cut after so many tokens, what stands in front of them included. */
  get maxDocumentTokens(): number {
    return this.#document.maxTokens;
  }

  /** Shorter queries are made so long, in tokens; 0 where they are left as they are. */
  get queryLength(): number {
    return this.#query.expansion?.length ?? 0;
  }

  /**
   * The vectors of queries, in their order.
   *
   * @returns for each a float32 `[tokens, dimension]` of unit vectors.
   * @throws TruncatedTextError with `truncate: false`, the signal's reason when it aborts, DisposedError.
   */
  embedQueries(texts: readonly string[], options: MultiVectorOptions = {}): Promise<Tensor<'float32'>[]> {
    return this.#embed('embedQueries', texts, this.#query, options);
  }

  /** The vectors of documents; as {@link embedQueries}. */
  embedDocuments(texts: readonly string[], options: MultiVectorOptions = {}): Promise<Tensor<'float32'>[]> {
    return this.#embed('embedDocuments', texts, this.#document, options);
  }

  /**
   * Documents by how well they answer a query, the best first; those with the same score in the order given.
   *
   * @param options.topK - only the best so many documents; all by default.
   * @throws as {@link embedQueries}.
   */
  async rerank(
    query: string,
    documents: readonly string[],
    options: MultiVectorOptions & { readonly topK?: number | undefined } = {},
  ): Promise<RankedDocument[]> {
    requireText('rerank', query);
    const { topK = documents.length } = options;
    const [queries, candidates] = await Promise.all([
      this.embedQueries([query], { signal: options.signal }),
      this.embedDocuments(documents, options),
    ]);
    requireCount('rerank', 'topK', topK, Math.min(1, documents.length), documents.length);
    using scores = maxSim(queries, candidates);
    for (const vectors of [...queries, ...candidates]) vectors.dispose();
    const numbers = scores.toTypedArray();
    return documents
      .map((document, index) => ({ index, score: numbers[index] as number, document }))
      .sort((a, b) => b.score - a.score)
      .slice(0, topK);
  }

  async #embed(
    operation: string,
    texts: readonly string[],
    task: Task,
    options: MultiVectorOptions,
  ): Promise<Tensor<'float32'>[]> {
    const own = copyTexts(operation, texts);
    const width = this.dimension;
    const kept: number[][] = new Array(own.length);
    const results: Tensor<'float32'>[] = new Array(own.length);
    const { signal, truncate, onProgress } = options;
    const call = { signal, truncate, onProgress, maxTokens: task.maxTokens };
    try {
      await this.#session.run(operation, own, call, {
        route: this.#route,
        encode: (index) => {
          const encoded = encode(this.tokenizer, own[index] as string, task);
          kept[index] = [...encoded.ids.keys()].filter((place) => !task.skippedIds.has(encoded.ids[place] as number));
          return encoded;
        },
        accept: (index, { numbers, begin }) => {
          const places = kept[index] as number[];
          const data = allocateStorage('float32', places.length * width);
          for (const [row, place] of places.entries()) {
            const vector = data.subarray(row * width, (row + 1) * width) as Float32Array;
            vector.set(numbers.subarray((begin + place) * width, (begin + place + 1) * width));
            normalizeInPlace(vector);
          }
          const dims = [places.length, width];
          results[index] = Tensor.fromView({ dtype: 'float32', dims, strides: [width, 1], offset: 0, data });
        },
      });
    } catch (error) {
      for (const result of results) result?.dispose();
      throw error;
    }
    return results;
  }

  /** Rejects what is still being computed and frees what the engine holds. Disposing twice does nothing. */
  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function taskOf(session: EncoderSession, task: TaskConfig, { expansion }: Pick<MultiVectorConfig, 'expansion'>): Task {
  const { tokenizer, folder, maxTokens } = session;
  const { prefix } = task;
  // A prefix that is a token is one, however the tokenizer would divide it as text.
  const prefixId = prefix === '' ? null : (tokenizer.tokenToId(prefix) ?? tokenizer.tokenToId(prefix.trim()) ?? null);
  const id = expansion === null ? null : tokenIdOf(session, expansion.token);
  const longest = Math.min(task.maxTokens ?? maxTokens, session.mostTokens);
  if (expansion !== null && expansion.length > session.mostTokens) {
    throw new ModelError(
      `${folder.path}: queries of ${expansion.length} tokens are longer than the ${session.mostTokens} that the model reads`,
    );
  }
  const skippedIds = new Set(
    task.skipped
      .map((word) => tokenizer.tokenToId(word))
      .filter((found) => found !== undefined && found !== tokenizer.unknownId) as number[],
  );
  return {
    prefixId,
    prefixText: prefixId === null ? prefix : '',
    maxTokens: expansion?.isFixed ? expansion.length : Math.max(longest, expansion?.length ?? 0),
    skippedIds,
    expansion: expansion === null || id === null ? null : { id, length: expansion.length, attends: expansion.attends },
  };
}

function tokenIdOf({ tokenizer, folder }: EncoderSession, token: string | null): number {
  const id = token === null ? tokenizer.specialTokenId('mask') : tokenizer.tokenToId(token);
  if (id !== undefined) return id;
  throw new ModelError(
    `${folder.path}: queries are to be made longer with ${token === null ? 'the mask token' : JSON.stringify(token)}, which the tokenizer does not have`,
  );
}

function encode(tokenizer: Tokenizer, text: string, task: Task): EncodedInput {
  const { prefixId, prefixText, maxTokens, expansion } = task;
  const room = prefixId === null ? maxTokens : maxTokens - 1;
  const { ids, specialTokensMask, truncated } = tokenizer.encode(prefixText + text, { maxTokens: room });
  const first = specialTokensMask[0] === 1 ? 1 : 0;
  const own = prefixId === null ? ids : Int32Array.of(...ids.subarray(0, first), prefixId, ...ids.subarray(first));
  if (expansion === null || own.length >= expansion.length) return { ids: own, truncated };
  const longer = new Int32Array(expansion.length).fill(expansion.id);
  longer.set(own);
  return { ids: longer, truncated, keyCount: expansion.attends ? longer.length : own.length };
}

/** Numbers of a matrix of products that are held at once. */
const PRODUCT_ELEMENTS = 1 << 22;

/**
 * Late interaction (MaxSim): for every vector of a query the greatest product with a vector of the document, summed.
 *
 * @param queries - float32 `[tokens, dimension]` each.
 * @param documents - as queries; one without vectors is like nothing, and has minus infinity.
 * @returns float32 `[queries, documents]`.
 * @throws ShapeError when vectors are not of one length.
 */
export function maxSim(queries: readonly Tensor[], documents: readonly Tensor[]): Tensor<'float32'> {
  const width = (queries[0] ?? documents[0])?.shape[1];
  for (const [name, list] of [['queries', queries] as const, ['documents', documents] as const]) {
    for (const [index, { rank, shape, dims }] of list.entries()) {
      if (rank === 2 && shape[1] === width) continue;
      throw new ShapeError(`maxSim: ${name}[${index}] must be [tokens, ${width}], got shape ${formatShape(dims)}`);
    }
  }
  const scores = new Float32Array(queries.length * documents.length);
  for (let begin = 0; begin < documents.length; ) {
    // As many documents as give products of a bounded size with the longest query.
    const longest = queries.reduce((most, { shape }) => Math.max(most, shape[0] as number), 1);
    let [end, columns] = [begin, 0];
    while (end < documents.length && (end === begin || columns * longest < PRODUCT_ELEMENTS)) {
      columns += (documents[end] as Tensor).shape[0] as number;
      end += 1;
    }
    scoreDocuments(queries, documents.slice(begin, end), (query, document, score) => {
      scores[query * documents.length + begin + document] = score;
    });
    begin = end;
  }
  const dims = [queries.length, documents.length];
  return Tensor.fromView<'float32'>({
    dtype: 'float32',
    dims,
    strides: [documents.length, 1],
    offset: 0,
    data: scores,
  });
}

function scoreDocuments(
  queries: readonly Tensor[],
  documents: readonly Tensor[],
  accept: (query: number, document: number, score: number) => void,
): void {
  using all = concat(documents, 0).to('float32');
  using columns = all.transpose();
  for (const [index, query] of queries.entries()) {
    using rows = query.to('float32');
    using product = rows.matmul(columns);
    const numbers = product.toTypedArray() as Float32Array;
    const [count, width] = product.shape as [number, number];
    let begin = 0;
    for (const [document, { shape }] of documents.entries()) {
      const end = begin + (shape[0] as number);
      let score = 0;
      for (let row = 0; row < count; row++) {
        let greatest = Number.NEGATIVE_INFINITY;
        for (let column = begin; column < end; column++) {
          greatest = Math.max(greatest, numbers[row * width + column] as number);
        }
        score += greatest;
      }
      accept(index, document, score);
      begin = end;
    }
  }
}

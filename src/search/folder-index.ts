import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { requirePath } from '../arguments.js';
import type { TextEmbedder } from '../embeddings/text-embedder.js';
import { ArgumentError, FileError, FormatError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../io/json.js';
import { splitIntoPassages } from './passages.js';
import { VectorIndex } from './vector-index.js';
import type { VectorStorage } from './vector-rows.js';

/** What an index keeps of a passage. */
export interface PassageMetadata {
  /** Path below the indexed folder, with `/` between its parts. */
  readonly file: string;
  /** The line that it begins in, from 1. */
  readonly line: number;
  /** Markdown headings that it stands under, outermost first. */
  readonly headings: readonly string[];
  readonly text: string;
  readonly [name: string]: unknown;
}

/** A passage found. */
export interface PassageHit {
  /** The cosine of question and passage. */
  readonly score: number;
  readonly file: string;
  readonly line: number;
  readonly headings: readonly string[];
  readonly text: string;
}

/** Settings of {@link indexFolder}. */
export interface IndexFolderOptions {
  /** The index's file; `.gemmule/index.safetensors` in the folder by default. */
  readonly file?: string | undefined;
  /** Which files are read, by how their names end: `.md`, `.markdown` and `.txt` by default. */
  readonly extensions?: readonly string[] | undefined;
  /** The most tokens of a passage; 200 by default, or what the model reads if that is less. */
  readonly maxTokens?: number | undefined;
  /** How many tokens neighbouring passages share at most; a fifth of `maxTokens` by default. */
  readonly overlapTokens?: number | undefined;
  /** How vectors are kept; `float32` by default. */
  readonly storage?: VectorStorage | undefined;
  /** Called as passages are embedded. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Stops with its reason; the index on the disk stays as it was. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link indexFolder} did. */
export interface IndexFolderSummary {
  /** The index's file. */
  readonly file: string;
  /** Files by what happened to them. */
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  /** Files that are not UTF-8 text and were left out. */
  readonly unreadable: readonly string[];
  /** Passages in the index now, and how many of them were embedded. */
  readonly passages: number;
  readonly embedded: number;
}

/** What is remembered of a file, to see whether it changed. */
interface FileState {
  readonly size: number;
  readonly modified: number;
  readonly sha256: string;
  readonly passages: number;
}

const DEFAULT_EXTENSIONS = ['.md', '.markdown', '.txt'];
const MARKDOWN = /\.(md|markdown)$/i;
const DEFAULT_MAX_TOKENS = 200;
const LEAST_TOKENS = 16;

/** Passages that are embedded in one call. */
const GROUP = 512;

/** Names of prompts, in order of preference, that models have for either side. */
const QUESTION_PROMPTS = ['query', 'question'];
const PASSAGE_PROMPTS = ['passage', 'document', 'corpus'];

/** The index's file of a folder unless another is named. */
export function defaultIndexFile(folder: string): string {
  return path.join(folder, '.gemmule', 'index.safetensors');
}

function promptOf(embedder: TextEmbedder, names: readonly string[]): { prompt?: string } {
  const prompt = names.find((name) => embedder.prompts.has(name));
  return prompt === undefined ? {} : { prompt };
}

/** Files below a folder whose names end as wanted, sorted; hidden ones, `node_modules` and links are passed over. */
async function listFiles(folder: string, extensions: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const visit = async (below: string): Promise<void> => {
    const entries = await readdir(path.join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const file = path.posix.join(below, entry.name);
      if (entry.isDirectory()) await visit(file);
      else if (entry.isFile() && extensions.some((end) => entry.name.toLowerCase().endsWith(end))) found.push(file);
    }
  };
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error('it is not a folder');
    await visit('');
  } catch (cause) {
    throw new FileError(`cannot read the folder ${folder}: ${(cause as Error).message}`, { cause });
  }
  return found;
}

function readStates(index: VectorIndex, file: string): Map<string, FileState> {
  const states = parseStrictJson(Buffer.from(index.notes.get('files') ?? '{}'), `${file}: the list of files`);
  if (!isJsonObject(states)) throw new FormatError(`${file}: the list of files is damaged; delete the index`);
  return new Map(Object.entries(states) as [string, FileState][]);
}

/** The index of an earlier run, if it was made with the same model and settings. */
async function earlierIndex(
  file: string,
  settings: string,
  storage: VectorStorage,
): Promise<VectorIndex<PassageMetadata> | null> {
  const there = await stat(file).then(
    () => true,
    () => false,
  );
  if (!there) return null;
  const index = VectorIndex.open<PassageMetadata>(file);
  const isSame = index.storage === storage && index.notes.get('settings') === settings;

  if (isSame) return index;
  index.dispose();
  return null;
}

async function readText(file: string): Promise<{ bytes: Buffer; status: Stats }> {
  try {
    // The state is read first: what changes in between is seen as changed next time.
    const status = await stat(file);
    return { bytes: await readFile(file), status };
  } catch (cause) {
    throw new FileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const passageId = (file: string, n: number): string => `${file}#${n}`;

function passageIds(file: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => passageId(file, n));
}

/** What is embedded: a passage below its headings, which say what it is about. */
function passageText({ headings, text }: Pick<PassageMetadata, 'headings' | 'text'>): string {
  return [...headings, text].join('\n');
}

/**
 * Brings the index of a folder of text and Markdown files up to date: files are cut into overlapping passages at the ends of
 * sentences, and embedded. Only files whose contents changed since the last time are read again; with another model or other
 * settings everything is.
 *
 * The index takes its name only once it is complete, so a run that is stopped at any moment leaves the one before.
 *
 * @throws FileError, FormatError, ArgumentError.
 */
export async function indexFolder(
  folder: string,
  embedder: TextEmbedder,
  options: IndexFolderOptions = {},
): Promise<IndexFolderSummary> {
  requirePath('indexFolder', 'folder', folder);
  if (typeof embedder?.embed !== 'function') {
    throw new ArgumentError(`indexFolder: embedder must be a TextEmbedder, got ${typeof embedder}`);
  }
  const { file = defaultIndexFile(folder), extensions = DEFAULT_EXTENSIONS, storage = 'float32', signal } = options;
  const countTokens = (text: string): number => embedder.tokenizer.encodeIds(text).ids.length;
  const special = countTokens('');
  const prompt = promptOf(embedder, PASSAGE_PROMPTS);
  const most = embedder.maxTokens - countTokens(embedder.prompts.get(prompt.prompt ?? '') ?? '');
  const maxTokens = options.maxTokens ?? Math.min(DEFAULT_MAX_TOKENS, most);
  const overlapTokens = options.overlapTokens ?? Math.floor(maxTokens / 5);
  if (!(Number.isInteger(maxTokens) && maxTokens >= LEAST_TOKENS && maxTokens <= most)) {
    throw new ArgumentError(
      `indexFolder: maxTokens must be a whole number from ${LEAST_TOKENS} to ${most}, which this model reads at once, got ${maxTokens}`,
    );
  }
  if (!(Number.isInteger(overlapTokens) && overlapTokens >= 0 && overlapTokens < maxTokens)) {
    throw new ArgumentError(
      `indexFolder: overlapTokens must be a whole number from 0 to ${maxTokens - 1}, got ${overlapTokens}`,
    );
  }
  const { name, folder: modelFolder, weights, dimension } = embedder.describe();
  const settings = JSON.stringify({ model: name, weights, maxTokens, overlapTokens });
  const files = await listFiles(folder, extensions);
  const earlier = await earlierIndex(file, settings, storage);
  const index = earlier ?? new VectorIndex<PassageMetadata>({ dimension, storage });
  try {
    const old = earlier === null ? new Map<string, FileState>() : readStates(earlier, file);
    const states: Record<string, FileState> = {};
    const fresh: { id: string; metadata: PassageMetadata }[] = [];
    const stale: string[] = [];
    const unreadable: string[] = [];
    const counts = { added: 0, changed: 0, removed: 0, unchanged: 0 };
    for (const relative of files) {
      signal?.throwIfAborted();
      const before = old.get(relative);
      const absolute = path.join(folder, relative);
      const now = await stat(absolute).catch(() => null);
      if (now !== null && before?.size === now.size && before.modified === now.mtimeMs) {
        states[relative] = before;
        counts.unchanged += 1;
        continue;
      }
      const { bytes, status } = await readText(absolute);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (before?.sha256 === sha256) {
        states[relative] = { ...before, size: status.size, modified: status.mtimeMs };
        counts.unchanged += 1;
        continue;
      }
      const text = decode(bytes);
      if (text === null) {
        unreadable.push(relative);
        continue;
      }
      const passages = splitIntoPassages(text, {
        countTokens: (part) => countTokens(part) - special,
        maxTokens,
        overlapTokens,
        markdown: MARKDOWN.test(relative),
      });
      counts[before === undefined ? 'added' : 'changed'] += 1;
      if (before !== undefined) stale.push(...passageIds(relative, before.passages));
      states[relative] = { size: status.size, modified: status.mtimeMs, sha256, passages: passages.length };
      for (const [n, { line, headings, text: passage }] of passages.entries()) {
        fresh.push({ id: passageId(relative, n), metadata: { file: relative, line, headings, text: passage } });
      }
    }
    for (const [relative, state] of old) {
      if (relative in states) continue;
      counts.removed += 1;
      stale.push(...passageIds(relative, state.passages));
    }
    index.delete(stale);
    await embedPassages(index, embedder, fresh, prompt, options);
    const notes = { model: name, modelFolder, settings, files: JSON.stringify(states) };
    for (const [key, text] of Object.entries(notes)) index.notes.set(key, text);
    await mkdir(path.dirname(file), { recursive: true }).catch((cause: Error) => {
      throw new FileError(`cannot make the folder of ${file}: ${cause.message}`, { cause });
    });
    await index.save(file);
    return { file, ...counts, unreadable, passages: index.size, embedded: fresh.length };
  } finally {
    index.dispose();
  }
}

async function embedPassages(
  index: VectorIndex<PassageMetadata>,
  embedder: TextEmbedder,
  passages: readonly { id: string; metadata: PassageMetadata }[],
  prompt: { readonly prompt?: string },
  { onProgress, signal }: IndexFolderOptions,
): Promise<void> {
  for (let begin = 0; begin < passages.length; begin += GROUP) {
    const group = passages.slice(begin, begin + GROUP);
    using vectors = await embedder.embed(
      group.map(({ metadata }) => passageText(metadata)),
      { ...prompt, signal },
    );
    index.add(group, vectors);
    onProgress?.({ done: begin + group.length, total: passages.length });
  }
}

/** An index that {@link indexFolder} made, opened for questions. */
export class PassageIndex {
  /** The name of the model that the vectors are from, and what `TextEmbedder.load` finds it by. */
  readonly model: { readonly name: string; readonly source: string };
  readonly #index: VectorIndex<PassageMetadata>;
  readonly #path: string;

  private constructor(file: string, index: VectorIndex<PassageMetadata>) {
    const [name, folder] = [index.notes.get('model'), index.notes.get('modelFolder')];
    if (name === undefined || folder === undefined) {
      throw new FormatError(`${file} is a vector index, but not one of a folder; make one with indexFolder`);
    }
    // A model loaded from a folder is called as the folder is.
    this.model = { name, source: name === path.basename(folder) ? folder : name };
    this.#index = index;
    this.#path = file;
  }

  /** @throws FileError, FormatError. */
  static open(file: string): PassageIndex {
    return new PassageIndex(file, VectorIndex.open<PassageMetadata>(file));
  }

  /** How many passages there are. */
  get size(): number {
    return this.#index.size;
  }

  /**
   * The passages nearest to a question, best first.
   *
   * @param embedder - of the model that the index was made with.
   * @throws ArgumentError when it is another.
   */
  async search(
    question: string,
    embedder: TextEmbedder,
    options: { readonly topN?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<PassageHit[]> {
    const { name } = embedder.describe();
    if (name !== this.model.name) {
      throw new ArgumentError(
        `search: ${this.#path} was made with ${this.model.name}, not ${name}; load that model, or index the folder again`,
      );
    }
    using vectors = await embedder.embed([question], {
      ...promptOf(embedder, QUESTION_PROMPTS),
      signal: options.signal,
    });
    const [hits = []] = await this.#index.searchMany(vectors, options);
    return hits.map(({ score, metadata }) => {
      const { file, line, headings, text } = metadata as PassageMetadata;
      return { score, file, line, headings, text };
    });
  }

  /** Frees the engine's part of it. */
  dispose(): void {
    this.#index.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

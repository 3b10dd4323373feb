import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/*
 * Who may import whom. Layers from bottom to top; a module may import its own layer and those listed for it, and nothing
 * else. `docs/design.md` has the reasons.
 */
const FOUNDATION = ['errors', 'arguments', 'inspection', 'shapes', 'backend', 'tensor'];
const TEXT = [...FOUNDATION, 'linalg', 'nn', 'io', 'models', 'tokenizers', 'hub'];
const LIBRARY = [...TEXT, 'engine', 'version', 'geometry', 'embeddings', 'heads', 'words', 'bias', 'search'];

const LAYERS: Record<string, readonly string[]> = {
  errors: [],
  arguments: ['errors'],
  inspection: [],
  version: [],
  shapes: ['errors'],
  backend: ['errors', 'shapes'],
  engine: ['errors', 'arguments', 'backend'],
  tensor: ['errors', 'inspection', 'shapes', 'backend'],
  linalg: FOUNDATION,
  nn: FOUNDATION,
  io: FOUNDATION,
  geometry: [...FOUNDATION, 'linalg'],
  hub: ['errors', 'version', 'io'],
  tokenizers: ['errors', 'io'],
  models: [...FOUNDATION, 'nn', 'io'],
  embeddings: TEXT,
  heads: [...TEXT, 'embeddings'],
  words: [...FOUNDATION, 'engine', 'linalg', 'geometry', 'io'],
  bias: [...FOUNDATION, 'linalg', 'geometry', 'words', 'embeddings'],
  search: [...TEXT, 'geometry', 'embeddings', 'heads'],
  index: LIBRARY,
  pictures: [...LIBRARY, 'index'],
  bulk: [...LIBRARY, 'index'],
  serve: [...LIBRARY, 'index'],
  adapters: [...LIBRARY, 'index'],
  cli: [...LIBRARY, 'index', 'pictures', 'bulk', 'serve'],
};

/** What `src/tensor` gives to the layer below it: element types and dimensions, which know nothing of tensors. */
const SHAPES = new Set(['src/tensor/dtype.ts', 'src/tensor/dim.ts']);

/** Files of the backend that stand for the whole from outside; its implementations are nobody else's business. */
const BACKEND_IMPLEMENTATIONS = /^src\/backend\/(native|reference|recorder)\//;

const root = path.resolve(import.meta.dirname, '..');

function sourceFiles(folder = 'src'): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourceFiles(file);
    return file.endsWith('.ts') ? [file] : [];
  });
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** The relative imports and re-exports of a file, dynamic ones included. */
function importsOf(file: string): Import[] {
  const source = readFileSync(path.join(root, file), 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^;'"]*?from\s+)?'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/g;
  // What is imported with `?raw` is text, not a module: scripts and style sheets of pages.
  const modules = [...source.matchAll(pattern)].filter(([, , fixed]) => fixed?.endsWith('?raw') !== true);
  return modules.map(([, type, fixed, dynamic]) => ({
    from: file,
    to: path.posix.join(path.posix.dirname(file), (fixed ?? dynamic ?? '').replace(/\.js$/, '.ts')),
    typeOnly: type !== undefined,
  }));
}

function layerOf(file: string): string {
  if (SHAPES.has(file)) return 'shapes';
  const [, first = ''] = file.split('/');
  return first.replace(/\.ts$/, '');
}

const files = sourceFiles();
const imports = files.flatMap(importsOf);

describe('import direction', () => {
  it('reads the imports it is about to judge', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(imports.length).toBeGreaterThan(20);
    for (const { from, to } of imports) expect(files, `${from} imports a file that is not there`).toContain(to);
  });

  it('puts every file into a known layer', () => {
    for (const file of files) expect(Object.keys(LAYERS), `${file} lies in no known layer`).toContain(layerOf(file));
  });

  it('imports nothing from a layer above or beside', () => {
    const wrong = imports.filter(({ from, to }) => {
      const [layer, target] = [layerOf(from), layerOf(to)];
      return layer !== target && !LAYERS[layer]?.includes(target);
    });
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('touches the addon only from src/backend/native', () => {
    const wrong = files.filter((file) => {
      if (file.startsWith('src/backend/native/')) return false;
      const source = readFileSync(path.join(root, file), 'utf8');
      return /\bprocess\.dlopen\b|node-gyp-build|\.node['"`]|native\/(addon|command|load)\.js'/.test(source);
    });
    expect(wrong).toEqual([]);
  });

  it('shares no code between the reference and the native backend', () => {
    const wrong = imports.filter(({ from, to }) => {
      const [here] = BACKEND_IMPLEMENTATIONS.exec(from)?.slice(1) ?? [];
      const [there] = BACKEND_IMPLEMENTATIONS.exec(to)?.slice(1) ?? [];
      return (here === 'reference' && there === 'native') || (here === 'native' && there === 'reference');
    });
    expect(wrong).toEqual([]);
  });

  it('has no cycle of files', () => {
    const graph = new Map(files.map((file) => [file, [] as string[]]));
    for (const { from, to, typeOnly } of imports) if (!typeOnly) graph.get(from)?.push(to);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (done.has(file)) return;
      const start = trail.indexOf(file);
      if (start >= 0) {
        cycles.push([...trail.slice(start), file].join(' -> '));
        return;
      }
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libcOf } from '../../src/backend/native/libc.js';
import { enginePackage } from '../../src/backend/native/load.js';
import {
  bunBinary,
  denoBinary,
  ensurePrebuild,
  hasNodeAndDeno,
  InstalledProject,
  neededLibraries,
  nodeBinary,
  type Outcome,
  pack,
  root,
} from './install.js';

const MEBIBYTE = 2 ** 20;

/** Embeds two texts and prints what came out; `load` is how this kind of file gets at the package. */
const embedding = (load: string) => `
${load}
(async () => {
  const embedder = await TextEmbedder.load();
  const vectors = await embedder.embed(['a cat sleeps', 'interest rates rose']);
  console.log(JSON.stringify({
    backend: engineInfo().backend,
    shape: vectors.shape,
    numbers: [...vectors.toTypedArray()],
    isTensor: vectors instanceof Tensor,
  }));
  embedder.dispose();
})();
`;

const IMPORT = "import { engineInfo, Tensor, TextEmbedder } from 'gemmule';";
const REQUIRE = "const { engineInfo, Tensor, TextEmbedder } = require('gemmule');";

const WORKER = `
import { Worker, isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  worker.on('error', (error) => { throw error; });
} else {
  const { engineInfo, Tensor, TextEmbedder } = await import('gemmule');
  ${embedding('')}
}
`;

const MIXED = `
import { createRequire } from 'node:module';
import * as imported from 'gemmule';
const required = createRequire(import.meta.url)('gemmule');
const names = Object.keys(required);
console.log(JSON.stringify({
  same: names.every((name) => imported[name] === required[name]),
  missing: names.filter((name) => !(name in imported)),
  names: names.length,
}));
`;

interface Report {
  readonly backend: string;
  readonly shape: number[];
  readonly numbers: number[];
  readonly isTensor: boolean;
}

let tarballs: string;
let tarball: string;
let project: InstalledProject;
let files: string[];
let native: Report;

function reportOf({ code, stdout, stderr }: Outcome): Report {
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
  return JSON.parse(stdout) as Report;
}

beforeAll(() => {
  ensurePrebuild();
  tarballs = mkdtempSync(path.join(tmpdir(), 'gemmule-tarballs-'));
  const packed = pack('.', tarballs);
  ({ files, tarball } = packed);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  // The dependencies, too, come from this disk: the workspace's packages, and what npm installed here.
  const dependencies = Object.keys(manifest.dependencies).map((name) =>
    name.startsWith('@gemmule/') ? `models/${name.slice('@gemmule/'.length)}` : `node_modules/${name}`,
  );
  project = new InstalledProject([packed.tarball, ...dependencies.map((folder) => pack(folder, tarballs).tarball)]);
  project.write('embed.mjs', embedding(IMPORT));
  project.write('embed.cjs', embedding(REQUIRE));
  project.write('worker.mjs', WORKER);
  project.write('mixed.mjs', MIXED);
  native = reportOf(project.run('node', ['embed.mjs']));
});

afterAll(() => {
  rmSync(tarballs, { recursive: true });
  rmSync(path.dirname(project.folder), { recursive: true });
});

describe('the packed package', () => {
  it('holds the build, the engine and the licences, and nothing else', () => {
    for (const file of [
      'LICENSE',
      'NOTICE',
      'THIRD_PARTY_NOTICES.md',
      'README.md',
      'dist/index.js',
      'dist/index.cjs',
    ]) {
      expect(files).toContain(file);
    }
    const allowed = /^(dist|prebuilds)\/|^[A-Z_]+(\.md)?$|^package\.json$/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  });

  it('runs no script at install', () => {
    const manifest = JSON.parse(
      readFileSync(path.join(project.folder, 'node_modules/gemmule/package.json'), 'utf8'),
    ) as {
      scripts?: Record<string, string>;
    };
    const scripts = Object.keys(manifest.scripts ?? {});
    expect(scripts.filter((name) => ['preinstall', 'install', 'postinstall', 'prepare'].includes(name))).toEqual([]);
    // npm would compile a package with a binding.gyp at its root.
    expect(files).not.toContain('binding.gyp');
  });

  it('has an engine of at most 25 MiB that needs nothing but the C library', () => {
    for (const addon of project.addons()) {
      expect(statSync(addon).size).toBeLessThan(25 * MEBIBYTE);
      const ofTheSystem =
        /^((libc|libm|libpthread|libdl|ld-linux-x86-64)\.so.*|\/usr\/lib\/libSystem\.B\.dylib|@rpath\/gemmule\.node|kernel32\.dll|ntdll\.dll|api-ms-win-[\w-]+\.dll)$/i;
      expect(neededLibraries(addon).filter((name) => !ofTheSystem.test(name))).toEqual([]);
    }
  });

  it('is clean for publint', () => {
    const output = execFileSync('node', ['node_modules/publint/src/cli.js', '--strict', '--pack', 'false'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(output).toContain('All good!');
  });

  it('is clean for "Are the types wrong?"', () => {
    const { status, stdout } = spawnSync(
      'node',
      ['node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'node16', '--no-color'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    // Node before 12.7 finds no sub-paths, and runs nothing of this.
    expect(stdout).not.toContain('❌');
    expect(status, stdout).toBe(0);
  });
});

describe('installed without a compiler and without a network', () => {
  it('embeds from an ES module with the native engine', () => {
    expect(native).toMatchObject({ backend: 'native', shape: [2, 384], isTensor: true });
    expect(Math.hypot(...native.numbers.slice(0, 384))).toBeCloseTo(1, 5);
  });

  it('embeds from CommonJS', () => {
    expect(reportOf(project.run('node', ['embed.cjs']))).toEqual(native);
  });

  it('embeds in a worker thread', () => {
    expect(reportOf(project.run('node', ['worker.mjs']))).toEqual(native);
  });

  it('is one library, however it is loaded', () => {
    const { stdout } = project.run('node', ['mixed.mjs']);
    expect(JSON.parse(stdout)).toMatchObject({ same: true, missing: [] });
  });

  it('obeys GEMMULE_BACKEND', () => {
    expect(reportOf(project.run('node', ['embed.mjs'], { GEMMULE_BACKEND: 'native' }))).toEqual(native);
    const reference = reportOf(project.run('node', ['embed.cjs'], { GEMMULE_BACKEND: 'reference' }));
    expect(reference.backend).toBe('reference');
    const worst = Math.max(...reference.numbers.map((value, i) => Math.abs(value - (native.numbers[i] as number))));
    // Both are float32 sums of the same terms: 6 layers of dot products of at most 1,536 terms stay well below this.
    expect(worst).toBeLessThan(1e-5);
  });

  it.runIf(hasNodeAndDeno).each(['22', 'latest'])('embeds on Node %s with the same binary', (version) => {
    const node = nodeBinary(version);
    for (const file of ['embed.mjs', 'embed.cjs', 'worker.mjs']) {
      expect(reportOf(project.run(node, [file])), file).toEqual(native);
    }
  });

  it('embeds on Bun', () => {
    for (const file of ['embed.mjs', 'embed.cjs']) {
      expect(reportOf(project.run(bunBinary(), [file])), file).toEqual(native);
    }
  });

  it.runIf(hasNodeAndDeno)('embeds on Deno', () => {
    for (const file of ['embed.mjs', 'embed.cjs']) {
      expect(reportOf(project.run(denoBinary(), ['run', '--allow-all', file])), file).toEqual(native);
    }
  });

  it.each([
    ['an ES module that keeps gemmule outside', 'embed.mjs', 'esm', ['gemmule']],
    ['CommonJS with all of gemmule inside', 'embed.cjs', 'cjs', []],
  ] as const)('embeds from an esbuild bundle: %s', async (_, entry, format, external) => {
    const outfile = path.join(project.folder, `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`);
    await build({
      entryPoints: [path.join(project.folder, entry)],
      outfile,
      bundle: true,
      platform: 'node',
      format,
      external: [...external],
      logLevel: 'error',
    });
    expect(reportOf(project.run('node', [outfile]))).toEqual(native);
  });

  it('has a command line', () => {
    const { code, stdout } = project.run('gemmule', ['info', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ backend: 'native' });
  });

  it('has words to try out', () => {
    const { code, stdout } = project.run('gemmule', ['analogy', 'king', 'man', 'woman', '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { matches: { word: string }[] }).matches[0]?.word).toBe('queen');
  });

  it.each([
    ['an ES module', 'consumer.mts'],
    ['CommonJS', 'consumer.cts'],
  ])('has types for %s', (_, file) => {
    const source = `import { TextEmbedder, type Tensor } from 'gemmule';
export async function similarities(texts: string[]): Promise<Float32Array> {
  const embedder = await TextEmbedder.load();
  const vectors: Tensor<'float32'> = await embedder.embed(texts);
  // @ts-expect-error texts are strings
  await embedder.embed([1]);
  return embedder.similarity(vectors, vectors).toTypedArray();
}
`;
    project.write(file, source);
    const { code, stdout } = project.run('node', [
      path.join(root, 'node_modules/typescript/bin/tsc'),
      ...['--noEmit', '--strict', '--target', 'es2022', '--module', 'node16', '--lib', 'es2023,esnext.disposable'],
      ...['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node', file],
    ]);
    expect(stdout).toBe('');
    expect(code).toBe(0);
  });
});

describe('without its engine', () => {
  beforeAll(() => {
    for (const addon of project.addons()) renameSync(addon, `${addon}.away`);
  });
  afterAll(() => {
    for (const addon of project.addons()) renameSync(addon, addon.replace(/\.away$/, ''));
  });

  it.each(['embed.mjs', 'embed.cjs', 'worker.mjs'])(
    'warns once, says why and what to do, and computes all the same: %s',
    (file) => {
      const outcome = project.run('node', [file]);
      const report = reportOf(outcome);
      expect(report.backend).toBe('reference');
      expect(outcome.stderr.match(/GemmuleWarning/g)).toHaveLength(1);
      expect(outcome.stderr).toMatch(/no native engine for \w+-\w+ here; tried:/);
      expect(outcome.stderr).toMatch(/Reinstall gemmule/);
      for (const [i, value] of report.numbers.entries()) {
        expect(Math.abs(value - (native.numbers[i] as number))).toBeLessThan(1e-5);
      }
    },
  );

  it('takes the engine of the package for its platform, where npm installed that', () => {
    const libc = libcOf(process.platform, process.execPath);
    const name = enginePackage(process.platform, process.arch, libc);
    const folder = path.join(project.folder, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    try {
      copyFileSync(project.addons()[0] as string, path.join(folder, 'gemmule.node'));
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version: '0.0.0' }));
      for (const file of ['embed.mjs', 'embed.cjs']) expect(reportOf(project.run('node', [file]))).toEqual(native);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names that package where it is not installed', () => {
    const { stderr } = project.run('node', ['embed.mjs']);
    expect(stderr).toMatch(/@gemmule\/engine-[\w-]+: not installed/);
  });

  it('fails where GEMMULE_BACKEND demands the engine', () => {
    const { code, stderr } = project.run('node', ['embed.mjs'], { GEMMULE_BACKEND: 'native' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('ERR_NATIVE_UNAVAILABLE');
  });

  it('says so on the command line, too', () => {
    const { code, stderr } = project.run('gemmule', ['info']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^gemmule: warning: .*no native engine/);
  });
});

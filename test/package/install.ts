import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes the prebuild, unless it is there and no older than the local build. */
export function ensurePrebuild(): void {
  const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const built = statSync(path.join(root, 'build/Release/gemmule.node')).mtimeMs;
  const current =
    existsSync(folder) && readdirSync(folder).some((file) => statSync(path.join(folder, file)).mtimeMs >= built);
  if (!current) execFileSync('npm', ['run', '--silent', 'build:prebuild'], { cwd: root, stdio: 'inherit' });
}

/** Packs the package in `folder` and returns the tarball's path and the files in it. */
export function pack(folder: string, destination: string): { tarball: string; files: string[] } {
  const output = execFileSync('npm', ['pack', path.join(root, folder), '--json', '--ignore-scripts'], {
    cwd: destination,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parsed = JSON.parse(output) as Record<string, Packed> | Packed[];
  const packed = Object.values(parsed)[0] as Packed;
  return { tarball: path.join(destination, packed.filename), files: packed.files.map((file) => file.path) };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** A folder for the PATH with Node, npm and a shell, and above all without a compiler. */
function bareTools(folder: string): string {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  const npm = execFileSync('bash', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
  symlinkSync(process.execPath, path.join(bin, 'node'));
  symlinkSync(npm, path.join(bin, 'npm'));
  symlinkSync('/bin/sh', path.join(bin, 'sh'));
  symlinkSync('/usr/bin/env', path.join(bin, 'env'));
  return bin;
}

/** A project into which the packed packages were installed, offline and without a compiler on the PATH. */
export class InstalledProject {
  readonly folder: string;
  readonly #bin: string;

  constructor(tarballs: readonly string[]) {
    const parent = mkdtempSync(path.join(tmpdir(), 'gemmule-package-'));
    this.folder = path.join(parent, 'project');
    mkdirSync(this.folder);
    this.#bin = bareTools(parent);
    writeFileSync(path.join(this.folder, 'package.json'), '{ "name": "project", "private": true }\n');
    const cache = path.join(parent, 'cache');
    const { code, stdout, stderr } = this.run('npm', ['install', '--offline', '--cache', cache, ...tarballs]);
    if (code !== 0) throw new Error(`npm install failed:\n${stdout}${stderr}`);
  }

  /** Runs a program in the project; nothing of this process's environment but what is named gets through. */
  run(command: string, args: readonly string[], env: Record<string, string> = {}): Outcome {
    const result = spawnSync(command.includes('/') ? command : path.join(this.#bin, command), args, {
      cwd: this.folder,
      encoding: 'utf8',
      env: { PATH: this.#bin, HOME: path.dirname(this.folder), ...env },
    });
    if (result.error) throw result.error;
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  write(name: string, contents: string): void {
    writeFileSync(path.join(this.folder, name), contents);
  }

  /** The installed files of the package whose names end with `.node`. */
  addons(): string[] {
    const folder = path.join(this.folder, 'node_modules/gemmule/prebuilds', `${process.platform}-${process.arch}`);
    return readdirSync(folder).map((file) => path.join(folder, file));
  }
}

/** A program of a package from npm, at a version or tag, kept in build/ for the next time. */
function programFromNpm(name: string, version: string, program: string): string {
  const folder = path.join(root, 'build/runtimes', `${name.replace('/', '-')}-${version}`);
  const file = path.join(folder, 'node_modules', name, program);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', `${name}@${version}`], { cwd: folder });
  }
  return file;
}

/** A Node binary of this version or tag. */
export function nodeBinary(version: string): string {
  return programFromNpm(`node-${process.platform}-${process.arch}`, version, 'bin/node');
}

/** Bun, from npm. */
export function bunBinary(): string {
  const cpu = process.arch === 'arm64' ? 'aarch64' : process.arch;
  return programFromNpm(`@oven/bun-${process.platform}-${cpu}`, 'latest', 'bin/bun');
}

/** Deno, from npm. */
export function denoBinary(): string {
  const cpu = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`;
  return programFromNpm(`@deno/${cpu}`, 'latest', 'deno');
}

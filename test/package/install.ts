import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { libcOf } from '../../src/backend/native/libc.js';

export const root = path.resolve(import.meta.dirname, '../..');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const isWindows = process.platform === 'win32';
const isMusl = libcOf(process.platform, process.execPath) === 'musl';

/** Makes the prebuild, unless it is there and no older than the local build, if there is one. */
export function ensurePrebuild(): void {
  const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const local = statSync(path.join(root, 'build/Release/gemmule.node'), { throwIfNoEntry: false });
  const built = local?.mtimeMs ?? 0;
  const current =
    existsSync(folder) && readdirSync(folder).some((file) => statSync(path.join(folder, file)).mtimeMs >= built);
  if (!current) execFileSync('npm', ['run', '--silent', 'build:prebuild'], { cwd: root, stdio: 'inherit' });
}

/** npm's own program, which Windows starts only through a shell. */
function npmProgram(): string {
  const given = process.env.npm_execpath;
  if (given !== undefined && /npm-cli\.js$/.test(given)) return given;
  return path.join(path.dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js');
}

/** Runs npm here. */
function npm(args: readonly string[], cwd: string): string {
  const [command, first] = isWindows ? [process.execPath, [npmProgram()]] : ['npm', []];
  return execFileSync(command, [...first, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** The libraries that a binary names. */
export function neededLibraries(file: string): string[] {
  const [command, args, line] = {
    linux: ['readelf', ['-d'], /NEEDED.*\[(.*)\]/g] as const,
    darwin: ['otool', ['-L'], /^\t(\S+) \(/gm] as const,
    win32: ['objdump', ['-p'], /DLL Name: (\S+)/g] as const,
  }[process.platform as string] ?? ['readelf', ['-d'], /NEEDED.*\[(.*)\]/g];
  const output = execFileSync(command, [...args, file], { encoding: 'utf8' });
  return [...output.matchAll(line)].map(([, name]) => name as string);
}

/** Packs the package in `folder` and returns the tarball's path and the files in it. */
export function pack(folder: string, destination: string): { tarball: string; files: string[] } {
  const output = npm(['pack', path.join(root, folder), '--json', '--ignore-scripts'], destination);
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
  // There, programs are found by their endings, and links need rights.
  if (isWindows) return bin;
  const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
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
    const [program, first] = this.#resolve(command);
    const home = path.dirname(this.folder);
    // Without these three Windows does not even open a socket, or finds no folder for temporary files.
    const { SystemRoot = '', TEMP = '' } = process.env;
    const system = isWindows ? { SystemRoot, TEMP, USERPROFILE: home, APPDATA: home } : {};
    const result = spawnSync(program, [...first, ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...system, PATH: this.#bin, HOME: home, ...env },
    });
    if (result.error) throw result.error;
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  /** A program and its first arguments. */
  #resolve(command: string): [string, string[]] {
    if (command === 'gemmule') {
      const name = `node_modules/.bin/gemmule`;
      return isWindows ? [process.execPath, ['node_modules/gemmule/dist/cli.cjs']] : [name, []];
    }
    if (path.isAbsolute(command)) return [command, []];
    if (!isWindows) return [path.join(this.#bin, command), []];
    return [process.execPath, command === 'npm' ? [npmProgram()] : []];
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
  const file = path.join(folder, 'node_modules', name, isWindows ? `${program}.exe` : program);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    npm(['install', '--no-audit', '--no-fund', '--silent', `${name}@${version}`], folder);
  }
  return file;
}

/** What npm has for this platform: Node and Deno are not there for musl. */
export const hasNodeAndDeno = !isMusl;

/** A Node binary of this version or tag. */
export function nodeBinary(version: string): string {
  return programFromNpm(`node-${isWindows ? 'win' : process.platform}-${process.arch}`, version, 'bin/node');
}

/** Bun, from npm. */
export function bunBinary(): string {
  const cpu = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const system = isWindows ? 'windows' : process.platform;
  return programFromNpm(`@oven/bun-${system}-${cpu}${isMusl ? '-musl' : ''}`, 'latest', 'bin/bun');
}

/** Deno, from npm. */
export function denoBinary(): string {
  const cpu = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`;
  return programFromNpm(`@deno/${cpu}`, 'latest', 'deno');
}

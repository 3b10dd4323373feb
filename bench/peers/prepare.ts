import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { onnxFolder, pythonFolder } from './list.js';

const folder = path.resolve('bench/peers');

function run(command: string, args: readonly string[], cwd = process.cwd()): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function installPythonPackages(requirements: string): void {
  const python = path.join(pythonFolder, 'bin/python');
  if (!existsSync(python)) run('python3', ['-m', 'venv', pythonFolder]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', path.join(folder, requirements)]);
}

/**
 * Installs the peers and writes the model in their format, unless that was done before: JavaScript's into
 * `bench/peers/node_modules`, Python's and the model into `build/peers`. Needs npm and, for the model, pip.
 */
export function preparePeers(modelFolder: string, torch: boolean): void {
  if (!existsSync(path.join(folder, 'node_modules'))) {
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], folder);
  }
  if (!existsSync(path.join(onnxFolder, 'onnx/model_fused_int8.onnx'))) {
    installPythonPackages('requirements-onnx.txt');
    run(path.join(pythonFolder, 'bin/python'), [path.join(folder, 'make_onnx.py'), modelFolder, onnxFolder]);
  }
  if (torch) installPythonPackages('requirements-torch.txt');
}

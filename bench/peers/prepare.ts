import { existsSync } from 'node:fs';
import path from 'node:path';
import { preparePython, runVisibly } from '../lib/python.js';
import { onnxFolder } from './list.js';

const folder = path.resolve('bench/peers');

/**
 * Installs the peers and writes the model in their format, unless that was done before: JavaScript's into
 * `bench/peers/node_modules`, Python's and the model into `build/peers`. Needs npm and, for the model, pip.
 */
export function preparePeers(modelFolder: string, torch: boolean): void {
  if (!existsSync(path.join(folder, 'node_modules'))) {
    runVisibly('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], folder);
  }
  if (!existsSync(path.join(onnxFolder, 'onnx/model_fused_int8.onnx'))) {
    const python = preparePython('requirements-onnx.txt');
    runVisibly(python, [path.join(folder, 'make_onnx.py'), modelFolder, onnxFolder]);
  }
  if (torch) preparePython('requirements-torch.txt');
}

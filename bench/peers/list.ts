import path from 'node:path';
import { pythonFolder } from '../lib/python.js';

export type Precision = 'float32' | 'bfloat16' | 'int8';

/** One way to embed, as a command that takes a job's file and prints its results as JSON. */
export interface Peer {
  readonly name: string;
  readonly precision: Precision;
  readonly ours: boolean;
  /** Files and folders that are installed to run it, the model's own apart. */
  readonly installs: readonly string[];
  readonly command: (jobFile: string) => readonly string[];
}

const peers = path.resolve('bench/peers');

/** Where the peers' model lies, written by `make_onnx.py`. */
export const onnxFolder = path.resolve('build/peers/model');

function node(script: string, ...args: readonly string[]): (jobFile: string) => readonly string[] {
  return (jobFile) => [process.execPath, path.join(peers, script), jobFile, ...args];
}

function ours(precision: Precision, dtype: string = precision): Peer {
  const entry = path.resolve('dist/index.js');
  const installs = ['dist', 'build/Release/gemmule.node'];
  return { name: `gemmule ${dtype}`, precision, ours: true, installs, command: node('gemmule.mjs', entry, dtype) };
}

const modules = path.join(peers, 'node_modules');
const onnxruntimeInstalls = ['onnxruntime-node', 'onnxruntime-common'].map((name) => path.join(modules, name));

function onnxruntime(precision: Precision, file: string, batching: 'expert' | 'plain'): Peer {
  const how = batching === 'expert' ? 'sorted, fused' : 'in 32s';
  const command = node('onnxruntime.mjs', onnxFolder, file, batching);
  const name = `onnxruntime-node ${precision}, ${how}`;
  return { name, precision, ours: false, installs: onnxruntimeInstalls, command };
}

function transformers(precision: Precision, dtype: 'fp32' | 'q8', batch: number): Peer {
  const how = batch === 1 ? 'one by one' : `in ${batch}s`;
  const command = node('transformers.mjs', onnxFolder, dtype, String(batch));
  return { name: `transformers.js ${dtype}, ${how}`, precision, ours: false, installs: [modules], command };
}

function sentenceTransformers(precision: 'float32' | 'bfloat16'): Peer {
  const python = path.join(pythonFolder, 'bin/python');
  const script = path.join(peers, 'sentence_transformers_peer.py');
  const command = (jobFile: string) => [python, script, jobFile, precision];
  const installs = [path.join(pythonFolder, 'lib')];
  return { name: `sentence-transformers ${precision}`, precision, ours: false, installs, command };
}

/** Everything that is compared; PyTorch's only where it was installed. */
export function allPeers(torch: boolean): Peer[] {
  return [
    ours('float32'),
    onnxruntime('float32', 'model_fused.onnx', 'expert'),
    onnxruntime('float32', 'model.onnx', 'plain'),
    transformers('float32', 'fp32', 1),
    transformers('float32', 'fp32', 32),
    ...(torch ? [sentenceTransformers('float32')] : []),
    ours('bfloat16', 'bfloat16Products'),
    ...(torch ? [sentenceTransformers('bfloat16')] : []),
    ours('int8'),
    onnxruntime('int8', 'model_fused_int8.onnx', 'expert'),
    transformers('int8', 'q8', 1),
    transformers('int8', 'q8', 32),
  ];
}

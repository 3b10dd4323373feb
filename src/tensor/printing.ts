import type { HostView, View } from '../backend/view.js';
import { formatShape } from './dim.js';
import { castView, contiguousView } from './execute.js';
import { sliceView } from './strided.js';

/** How a tensor is printed. */
export interface PrintOptions {
  /** Digits behind the point, at most. Default 4. */
  readonly precision?: number;
  /** Tensors of more elements show only the ends of long axes. Default 1000. */
  readonly threshold?: number;
  /** Elements shown at each end. Default 3. */
  readonly edgeItems?: number;
}

/** The numbers as nested rows, aligned, with shape and dtype. */
export function printView(view: View, options: PrintOptions): string {
  const { precision = 4, threshold = 1000, edgeItems = 3 } = options;
  const size = (view.dims as readonly number[]).reduce((a, b) => a * b, 1);
  const edge = size > threshold ? edgeItems : Number.POSITIVE_INFINITY;
  const tree = read(view, edge);
  const format = chooseFormat(flatten(tree), view, precision);
  return `Tensor(${formatShape(view.dims)}, ${view.dtype}) ${layOut(tree, format, 1)}`;
}

/** Nested numbers; null stands for what is left out. */
type Tree = number | null | readonly Tree[];

function read(view: View, edge: number): Tree {
  if (view.dims.length === 0) return numberAt(view);
  const length = view.dims[0] as number;
  const shown = Array.from({ length }, (_, index) => index).filter((index) => index < edge || index >= length - edge);
  const parts: Tree[] = shown.map((index) => read(sliceView(view, [index]), edge));
  if (shown.length < length) parts.splice(edge, 0, null);
  return parts;
}

function numberAt(view: View): number {
  const half = view.dtype === 'float16' || view.dtype === 'bfloat16';
  const host = contiguousView(half ? castView(view, 'float32') : view) as HostView;
  return host.data[host.offset] as number;
}

function flatten(tree: Tree): number[] {
  if (tree === null) return [];
  return typeof tree === 'number' ? [tree] : tree.flatMap(flatten);
}

/** One format for all numbers, so that they align. */
function chooseFormat(numbers: readonly number[], view: View, precision: number): (value: number) => string {
  const write = writer(numbers, view, precision);
  const width = greatest(numbers.map((value) => write(value).length));
  return (value) => write(value).padStart(width);
}

function writer(numbers: readonly number[], view: View, precision: number): (value: number) => string {
  if (view.dtype === 'bool') return (value) => (value === 0 ? 'false' : 'true');
  if (view.dtype === 'int32' || view.dtype === 'uint8') return String;
  const finite = numbers.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const most = greatest(finite);
  const least = finite.reduce((a, b) => Math.min(a, b), most);
  if (finite.length > 0 && (most >= 1e8 || least < 1e-4 || most / least > 1e6)) {
    return (value) => (Number.isFinite(value) ? value.toExponential(precision) : special(value));
  }
  const digits = greatest(finite.map((value) => digitsOf(value, precision)));
  return (value) => (Number.isFinite(value) ? value.toFixed(digits) : special(value));
}

/** The greatest of any number of values, none below 0: more than fit among the arguments of a call. */
function greatest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}

/** Digits behind the point that a number needs, up to `precision`. */
function digitsOf(value: number, precision: number): number {
  const text = value.toFixed(precision).replace(/0+$/, '');
  return Math.max(1, text.length - text.indexOf('.') - 1);
}

function special(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

function layOut(tree: Tree, format: (value: number) => string, depth: number): string {
  if (tree === null) return '...';
  if (typeof tree === 'number') return format(tree);
  const isRow = tree.every((part) => part === null || typeof part === 'number');
  const separator = isRow ? ', ' : `,\n${' '.repeat(depth)}`;
  return `[${tree.map((part) => layOut(part, format, depth + 1)).join(separator)}]`;
}

/** The shortest decimal that reads back as the same float32. */
export function formatFloat32(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}

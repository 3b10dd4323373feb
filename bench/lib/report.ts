import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describeMachine, formatMachine } from './machine.js';

/** One line of a result table. */
export type Row = Readonly<Record<string, string | number>>;

function formatCell(value: string | number | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** Rows as a Markdown table; numbers are aligned to the right. */
export function formatRows(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => formatCell(row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => (line[i] ?? '').length)));
  const numeric = columns.map((column) => rows.every((row) => typeof (row[column] ?? 0) === 'number'));
  const pad = (text: string, i: number) => (numeric[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0));
  const rule = widths.map((width, i) => (numeric[i] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [columns.map(pad), rule, ...cells.map((line) => line.map(pad))]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');
}

/** Prints a benchmark's table with the machine, and writes both as JSON to `bench/results/<name>.json`. */
export function report(name: string, title: string, rows: readonly Row[]): void {
  const machine = describeMachine();
  process.stdout.write(`\n${title}\n${formatMachine(machine)}\n\n${formatRows(rows)}\n\n`);
  const folder = path.resolve('bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify({ name, title, machine, rows }, null, 2)}\n`);
}

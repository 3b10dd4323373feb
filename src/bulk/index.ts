export { type BulkProgress, type BulkResult, embedFiles, type RunOptions } from './embed-files.js';
export type { InputFormat } from './input/input-file.js';
export type { FilePosition } from './input/rows.js';
export type { PartRange } from './manifest.js';
export type { BulkOptions, PartFormat } from './options.js';
export { embedPart, type PartOptions, type PartResult, type PartTask, planParts } from './parts.js';

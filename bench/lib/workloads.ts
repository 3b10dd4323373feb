import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Texts to embed, of one kind. */
export interface Workload {
  readonly name: string;
  readonly texts: readonly string[];
}

const COUNTS = { short: 1500, paragraph: 250, long: 110, mixed: 1000 };

/** In the mixed workload one text in this many is a paragraph, and one in twice as many is long: a long tail. */
const TAIL = 12;

function wordsOf(line: string): number {
  return line.split(' ').length;
}

function repeatTo(lines: readonly string[], count: number): string[] {
  // A repeated text is varied, so that no cache anywhere can answer for it.
  return Array.from({ length: count }, (_, i) => {
    const line = lines[i % lines.length] as string;
    return i < lines.length ? line : `${Math.floor(i / lines.length)} ${line}`;
  });
}

/** The sentences of an STS benchmark file (tab separated, columns 6 and 7), each once. */
function readStsSentences(file: string): string[] {
  const sentences = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => line.split('\t').slice(5, 7))
    .map((sentence) => sentence.trim());
  return [...new Set(sentences)].filter((sentence) => sentence !== '');
}

/**
 * The workloads of all embedding benchmarks, always the same: short sentences (of the STS benchmark where
 * `GEMMULE_STS` names its file, else from novels), paragraphs, texts longer than the model reads, and short ones with a
 * long tail.
 */
export function embeddingWorkloads(): Workload[] {
  const lines = readFileSync(path.resolve('bench/data/english.txt'), 'utf8').trimEnd().split('\n');
  const paragraphs = lines.filter((line) => wordsOf(line) >= 90 && wordsOf(line) < 200);
  const longTexts = lines.filter((line) => wordsOf(line) >= 200);
  const novels = lines.filter((line) => wordsOf(line) < 90);
  const sentences = process.env.GEMMULE_STS ? readStsSentences(process.env.GEMMULE_STS) : novels;
  const mixed = repeatTo(sentences, COUNTS.mixed).map((sentence, i) => {
    if (i % (2 * TAIL) === TAIL - 1) return longTexts[i % longTexts.length] as string;
    return i % TAIL === 0 ? (paragraphs[i % paragraphs.length] as string) : sentence;
  });
  return [
    { name: 'short', texts: repeatTo(sentences, COUNTS.short) },
    { name: 'paragraph', texts: paragraphs.slice(0, COUNTS.paragraph) },
    { name: 'long', texts: longTexts.slice(0, COUNTS.long) },
    { name: 'mixed', texts: mixed },
  ];
}

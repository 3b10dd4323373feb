import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { View } from '../../src/backend/view.js';
import { SafetensorsFile } from '../../src/io/safetensors.js';
import { writeSafetensors } from '../../src/io/safetensors-writer.js';
import { modelFolder } from './golden.js';

type Json = Record<string, unknown>;

/** A copy of a golden model, or of the model in another folder, in a folder of its own, to be changed. */
export class ModelCopy {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'gemmule-model-'));

  constructor(nameOrFolder: string) {
    const source = path.isAbsolute(nameOrFolder) ? nameOrFolder : modelFolder(nameOrFolder);
    cpSync(source, this.folder, { recursive: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  remove(name: string): void {
    rmSync(this.file(name), { recursive: true });
  }

  write(name: string, value: unknown): void {
    writeFileSync(this.file(name), typeof value === 'string' ? value : JSON.stringify(value));
  }

  /** Changes fields of a JSON file; undefined removes one. */
  edit(name: string, fields: Json): void {
    this.write(name, { ...(JSON.parse(readFileSync(this.file(name), 'utf8')) as Json), ...fields });
  }

  weights(): Record<string, View> {
    const file = SafetensorsFile.open(this.file('model.safetensors'));
    return Object.fromEntries(file.names().map((name) => [name, file.view(name)]));
  }

  /** Replaces the weights by others with perhaps other names; null leaves one out. */
  async rewrite(change: (name: string, view: View) => readonly [string, View] | null): Promise<void> {
    const changed = Object.entries(this.weights()).flatMap(([name, view]) => {
      const entry = change(name, view);
      return entry === null ? [] : [entry];
    });
    await writeSafetensors(this.file('model.safetensors'), Object.fromEntries(changed));
  }
}

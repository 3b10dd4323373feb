import { requirePath } from '../arguments.js';
import { releaseStorage, whileRetained } from '../backend/storage.js';
import type { View } from '../backend/view.js';
import { ArgumentError } from '../errors.js';
import { concreteDim } from '../tensor/dim.js';
import { bytesPerElement, type StorageArray } from '../tensor/dtype.js';
import { contiguousView, requireView } from '../tensor/execute.js';
import { writeFileAtomically } from './atomic-file.js';
import { LENGTH_BYTES, safetensorsDType } from './safetensors-header.js';

/** Files are padded so that every tensor lies at a multiple of its element's size. */
const ALIGNMENT = 8;

/**
 * Writes tensors to a safetensors file. The file appears under its name only once it is complete. Tensors may be disposed of
 * meanwhile.
 *
 * @param path - the file to write; one that is there is replaced.
 * @param tensors - tensors of any dtype and layout by name.
 * @param metadata - free text to keep with them; `{ format: 'pt' }` is what Hugging Face's own readers ask for.
 * @throws ArgumentError for what is no path or no tensor, FileError when the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, View>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  requirePath('writeSafetensors', 'path', path);
  for (const [name, view] of Object.entries(tensors)) requireView('writeSafetensors', name, view);
  if (Object.hasOwn(tensors, '__metadata__')) {
    throw new ArgumentError('writeSafetensors: no tensor can be called __metadata__; the format reserves the name');
  }
  // Larger elements first, so that all of them are aligned; then by name, so that the same tensors give the same file.
  const sorted = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || (nameA < nameB ? -1 : Number(nameA > nameB)),
  );
  const header = headerOf(sorted, metadata);
  // The views as they are now: of a disposed tensor there would be none later.
  const views = sorted.map(
    ([, { dtype, dims, strides, offset, data }]): View => ({ dtype, dims, strides, offset, data }),
  );
  const storage = views.map(({ data }) => data as StorageArray);
  await whileRetained(storage, () =>
    writeFileAtomically(path, async (file) => {
      await file.writeFile(header);
      for (const view of views) {
        const whole = contiguousView(view);
        await file.writeFile(bytesOf(whole));
        if (whole !== view) releaseStorage(whole.data as StorageArray);
      }
    }),
  );
}

function headerOf(
  tensors: readonly (readonly [string, View])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const described: [string, object][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let position = 0;
  for (const [name, { dtype, dims }] of tensors) {
    const shape = dims.map((dim) => concreteDim(dim, `writeSafetensors: the shape of ${name}`));
    const end = position + shape.reduce((product, dim) => product * dim, bytesPerElement(dtype));
    described.push([name, { dtype: safetensorsDType(dtype), shape, data_offsets: [position, end] }]);
    position = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(described)));
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(LENGTH_BYTES + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, LENGTH_BYTES);
  return header;
}

function bytesOf(view: View): Uint8Array {
  const data = view.data as StorageArray;
  const size = view.dims.reduce((product: number, dim) => product * (dim as number), bytesPerElement(view.dtype));
  const start = (view.offset as number) * bytesPerElement(view.dtype);
  return new Uint8Array(data.buffer, data.byteOffset + start, size);
}

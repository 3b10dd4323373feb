import { closeSync, openSync, readSync } from 'node:fs';

/** The C libraries of Linux that there are binaries for. */
export type Libc = 'glibc' | 'musl';

/** Where the parts that are read lie in an executable (ELF, 64 bits, little-endian). */
const ELF = {
  magic: 0x7f454c46,
  headerBytes: 64,
  programTableOffset: 32,
  programEntryBytes: 54,
  programEntries: 56,
  interpreterType: 3,
};

/** No executable has more of either. */
const MOST_ENTRIES = 128;
const MOST_NAME_BYTES = 4096;

/**
 * The C library of the program that runs, by the loader that the program names; null where there is only one, or where the
 * program does not say. What is installed says less: both libraries can be there.
 *
 * @param executable - the program.
 */
export function libcOf(platform: NodeJS.Platform, executable: string): Libc | null {
  if (platform !== 'linux') return null;
  const loader = loaderOf(executable);
  if (loader !== null && /\/ld-musl-[^/]*$/.test(loader)) return 'musl';
  if (loader !== null && /\/ld-linux[^/]*$/.test(loader)) return 'glibc';
  return libcOfReport();
}

/** What Node itself says, which is the answer for programs that are linked statically or with a loader of their own. */
function libcOfReport(): Libc | null {
  const report = process.report?.getReport() as
    | { header?: { glibcVersionRuntime?: string }; sharedObjects?: string[] }
    | undefined;
  if (report === undefined) return null;
  if (report.header?.glibcVersionRuntime !== undefined) return 'glibc';
  return report.sharedObjects?.some((file) => /\/(libc\.musl-|ld-musl-)/.test(file)) ? 'musl' : null;
}

/** The path of the loader in an executable (its PT_INTERP entry); null where there is none. */
function loaderOf(executable: string): string | null {
  let file: number;
  try {
    file = openSync(executable, 'r');
  } catch {
    return null;
  }
  try {
    const header = readAt(file, 0, ELF.headerBytes);
    if (header === null || header.readUInt32BE(0) !== ELF.magic) return null;
    const entryBytes = header.readUInt16LE(ELF.programEntryBytes);
    const entries = header.readUInt16LE(ELF.programEntries);
    if (entryBytes < 56 || entries > MOST_ENTRIES) return null;
    const table = readAt(file, Number(header.readBigUInt64LE(ELF.programTableOffset)), entries * entryBytes);
    if (table === null) return null;
    for (let at = 0; at < table.length; at += entryBytes) {
      if (table.readUInt32LE(at) !== ELF.interpreterType) continue;
      const bytes = Number(table.readBigUInt64LE(at + 32));
      const name = bytes > MOST_NAME_BYTES ? null : readAt(file, Number(table.readBigUInt64LE(at + 8)), bytes);
      return name === null ? null : name.toString('latin1').replace(/\0.*$/s, '');
    }
    return null;
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

/** Bytes at a place of a file; null where it ends before. */
function readAt(file: number, position: number, bytes: number): Buffer | null {
  const buffer = Buffer.alloc(bytes);
  return readSync(file, buffer, 0, bytes, position) === bytes ? buffer : null;
}

/*
 * Thrift's compact protocol, as far as Parquet's headers need it: structs, integers, texts and lists.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */

const TYPE_I32 = 5;
const TYPE_I64 = 6;
const TYPE_BINARY = 8;
const TYPE_LIST = 9;
const TYPE_STRUCT = 12;

/** A value with its type. Integers are written alike whatever their width. */
export type ThriftValue =
  | { readonly i32: number }
  | { readonly i64: number }
  | { readonly text: string }
  | { readonly list: readonly ThriftValue[] }
  | { readonly struct: ThriftStruct };

/** Fields by their numbers, which must ascend; undefined ones are left out. */
export type ThriftStruct = readonly (readonly [id: number, value: ThriftValue | undefined])[];

/** A struct as bytes. */
export function encodeThrift(struct: ThriftStruct): Uint8Array {
  const bytes: number[] = [];
  writeStruct(bytes, struct);
  return Uint8Array.from(bytes);
}

function writeStruct(bytes: number[], struct: ThriftStruct): void {
  let last = 0;
  for (const [id, value] of struct) {
    if (value === undefined) continue;
    bytes.push(((id - last) << 4) | typeOf(value));
    writeValue(bytes, value);
    last = id;
  }
  bytes.push(0);
}

function typeOf(value: ThriftValue): number {
  if ('i32' in value) return TYPE_I32;
  if ('i64' in value) return TYPE_I64;
  if ('text' in value) return TYPE_BINARY;
  return 'list' in value ? TYPE_LIST : TYPE_STRUCT;
}

function writeValue(bytes: number[], value: ThriftValue): void {
  if ('i32' in value) writeZigzag(bytes, value.i32);
  else if ('i64' in value) writeZigzag(bytes, value.i64);
  else if ('text' in value) {
    const text = Buffer.from(value.text);
    writeVarint(bytes, text.length);
    for (const byte of text) bytes.push(byte);
  } else if ('list' in value) {
    const [first] = value.list;
    const type = first === undefined ? TYPE_STRUCT : typeOf(first);
    if (value.list.length < 15) bytes.push((value.list.length << 4) | type);
    else {
      bytes.push(0xf0 | type);
      writeVarint(bytes, value.list.length);
    }
    for (const item of value.list) writeValue(bytes, item);
  } else writeStruct(bytes, value.struct);
}

function writeZigzag(bytes: number[], value: number): void {
  writeVarint(bytes, value < 0 ? -2 * value - 1 : 2 * value);
}

/** Seven bits a byte, the lowest first; for whole numbers up to 2^53. */
export function writeVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

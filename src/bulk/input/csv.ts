import { FormatError } from '../../errors.js';

/**
 * The fields of a record of comma-separated values (RFC 4180): in double quotes where they hold a separator, a line's end or
 * a quote, which is then doubled.
 *
 * @param record - without the end of its line.
 * @param separator - one character.
 * @throws FormatError for quotes where none may be.
 */
export function parseCsvRecord(record: string, separator: string, where: string): string[] {
  const fields: string[] = [];
  let position = 0;
  for (;;) {
    if (record[position] === '"') {
      let field = '';
      let begin = position + 1;
      for (;;) {
        const quote = record.indexOf('"', begin);
        if (quote < 0) throw new FormatError(`${where} opens a quote that nothing closes`);
        field += record.slice(begin, quote);
        if (record[quote + 1] !== '"') {
          position = quote + 1;
          break;
        }
        field += '"';
        begin = quote + 2;
      }
      if (position < record.length && record[position] !== separator) {
        throw new FormatError(`${where} goes on after a closing quote; quotes within quotes are doubled`);
      }
      fields.push(field);
    } else {
      const next = record.indexOf(separator, position);
      const end = next < 0 ? record.length : next;
      const field = record.slice(position, end);
      if (field.includes('"')) throw new FormatError(`${where} has a quote within a field that is not in quotes`);
      fields.push(field);
      position = end;
    }
    if (position >= record.length) return fields;
    position += separator.length;
    if (position === record.length) return [...fields, ''];
  }
}

/** Powers of ten that float64 holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Digits that float64 holds exactly whatever they are. */
const EXACT_DIGITS = 15;

const SPACE = 0x20;
const TAB = 0x09;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const LOWER_E = 0x65;

export function isSeparator(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

/** Reads decimal numbers out of bytes; `position` is where the last one ended. */
export class DecimalReader {
  position = 0;

  /**
   * The number at `at`, which must be followed by a space, a tab or `end`; NaN when there is none. A mantissa of up to 15 digits
   * times a power of ten that float64 holds is one correctly rounded operation (Clinger 1990); others take JavaScript's way.
   */
  read(bytes: Uint8Array, at: number, end: number): number {
    const start = at;
    const sign = bytes[at];
    if (sign === MINUS || sign === PLUS) at += 1;
    let mantissa = 0;
    let digits = 0;
    let digit = 0;
    for (; at < end; at++) {
      digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      mantissa = mantissa * 10 + digit;
      digits += 1;
    }
    let exponent = 0;
    if (at < end && bytes[at] === POINT) {
      at += 1;
      const point = at;
      for (; at < end; at++) {
        digit = (bytes[at] as number) - 0x30;
        if (digit < 0 || digit > 9) break;
        mantissa = mantissa * 10 + digit;
        digits += 1;
      }
      exponent = point - at;
    }
    if (digits === 0) return this.#none(start);
    if (at < end && ((bytes[at] as number) | 0x20) === LOWER_E) {
      at += 1;
      const negative = bytes[at] === MINUS;
      if (negative || bytes[at] === PLUS) at += 1;
      const first = at;
      let written = 0;
      for (; at < end; at++) {
        digit = (bytes[at] as number) - 0x30;
        if (digit < 0 || digit > 9) break;
        written = Math.min(written * 10 + digit, 9999);
      }
      if (at === first) return this.#none(start);
      exponent += negative ? -written : written;
    }
    if (at < end && !isSeparator(bytes[at])) return this.#none(start);
    this.position = at;
    if (digits > EXACT_DIGITS || exponent < -22 || exponent > 22) {
      return Number(String.fromCharCode(...bytes.subarray(start, at)));
    }
    const value = exponent < 0 ? mantissa / (POWERS[-exponent] as number) : mantissa * (POWERS[exponent] as number);
    return sign === MINUS ? -value : value;
  }

  #none(start: number): number {
    this.position = start;
    return Number.NaN;
  }
}

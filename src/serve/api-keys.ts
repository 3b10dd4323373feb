import { createHash, timingSafeEqual } from 'node:crypto';
import { RequestError } from './errors.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Who may ask. */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  /** @param keys - none: everybody may. */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * Looks for a key in the value of an `Authorization` header. How long that takes does not depend on how much of a key is
   * right, nor on which: digests are compared, in constant time, with all of them.
   *
   * @throws RequestError 401
   */
  check(authorization: string | undefined): void {
    if (this.#digests.length === 0) return;
    const [, key] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '') ?? [];
    const given = digest(key ?? '');
    let matches = 0;
    for (const known of this.#digests) matches |= Number(timingSafeEqual(known, given));
    if (matches === 1) return;
    throw new RequestError(
      401,
      'Unauthorized',
      key === undefined
        ? 'this server wants an API key; send it as Authorization: Bearer KEY'
        : 'this API key is not one of those that the server knows',
      { reason: 'invalid_api_key' },
    );
  }
}

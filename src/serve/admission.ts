import { RequestError } from './errors.js';

/** About how many characters of a text make a token; fewer than most have, so that estimates are rather too high. */
const CHARACTERS_PER_TOKEN = 3;

/** What a model adds to a text, about. */
const SPECIAL_TOKENS = 2;

const LEAST_RETRY_SECONDS = 1;
const MOST_RETRY_SECONDS = 60;

/** How much of the newest measurement goes into the rate at which tokens are computed. */
const RATE_WEIGHT = 0.2;

/** How many tokens a text will have, about. */
export function estimateTokens(characters: number, maxTokens: number): number {
  return Math.min(maxTokens, Math.ceil(characters / CHARACTERS_PER_TOKEN) + SPECIAL_TOKENS);
}

/**
 * The bounded queue: what has been accepted and not been answered yet. What does not fit is refused at once, with the time
 * after which it will probably fit; that keeps memory bounded and answers timely.
 */
export class Admission {
  #requests = 0;
  #texts = 0;
  #tokens = 0;
  /** Tokens a millisecond, as far as known. */
  #rate = 0;
  readonly #maxRequests: number;
  readonly #maxTokens: number;

  constructor(limits: { readonly maxConcurrentRequests: number; readonly maxQueuedTokens: number }) {
    this.#maxRequests = limits.maxConcurrentRequests;
    this.#maxTokens = limits.maxQueuedTokens;
  }

  get requests(): number {
    return this.#requests;
  }

  get texts(): number {
    return this.#texts;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Lets a request in.
   *
   * @param tokens - how many it will have, about.
   * @returns what to call when the request has been answered.
   * @throws RequestError 429
   */
  enter(texts: number, tokens: number): () => void {
    const isFull = this.#requests >= this.#maxRequests;
    if (isFull || (this.#tokens > 0 && this.#tokens + tokens > this.#maxTokens)) {
      const what = isFull ? `${this.#requests} requests` : `about ${this.#tokens} tokens`;
      throw new RequestError(429, 'Overloaded', `the server is busy: ${what} are waiting; try again later`, {
        retryAfter: this.#secondsToDrain(),
        reason: 'rate_limit_exceeded',
      });
    }
    this.#requests += 1;
    this.#texts += texts;
    this.#tokens += tokens;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#requests -= 1;
      this.#texts -= texts;
      this.#tokens -= tokens;
    };
  }

  /** Takes note of how long tokens took to compute. */
  observe(tokens: number, milliseconds: number): void {
    const rate = tokens / Math.max(milliseconds, 1);
    this.#rate = this.#rate === 0 ? rate : this.#rate + RATE_WEIGHT * (rate - this.#rate);
  }

  #secondsToDrain(): number {
    if (this.#rate === 0) return LEAST_RETRY_SECONDS;
    const seconds = Math.ceil(this.#tokens / this.#rate / 1000);
    return Math.min(MOST_RETRY_SECONDS, Math.max(LEAST_RETRY_SECONDS, seconds));
  }
}

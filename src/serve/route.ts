import type { Admission } from './admission.js';
import type { ModelRegistry } from './models.js';
import type { ServerSettings } from './options.js';
import type { Pacer } from './pacing.js';
import type { Schema } from './schemas.js';

/** What all routes work with. */
export interface Services {
  readonly settings: ServerSettings;
  readonly models: ModelRegistry;
  readonly admission: Admission;
  readonly pacer: Pacer;
}

/** A request that is being answered. */
export interface Call<Body> extends Services {
  readonly body: Body;
  /** Aborts when the client has gone, the time is up, or the server stops waiting. */
  readonly signal: AbortSignal;
}

/** Which API a route belongs to, and so how its errors look. */
export type Dialect = 'openai' | 'tei';

/** A route that computes something. */
export interface ComputeRoute<Body> {
  readonly path: string;
  readonly dialect: Dialect;
  readonly summary: string;
  /** The field that holds the texts, as errors name it. */
  readonly input: string;
  readonly body: Schema;
  readonly answer: Schema;
  /** @returns the answer's JSON. */
  run(call: Call<Body>): Promise<string>;
}

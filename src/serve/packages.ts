import { DependencyError } from '../errors.js';

/** The packages that only the server needs. */
export interface ServerPackages {
  readonly fastify: typeof import('fastify');
  readonly metrics: typeof import('prom-client');
}

/**
 * Loads the packages that the server is built on, which are optional: who only embeds does not install them.
 *
 * @throws DependencyError that says how to install them.
 */
export async function loadServerPackages(): Promise<ServerPackages> {
  try {
    const [fastify, metrics] = await Promise.all([import('fastify'), import('prom-client')]);
    // prom-client is CommonJS, of which not every tool finds the names without `default`.
    return { fastify, metrics: metrics.default };
  } catch (cause) {
    throw new DependencyError(
      `the server needs fastify 5 and prom-client 15, which could not be loaded (${(cause as Error).message.split('\n')[0]}); run: npm install fastify@5 prom-client@15`,
      { cause },
    );
  }
}

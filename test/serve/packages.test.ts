import { expect, it, vi } from 'vitest';
import { DependencyError } from '../../src/errors.js';
import { serve } from '../../src/serve/index.js';

vi.mock('prom-client', () => {
  throw new Error("Cannot find package 'prom-client'");
});

it('says what to install where the packages of the server are missing', async () => {
  const failed = serve({ port: 0 });
  await expect(failed).rejects.toBeInstanceOf(DependencyError);
  await expect(failed).rejects.toMatchObject({
    code: 'ERR_DEPENDENCY',
    message: expect.stringMatching(
      /^the server needs fastify 5 and prom-client 15, .*npm install fastify@5 prom-client@15$/,
    ),
  });
});

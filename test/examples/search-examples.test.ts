import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { expect, it } from 'vitest';

/* The examples run as they stand; PostgreSQL with pgvector is its WebAssembly build, behind a socket as any other. */

async function runExample(name: string, env: Record<string, string> = {}): Promise<string> {
  const file = path.resolve('examples', name);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, ...env } });
  expect(stderr).toBe('');
  return stdout;
}

it('search.mjs', async () => {
  expect(await runExample('search.mjs')).toMatch(/\n {2}0\.\d{3} {2}(Lentil soup|Slow-cooked)/);
});

it('approximate-search.mjs', async () => {
  expect(await runExample('approximate-search.mjs')).toMatch(/\n {2}0\.\d{3} {2}(Lentil soup|Slow-cooked)/);
});

it('pgvector.mjs, again and again on one database', async () => {
  const database = await PGlite.create({ extensions: { vector } });
  const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port: 0 });
  await server.start();
  try {
    const env = { DATABASE_URL: `postgres://postgres@${server.getServerConn()}/postgres` };
    for (let run = 0; run < 2; run++) {
      expect(await runExample('pgvector.mjs', env)).toMatch(/\n {2}0\.\d{3} {2}Lentil soup .* \(40 minutes\)\n/);
    }
    const { rows } = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM recipes');
    expect(rows[0]?.count).toBe(4);
  } finally {
    await server.stop();
    await database.close();
  }
});

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GemmuleServer, serve } from '../../src/serve/index.js';
import { get, HEADS, open, PATIENT, post, readAll, TINY } from './start.js';

const PATHS = [
  '/v1/embeddings',
  '/embed',
  '/embed_all',
  '/embed_sparse',
  '/similarity',
  '/rerank',
  '/predict',
  '/tokenize',
  '/decode',
];
const FIELDS = [
  'input',
  'inputs',
  'ids',
  'model',
  'truncate',
  'normalize',
  'dimensions',
  'encoding_format',
  'query',
  'texts',
  'raw_scores',
  'parameters',
];

let server: GemmuleServer;
beforeAll(async () => {
  server = await serve({ models: [TINY, ...HEADS], port: 0, logLevel: 'silent', ...PATIENT });
  await server.ready;
});
afterAll(() => server.close());

/** An answer is either right or the client's fault, and the server lives on. */
async function expectNoFault(path: string, body: string | Uint8Array): Promise<void> {
  const { status, body: answer } = await post(server.url + path, body);
  expect(status === 200 || (status >= 400 && status < 500), `${path} answers ${status} to ${body.slice(0, 200)}`).toBe(
    true,
  );
  if (status !== 200) expect(answer.error).toBeDefined();
}

const anything = fc.oneof(
  fc.anything({ withNullPrototype: false, maxDepth: 4 }).map((value) => value ?? null),
  fc.string({ unit: 'binary' }),
  fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.constant(null)), { maxLength: 20 }),
  fc.array(fc.array(fc.integer({ min: -5, max: 40_000 }), { maxLength: 100 }), { maxLength: 5 }),
);

it('answers bodies of all kinds of values with 4xx, if not with a result', async () => {
  const bodies = fc.dictionary(fc.constantFrom(...FIELDS), anything);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...PATHS), bodies, async (path, body) => {
      // Without what JSON does not have; NaN becomes null.
      await expectNoFault(
        path,
        JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      );
    }),
    { numRuns: 300 },
  );
});

it('answers bytes of all kinds with 4xx, if not with a result', async () => {
  const valid = new TextEncoder().encode(
    '{"input": ["some text"], "inputs": "x", "ids": [[1, 2]], "query": "q", "texts": ["t"]}',
  );
  const damaged = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = valid.slice();
      for (const [place, byte] of changes) bytes[place] = byte;
      return bytes;
    });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...PATHS), fc.oneof(damaged, fc.uint8Array({ maxLength: 100 })), expectNoFault),
    { numRuns: 200 },
  );
});

const deep = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);

it.each([
  ['deep arrays', `{"input": ${deep(500_000, '[', ']')}, "inputs": ${deep(400_000, '[', ']')}}`],
  ['deep objects', `{"input": ${deep(100_000, '{"a":', '').replace(/$/, '1')}${'}'.repeat(100_000)}}`],
  ['an unclosed array', '['.repeat(1_000_000)],
  ['NaN', '{"input": [NaN], "dimensions": NaN}'],
  ['infinite numbers', '{"input": [1e999], "inputs": [1e999], "ids": [1e999], "dimensions": 1e999}'],
  ['numbers that are no ids', '{"input": [-1], "inputs": [1.5], "ids": [4294967296]}'],
  [
    'prototypes',
    '{"__proto__": {"input": "a"}, "constructor": {"prototype": {"input": "a"}}, "input": {"__proto__": null}}',
  ],
  ['lone surrogates', '{"input": "\\ud800", "inputs": ["\\udfff\\ud800"], "ids": ["\\ud800"]}'],
  ['a byte order mark', '\uFEFF{"input": "a", "inputs": "a", "ids": [1]}'],
  ['null characters', '{"input": "\\u0000", "inputs": "\\u0000", "ids": [0]}'],
  ['one long word', JSON.stringify({ input: 'x'.repeat(1_500_000), inputs: 'y'.repeat(500_000) })],
  ['many empty texts', JSON.stringify({ input: Array(2000).fill(''), inputs: Array(2000).fill('') })],
  ['many ids', JSON.stringify({ ids: Array(300_000).fill(5), input: Array(100_000).fill(5) })],
])('answers %s', async (_, body) => {
  for (const path of PATHS) await expectNoFault(path, body);
  expect((await get(`${server.url}/health`)).status).toBe(200);
});

it.each([
  ['no HTTP', 'hello\r\n\r\n'],
  [
    'a wrong length',
    'POST /embed HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: -5\r\n\r\n{}',
  ],
  [
    'a smuggled request',
    'POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a wrong chunk', 'POST /embed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
  ['a long header', `GET /health HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`],
  ['a path out of it', 'GET /../../etc/passwd HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
  ['a path that is no text', 'GET /%ff%00 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
])('answers %s with 4xx', async (_, request) => {
  const socket = await open(server.url);
  socket.write(request);
  expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect((await get(`${server.url}/health`)).status).toBe(200);
});

/*
 * A small embedding server. One embedder serves all requests; the event loop stays free; work for a client that has gone
 * away is dropped.
 *
 *   node examples/server.mjs 8080
 *   curl -s localhost:8080 -d '["a text", "another"]'
 */
import { createServer } from 'node:http';
import { GemmuleError, TextEmbedder } from 'gemmule';

const LARGEST_BODY = 1024 * 1024;

const embedder = await TextEmbedder.load();

/** @param {import('node:http').IncomingMessage} request @returns {Promise<string[]>} */
async function readTexts(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > LARGEST_BODY) throw new RangeError('the request is too large');
  }
  return JSON.parse(body);
}

const server = createServer(async (request, response) => {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const vectors = await embedder.embed(await readTexts(request), { signal: gone.signal });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(vectors.toArray()));
    vectors.dispose();
  } catch (error) {
    const known = error instanceof GemmuleError || error instanceof SyntaxError || error instanceof RangeError;
    response.statusCode = known ? 400 : 500;
    response.end(known ? `${error.message}\n` : 'internal error\n');
  }
});

server.listen(Number(process.argv[2] ?? 8080), () => console.log('listening on', server.address()));

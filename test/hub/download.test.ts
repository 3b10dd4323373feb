import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TextEmbedder } from '../../src/embeddings/text-embedder.js';
import { ArgumentError, FileError, FormatError, HubError, ModelError } from '../../src/errors.js';
import { type DownloadOptions, type DownloadProgress, downloadModel } from '../../src/hub/index.js';
import { outcomeOf, run, start } from '../cli/run.js';
import { goldenCases, modelFolder } from '../models/golden.js';
import { COMMIT, etagOf, FakeHub, type Files, filesOf, NEXT_COMMIT, sendRange, TOKEN } from './fake-hub.js';

const MODEL = 'someone/small-model';
const WEIGHTS = randomBytes(300_000);

/** A model as far as the Hub cares, and files that gemmule has no use for. */
const FILES: Files = {
  '.gitattributes': '*.safetensors filter=lfs',
  'README.md': '# A model',
  'config.json': '{"model_type":"bert"}',
  'modules.json': JSON.stringify([
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
  ]),
  '1_Pooling/config.json': '{"pooling_mode_cls_token":true}',
  'sentence_bert_config.json': '{"max_seq_length":96}',
  'tokenizer.json': '{"version":"1.0"}',
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': randomBytes(100),
  'onnx/model.onnx': 'onnx',
  'vocab.txt': '[PAD]',
};
const NEEDED = [
  '1_Pooling/config.json',
  'config.json',
  'model.safetensors',
  'modules.json',
  'sentence_bert_config.json',
  'tokenizer.json',
];

let hub: FakeHub;
let cache: string;

beforeEach(async () => {
  hub = await FakeHub.start();
  hub.repositories[MODEL] = { commit: COMMIT, files: FILES };
  cache = mkdtempSync(path.join(tmpdir(), 'gemmule-hub-'));
});
afterEach(async () => {
  await hub.stop();
  rmSync(cache, { recursive: true });
});

const options = (more: DownloadOptions = {}): DownloadOptions => ({
  endpoint: hub.url,
  cacheFolder: cache,
  token: null,
  offline: false,
  patience: 1,
  ...more,
});
const download = (more: DownloadOptions = {}) => downloadModel(MODEL, options(more));
const inRepository = (...parts: string[]) => path.join(cache, 'models--someone--small-model', ...parts);
const snapshotFiles = (commit = COMMIT): string[] => {
  const folder = inRepository('snapshots', commit);
  return existsSync(folder)
    ? (readdirSync(folder, { recursive: true }) as string[])
        .filter((name) => !statSync(path.join(folder, name)).isDirectory())
        .sort()
    : [];
};
const blobs = () => (existsSync(inRepository('blobs')) ? readdirSync(inRepository('blobs')).sort() : []);
const withEtags = (names: readonly string[]) => names.map((name) => etagOf(name, FILES[name] as string)).sort();

describe('the cache', () => {
  it('gets the files that are needed, and no others, in the layout that Python shares', async () => {
    const folder = await download();
    expect(folder).toBe(inRepository('snapshots', COMMIT));
    expect(snapshotFiles()).toEqual(NEEDED);
    expect(blobs()).toEqual(withEtags(NEEDED));
    expect(readFileSync(inRepository('refs/main'), 'utf8')).toBe(COMMIT);
    for (const name of NEEDED) {
      const link = path.join(folder, name);
      expect(lstatSync(link).isSymbolicLink(), name).toBe(true);
      const up = name.includes('/') ? '../../../' : '../../';
      expect(readlinkSync(link)).toBe(`${up}blobs/${etagOf(name, FILES[name] as string)}`);
      expect(readFileSync(link)).toEqual(Buffer.from(FILES[name] as string));
    }
    const absent = readdirSync(inRepository('.no_exist', COMMIT)).sort();
    expect(absent).toEqual(['config_sentence_transformers.json', 'tokenizer_config.json']);
    expect(readdirSync(path.join(cache, '.locks/models--someone--small-model'))).toEqual([]);
  });

  it('is asked first: one request finds that nothing is missing, and a commit needs none', async () => {
    await download();
    hub.requests.length = 0;
    await download();
    expect(hub.requests.map(({ path: asked }) => asked)).toEqual([`/api/models/${MODEL}/revision/main`]);
    hub.requests.length = 0;
    await download({ revision: COMMIT });
    await download({ offline: true });
    expect(hub.requests).toEqual([]);
  });

  it('keeps what two revisions have in common once', async () => {
    await download();
    hub.repositories[MODEL] = { commit: NEXT_COMMIT, files: { ...FILES, 'config.json': '{"model_type":"mpnet"}' } };
    hub.requests.length = 0;
    expect(await download()).toBe(inRepository('snapshots', NEXT_COMMIT));
    expect(hub.seen('', 'GET', 'storage')).toEqual([]);
    expect(blobs()).toHaveLength(NEEDED.length + 1);
    expect(readFileSync(inRepository('refs/main'), 'utf8')).toBe(NEXT_COMMIT);
    expect(await download({ revision: COMMIT })).toBe(inRepository('snapshots', COMMIT));
  });

  it('that Python filled is used as it is', async () => {
    // As huggingface_hub 0.36 and 2.4 leave it after snapshot_download.
    mkdirSync(inRepository('blobs'), { recursive: true });
    mkdirSync(inRepository('refs'));
    mkdirSync(inRepository('snapshots', COMMIT, '1_Pooling'), { recursive: true });
    writeFileSync(inRepository('refs/main'), COMMIT);
    for (const [name, contents] of Object.entries(FILES).filter(([file]) => !file.startsWith('onnx'))) {
      writeFileSync(inRepository('blobs', etagOf(name, contents)), contents);
      const up = name.includes('/') ? '../../..' : '../..';
      symlinkSync(`${up}/blobs/${etagOf(name, contents)}`, inRepository('snapshots', COMMIT, name));
    }
    expect(await download({ offline: true })).toBe(inRepository('snapshots', COMMIT));
    await download();
    expect(hub.requests).toHaveLength(1);
    // Without Git's settings, which say that it was all of it, there are the lists of files that 2.0 and newer leave.
    rmSync(inRepository('snapshots', COMMIT, '.gitattributes'));
    rmSync(inRepository('.no_exist'), { recursive: true });
    await expect(download({ offline: true })).rejects.toThrow(/was never asked for/);
    mkdirSync(inRepository('trees'));
    const list = (names: string[]) => {
      const files = Object.fromEntries(names.map((name) => [name, { size: 1, blob_id: 'x' }]));
      writeFileSync(inRepository('trees', `${COMMIT}.json`), JSON.stringify({ format_version: 1, files }));
    };
    list(Object.keys(FILES));
    expect(await download({ offline: true })).toBe(inRepository('snapshots', COMMIT));
    list([...Object.keys(FILES), 'tokenizer_config.json']);
    await expect(download({ offline: true })).rejects.toThrow(/tokenizer_config\.json is missing/);
  });

  it('that another program filled in part is not taken for a model', async () => {
    await download();
    // transformers asks for no modules.json: without it the vectors would be others.
    rmSync(inRepository('snapshots', COMMIT, 'modules.json'));
    await expect(download({ offline: true })).rejects.toThrow(/not in the cache .*modules\.json is missing/);
    await download();
    expect(snapshotFiles()).toEqual(NEEDED);
  });

  it('is not written to when everything is there', async () => {
    await download();
    rmSync(inRepository('.no_exist'), { recursive: true });
    const folders = ['', 'blobs', 'refs', 'snapshots', `snapshots/${COMMIT}`].map((name) => inRepository(name));
    for (const folder of folders) chmodSync(folder, 0o555);
    try {
      await expect(download()).resolves.toBe(inRepository('snapshots', COMMIT));
    } finally {
      for (const folder of folders) chmodSync(folder, 0o755);
    }
  });

  it('that cannot be written is an error that says where it is', async () => {
    const file = path.join(cache, 'file');
    writeFileSync(file, '');
    await expect(download({ cacheFolder: path.join(file, 'below') })).rejects.toThrow(FileError);
    await expect(download({ cacheFolder: path.join(file, 'below') })).rejects.toThrow(/cannot write .*HF_HOME/);
  });
});

describe('TextEmbedder.load', () => {
  it('loads a model by its name, then without the Hub', async () => {
    hub.repositories['golden/bert'] = { commit: COMMIT, files: filesOf(modelFolder('bert')) };
    const [{ text, embedding }] = goldenCases('bert');
    for (const offline of [false, true]) {
      using embedder = await TextEmbedder.load('golden/bert', options({ offline }));
      expect(embedder.describe().name).toBe('golden/bert');
      using vectors = await embedder.embed([text]);
      for (const [i, value] of vectors.toTypedArray().entries()) expect(value).toBeCloseTo(embedding[i] as number, 4);
    }
    expect(hub.seen('golden.json')).toEqual([]);
  });

  it('takes a folder before a name, and asks the Hub for nothing that is neither', async () => {
    const before = process.cwd();
    mkdirSync(path.join(cache, 'golden'));
    symlinkSync(modelFolder('bert'), path.join(cache, 'golden/bert'));
    process.chdir(cache);
    try {
      const embedder = await TextEmbedder.load('golden/bert', options());
      embedder.dispose();
      await expect(TextEmbedder.load('golden/bert', options({ revision: 'main' }))).rejects.toThrow(
        /is a folder, which has no revision/,
      );
    } finally {
      process.chdir(before);
    }
    for (const name of ['./some/model', '/some/model', 'model', 'a/b/c', '../model', 'some/', 'C:\\model', 'a/b.git']) {
      await expect(TextEmbedder.load(name, options())).rejects.toThrow(FileError);
    }
    expect(hub.requests).toEqual([]);
  });

  it('says that there is neither a model nor a folder of that name', async () => {
    const failure = TextEmbedder.load('nobody/nothing', options());
    await expect(failure).rejects.toThrow(/there is no nobody\/nothing.*HF_TOKEN.*Nor is there a folder/);
    await expect(failure).rejects.toMatchObject({ code: 'ERR_HUB', status: 401 });
  });
});

describe('which files', () => {
  const select = async (files: Files) => {
    hub.repositories[MODEL] = { commit: COMMIT, files };
    await download();
    return snapshotFiles();
  };
  const core = { 'config.json': '{}', 'tokenizer.json': '{}' };

  it('takes shards where the weights are split', async () => {
    const index = { weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } };
    const files = {
      ...core,
      'model.safetensors.index.json': JSON.stringify(index),
      'model-00001-of-00002.safetensors': 'one',
      'model-00002-of-00002.safetensors': 'two',
      'other-00001-of-00001.safetensors': 'three',
    };
    expect(await select(files)).toEqual(
      Object.keys(files)
        .filter((name) => !name.startsWith('other'))
        .sort(),
    );
  });

  it("takes the settings of Stanford's ColBERT, and knows where there are none", async () => {
    const files = { ...core, 'model.safetensors': 'weights', 'artifact.metadata': '{}' };
    expect(await select(files)).toEqual(Object.keys(files).sort());
    expect(await download({ offline: true })).toBe(inRepository('snapshots', COMMIT));
    rmSync(inRepository('snapshots', COMMIT, 'artifact.metadata'));
    await expect(download({ offline: true })).rejects.toThrow(/artifact\.metadata is missing/);
    rmSync(cache, { recursive: true });
    await select({ ...core, 'model.safetensors': 'weights' });
    expect(await download({ offline: true })).toBe(inRepository('snapshots', COMMIT));
  });

  it('takes dense layers, and a transformer in a folder of its own', async () => {
    const modules = [
      { path: '0_Transformer', type: 'sentence_transformers.models.Transformer' },
      { path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      { path: '2_Dense', type: 'sentence_transformers.models.Dense' },
    ];
    const files = {
      'modules.json': JSON.stringify(modules),
      '0_Transformer/config.json': '{}',
      '0_Transformer/tokenizer.json': '{}',
      '0_Transformer/model.safetensors': 'weights',
      '1_Pooling/config.json': '{}',
      '2_Dense/config.json': '{}',
      '2_Dense/model.safetensors': 'more weights',
    };
    expect(await select({ ...files, 'model.safetensors': 'others' })).toEqual(Object.keys(files).sort());
  });

  it.each([
    [{ ...core, 'pytorch_model.bin': 'x', 'model.onnx': 'y' }, /only pytorch_model\.bin, model\.onnx; take/],
    [{ 'model-q8_0.gguf': 'x' }, /only model-q8_0\.gguf; take the repository that this was made from/],
    [{ 'README.md': 'x' }, /it is no model that gemmule loads/],
  ])('says what there is in place of weights: %#', async (files, message) => {
    hub.repositories[MODEL] = { commit: COMMIT, files: files as Files };
    await expect(download()).rejects.toThrow(ModelError);
    await expect(download()).rejects.toThrow(message);
    expect(snapshotFiles()).toEqual([]);
  });
});

describe('a hostile or broken server', () => {
  it.each([
    '../../escape',
    '/etc/passwd',
    'a/../../b',
    'a//b',
    './a',
    'C:\\x',
    'a\\b',
    'nul\u0000l',
    '',
    7,
    null,
    { a: 1 },
  ])('lists a file %j and gets nowhere', async (rfilename) => {
    hub.faults.push((request, response) => {
      if (!request.path.startsWith('/api/')) return false;
      response.end(JSON.stringify({ sha: COMMIT, siblings: [{ rfilename: 'config.json' }, { rfilename }] }));
      return true;
    });
    await expect(download()).rejects.toThrow(FormatError);
    await expect(download()).rejects.toThrow(/could leave the cache; nothing was downloaded/);
    expect(readdirSync(cache)).toEqual([]);
  });

  it.each([
    [{ sha: '../../x', siblings: [] }, /does not name a commit/],
    [{ sha: COMMIT.slice(1), siblings: [] }, /does not name a commit/],
    [{ sha: COMMIT }, /does not list the files/],
    [[], /does not name a commit/],
    ['<html>', /is not valid JSON/],
  ])('sends %j for a list', async (answer, message) => {
    hub.faults.push((request, response) => {
      if (!request.path.startsWith('/api/')) return false;
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      return true;
    });
    await expect(download()).rejects.toThrow(FormatError);
    await expect(download()).rejects.toThrow(message);
  });

  it.each([
    ['modules.json', '[{"type":"x.Transformer","path":"../../up"}]', /could leave the cache/],
    ['modules.json', '{}', /must hold an array/],
    ['modules.json', '[3]', /must hold a JSON object/],
  ])('has a %s that leads out: %s', async (name, contents, message) => {
    hub.repositories[MODEL] = { commit: COMMIT, files: { ...FILES, [name]: contents } };
    await expect(download()).rejects.toThrow(message);
    expect(snapshotFiles()).toEqual([]);
  });

  it.each([
    '{"weight_map":{"a":"../../../x.safetensors"}}',
    '{"weight_map":{"a":"/x.safetensors"}}',
    '{"weight_map":{"a":"b/x.safetensors"}}',
    '{"weight_map":{"a":"x.py"}}',
    '{"weight_map":{"a":1}}',
    '{"weight_map":[]}',
  ])('has an index of shards %s', async (index) => {
    const { 'model.safetensors': _, ...rest } = FILES;
    hub.repositories[MODEL] = {
      commit: COMMIT,
      files: { ...rest, 'b/x.safetensors': 'x', 'x.py': 'y', 'model.safetensors.index.json': index },
    };
    await expect(download()).rejects.toThrow(FormatError);
    expect(snapshotFiles()).toEqual([]);
  });

  it.each(['"../../../escape"', '".hidden"', '"a/b"', '""', undefined])('gives an etag %s', async (etag) => {
    hub.faults.push((request, response) => {
      if (request.method !== 'HEAD' || !request.path.endsWith('config.json')) return false;
      response.writeHead(200, { 'content-length': 2, ...(etag === undefined ? {} : { etag }) }).end();
      return true;
    });
    await expect(download()).rejects.toThrow(/cannot name a file in the cache/);
    expect(snapshotFiles()).toEqual([]);
  });

  it('sends other bytes than it announced, twice: nothing of them stays', async () => {
    const wrong = Buffer.from(WEIGHTS);
    wrong[1000] = (wrong[1000] as number) ^ 1;
    hub.faults.push((request, response) => {
      if (request.server !== 'storage') return false;
      sendRange(request, response, wrong);
      return true;
    });
    await expect(download()).rejects.toThrow(HubError);
    await expect(download()).rejects.toThrow(/is not what the Hub announced .*nothing of it was kept/);
    expect(blobs()).toEqual(withEtags(NEEDED.filter((name) => name !== 'model.safetensors')));
    expect(snapshotFiles()).toEqual([]);
    hub.faults.length = 0;
    await download();
    expect(snapshotFiles()).toEqual(NEEDED);
  });

  it('sends other bytes of a small file', async () => {
    hub.failOnce(
      ({ method, path: asked }) => method === 'GET' && asked.endsWith('/config.json'),
      (response) => response.end('{"model_type":"BERT"}'),
    );
    const folder = await download();
    expect(readFileSync(path.join(folder, 'config.json'), 'utf8')).toBe(FILES['config.json']);
  });

  it('sends more bytes than it announced', async () => {
    hub.faults.push((request, response) => {
      if (request.server !== 'storage') return false;
      sendRange(request, response, Buffer.concat([WEIGHTS, WEIGHTS]));
      return true;
    });
    await expect(download()).rejects.toThrow(/has 300000 bytes, but more were sent/);
    expect(snapshotFiles()).toEqual([]);
  });

  it('redirects in a circle, or to what is not HTTP', async () => {
    hub.faults.push(({ path: asked }, response) => {
      if (!asked.startsWith('/api/')) return false;
      response.writeHead(307, { location: asked }).end();
      return true;
    });
    await expect(download()).rejects.toThrow(/redirects more than 10 times/);
    hub.faults.length = 0;
    hub.faults.push((_, response) => {
      response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      return true;
    });
    await expect(download()).rejects.toThrow(/is not followed: it is not safe/);
  });
});

describe('a Hub that refuses', () => {
  it('gives a private model to who has a token, and shows the token to nobody else', async () => {
    hub.repositories[MODEL] = { commit: COMMIT, files: FILES, access: 'private' };
    await expect(download()).rejects.toThrow(/there is no someone\/small-model, .*set HF_TOKEN/);
    await download({ token: TOKEN });
    const [hubRequests, storageRequests] = ['hub', 'storage'].map((server) =>
      hub.requests.filter((request) => request.server === server && request.headers.authorization !== undefined),
    );
    expect(hubRequests.length).toBeGreaterThan(0);
    expect(storageRequests).toEqual([]);
  });

  it.each([
    ['a wrong token', { token: 'hf_wrong' }, 401, /does not accept the access token \(401\); renew HF_TOKEN/],
    ['an unknown revision', { revision: 'v2' }, 404, /there is no such revision on .*revision v2/],
  ])('says what is wrong with %s', async (_, more, status, message) => {
    const failure = download(more);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ name: 'HubError', code: 'ERR_HUB', status });
    await expect(failure).rejects.not.toThrow(/hf_wrong/);
  });

  it('says where the conditions of a gated model are accepted', async () => {
    hub.repositories[MODEL] = { commit: COMMIT, files: FILES, access: 'gated' };
    const failure = download();
    await expect(failure).rejects.toThrow(`accept its conditions at ${hub.url}/${MODEL}, and set HF_TOKEN`);
    await expect(failure).rejects.toMatchObject({ status: 403 });
    await expect(download({ token: TOKEN })).rejects.toThrow(/with the account whose token HF_TOKEN is/);
    expect(existsSync(inRepository())).toBe(false);
  });

  it.each([{ revision: '../main' }, { revision: 'a b' }, { revision: '' }, { endpoint: 'ftp://x' }, { token: 'a\nb' }])(
    'is not asked with %j',
    async (more) => {
      await expect(download(more)).rejects.toThrow(ArgumentError);
      expect(hub.requests).toEqual([]);
    },
  );

  it('is not asked for what is no name', async () => {
    for (const name of ['model', '', 'a/b/c', '../b', 'a--b/c', 'a/.b', 3, null]) {
      await expect(downloadModel(name as string, options())).rejects.toThrow(ArgumentError);
    }
    expect(hub.requests).toEqual([]);
  });
});

describe('a bad connection', () => {
  it('is asked again after 429, 503 and a cut, and waits as long as Retry-After says', async () => {
    hub.failOnce(
      ({ path: asked }) => asked.startsWith('/api/'),
      (response) => response.writeHead(429, { 'retry-after': '1' }).end(),
    );
    hub.failOnce(
      ({ method, path: asked }) => method === 'HEAD' && asked.endsWith('tokenizer.json'),
      (response) => response.writeHead(503).end(),
    );
    hub.failOnce(
      ({ method, path: asked }) => method === 'GET' && asked.endsWith('tokenizer.json'),
      (response) => response.destroy(),
    );
    const begin = performance.now();
    await download();
    // Timers are whole milliseconds, clocks are not.
    expect(performance.now() - begin).toBeGreaterThan(990);
    expect(snapshotFiles()).toEqual(NEEDED);
    expect(hub.seen('tokenizer.json')).toHaveLength(2);
    expect(hub.seen('tokenizer.json', 'HEAD')).toHaveLength(2);
  });

  it('that a server wants an hour of is reported, not waited for', async () => {
    hub.faults.push((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    });
    const failure = download();
    await expect(failure).rejects.toThrow(/too many requests \(429\), and to come back in 3600 s/);
    await expect(failure).rejects.toMatchObject({ status: 429 });
  });

  it('is continued where it was cut, as often as that gets further', async () => {
    let cuts = 0;
    hub.faults.push((request, response) => {
      if (request.server !== 'storage' || cuts >= 7) return false;
      cuts += 1;
      const begin = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(begin === 0 ? 200 : 206, {
        'content-length': WEIGHTS.length - begin,
        ...(begin === 0 ? {} : { 'content-range': `bytes ${begin}-${WEIGHTS.length - 1}/${WEIGHTS.length}` }),
      });
      response.write(WEIGHTS.subarray(begin, begin + 40_000), () => response.destroy());
      return true;
    });
    const progress: DownloadProgress[] = [];
    await download({ onDownload: (event) => progress.push(event) });
    expect(snapshotFiles()).toEqual(NEEDED);
    const begins = hub.seen('.safetensors', 'GET', 'storage').map(({ headers }) => headers.range);
    expect(begins).toHaveLength(8);
    expect(begins.slice(0, 3)).toEqual([undefined, 'bytes=40000-', 'bytes=80000-']);
    const { bytes, total } = progress.at(-1) as DownloadProgress;
    expect(bytes).toBe(total);
    expect(total).toBe(NEEDED.reduce((sum, name) => sum + Buffer.from(FILES[name] as string).length, 0));
  });

  it('is begun anew where the server cannot continue', async () => {
    const partial = inRepository('blobs', `${etagOf('model.safetensors', WEIGHTS)}.1-ab.gemmule.incomplete`);
    mkdirSync(path.dirname(partial), { recursive: true });
    writeFileSync(partial, WEIGHTS.subarray(0, 1000));
    hub.faults.push((request, response) => {
      if (request.server !== 'storage') return false;
      response.writeHead(200, { 'content-length': WEIGHTS.length }).end(WEIGHTS);
      return true;
    });
    await download();
    expect(snapshotFiles()).toEqual(NEEDED);
    expect(blobs()).toEqual(withEtags(NEEDED));
  });

  it('is not fooled by what a damaged file has of the beginning', async () => {
    const partial = inRepository('blobs', `${etagOf('model.safetensors', WEIGHTS)}.1-ab.gemmule.incomplete`);
    mkdirSync(path.dirname(partial), { recursive: true });
    writeFileSync(partial, randomBytes(200_000));
    writeFileSync(`${partial.replace('1-ab', '2-cd')}`, randomBytes(WEIGHTS.length + 5));
    await download();
    const ranges = hub.seen('.safetensors', 'GET', 'storage').map(({ headers }) => headers.range);
    expect(ranges).toEqual(['bytes=200000-', undefined]);
    expect(blobs()).toEqual(withEtags(NEEDED));
  });

  it('stops at an abort, keeps what came, and continues the next time', async () => {
    const half = WEIGHTS.subarray(0, 150_000);
    hub.failOnce(
      ({ server }) => server === 'storage',
      (response) => {
        response.writeHead(200, { 'content-length': WEIGHTS.length });
        response.write(half);
      },
    );
    const controller = new AbortController();
    const reason = new Error('enough');
    const onDownload = ({ file, fileBytes }: DownloadProgress) => {
      if (file === 'model.safetensors' && fileBytes === half.length) controller.abort(reason);
    };
    await expect(download({ signal: controller.signal, onDownload })).rejects.toBe(reason);
    expect(snapshotFiles()).toEqual([]);
    expect(blobs().filter((name) => name.endsWith('.incomplete'))).toHaveLength(1);
    await download();
    expect(hub.seen('.safetensors', 'GET', 'storage').at(-1)?.headers.range).toBe('bytes=150000-');
    expect(blobs()).toEqual(withEtags(NEEDED));
    await expect(download({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('leaves the last complete version to be used, with a warning', async () => {
    await download();
    const { url } = hub;
    await hub.stop();
    // Node and its packages may have warnings of their own.
    const warning = new Promise<Error>((resolve) => {
      const listen = (each: Error): void => {
        if (each.name !== 'GemmuleWarning') return;
        process.off('warning', listen);
        resolve(each);
      };
      process.on('warning', listen);
    });
    expect(await download({ endpoint: url })).toBe(inRepository('snapshots', COMMIT));
    const { message } = await warning;
    expect(message).toMatch(/cannot be reached \(ECONNREFUSED\).*Taken from the cache instead/);
    rmSync(inRepository('snapshots', COMMIT, 'model.safetensors'));
    const failure = download({ endpoint: url, revision: COMMIT });
    await expect(failure).rejects.toThrow(/HF_HUB_OFFLINE=1/);
  });

  it('is not used when offline', async () => {
    await expect(download({ offline: true })).rejects.toThrow(/it was never downloaded/);
    expect(hub.requests).toEqual([]);
  });
});

describe('several processes', () => {
  const environment = () => ({
    HF_ENDPOINT: hub.url,
    HF_HUB_CACHE: cache,
    HF_HOME: cache,
    HF_TOKEN: '',
    HF_HUB_OFFLINE: '',
  });

  it('download a model once, and all of them get it', async () => {
    // Sent once all of them have asked what there is, and one of them for the weights.
    let asked = 0;
    let send: (() => void) | undefined;
    hub.faults.push((request, response) => {
      if (request.path.startsWith('/api/')) asked += 1;
      if (request.server === 'storage') send = () => sendRange(request, response, WEIGHTS);
      if (asked >= 4) {
        send?.();
        send = undefined;
      }
      return request.server === 'storage';
    });
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => run(['download', MODEL], '', environment())));
    for (const { code, stdout, stderr } of outcomes) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.toString()).toBe(`${inRepository('snapshots', COMMIT)}\n`);
    }
    expect(hub.seen('.safetensors', 'GET', 'storage')).toHaveLength(1);
    expect(blobs()).toEqual(withEtags(NEEDED));
  });

  it('may be killed while downloading: nothing half-written is loaded, and the next continues', async () => {
    const half = WEIGHTS.subarray(0, 150_000);
    hub.failOnce(
      ({ server }) => server === 'storage',
      (response) => {
        response.writeHead(200, { 'content-length': WEIGHTS.length });
        response.write(half);
      },
    );
    const child = start(['download', MODEL], environment());
    const outcome = outcomeOf(child);
    const received = () =>
      blobs().some(
        (name) =>
          name.endsWith('.incomplete') &&
          // A file that was listed may have been renamed to its final name since.
          statSync(inRepository('blobs', name), { throwIfNoEntry: false })?.size === half.length,
      );
    while (!received()) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    expect(snapshotFiles()).toEqual([]);
    expect(existsSync(inRepository('refs/main'))).toBe(false);
    const offline = await run(['download', MODEL], '', { ...environment(), HF_HUB_OFFLINE: '1' });
    expect(offline.code).toBe(1);
    expect(offline.stderr).toMatch(/^gemmule: someone\/small-model \(main\) is not in the cache .*\n$/);

    const { code } = await run(['download', MODEL], '', environment());
    expect(code).toBe(0);
    expect(hub.seen('.safetensors', 'GET', 'storage').map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=150000-',
    ]);
    expect(blobs()).toEqual(withEtags(NEEDED));
    expect(readdirSync(path.join(cache, '.locks/models--someone--small-model'))).toEqual([]);
  });

  it('take over from one on another machine that has been silent', async () => {
    const locks = path.join(cache, '.locks/models--someone--small-model');
    mkdirSync(locks, { recursive: true });
    const lock = path.join(locks, `${etagOf('model.safetensors', WEIGHTS)}.gemmule.lock`);
    writeFileSync(lock, 'another-machine\n1\nabc\n');
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('still waiting')), 1000);
    await expect(download({ signal: controller.signal })).rejects.toThrow('still waiting');
    utimesSync(lock, new Date(0), new Date(0));
    await download();
    expect(readdirSync(locks)).toEqual([]);
  });

  it('speak one line each about what went wrong', async () => {
    const { code, stderr } = await run(['download', 'nobody/nothing'], '', environment());
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gemmule: there is no nobody\/nothing.*\n$/);
    expect((await run(['download'], '', environment())).code).toBe(2);
  });
});

it('gives up on a server that says nothing', async () => {
  hub.faults.push(() => true);
  process.env.HF_HUB_DOWNLOAD_TIMEOUT = '0.05';
  try {
    await expect(download()).rejects.toThrow(/sent nothing for 0\.05 s/);
  } finally {
    delete process.env.HF_HUB_DOWNLOAD_TIMEOUT;
  }
});

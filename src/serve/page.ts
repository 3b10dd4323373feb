/*
 * The page at `/` on which people try the server: texts, one a line, and how alike they are, as a matrix in colours. It needs
 * nothing but this server, and works with its own public interface.
 */

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gemmule</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body>
<main>
<h1>gemmule</h1>
<p>How alike are these texts? One a line; nothing leaves this server.</p>
<form id="form">
<label for="texts">Texts</label>
<textarea id="texts" rows="8" required>A dog in the park
A puppy on the grass
Quarterly earnings rose
The company made a profit</textarea>
<div class="row">
<label>Model <select id="model"></select></label>
<label>API key <input id="key" type="password" autocomplete="off" placeholder="if the server wants one"></label>
<button>Compare</button>
</div>
</form>
<p id="status" role="status"></p>
<div class="scroll"><table id="matrix" aria-label="Similarity"></table></div>
<footer><a href="/openapi.json">OpenAPI</a> · <a href="/health">health</a></footer>
</main>
</body>
</html>
`;

const STYLE = `:root { color-scheme: light dark; --line: #8884; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; }
label { font-weight: 600; }
textarea { box-sizing: border-box; width: 100%; font: inherit; padding: 0.5rem; margin: 0.25rem 0 0.75rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; }
.row label { font-weight: 400; }
select, input, button { font: inherit; padding: 0.25rem 0.5rem; }
button { padding: 0.25rem 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin-top: 1rem; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; }
td { text-align: right; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; }
th.text { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#status.error { color: #c22; }
footer { margin-top: 2rem; }
`;

const SCRIPT = `const MOST_TEXTS = 200;
const byId = (id) => document.getElementById(id);
const [form, texts, model, key, status, matrix] = ['form', 'texts', 'model', 'key', 'status', 'matrix'].map(byId);

function say(message, isError = false) {
  status.textContent = message;
  status.classList.toggle('error', isError);
}

async function ask(path, body) {
  const headers = { 'content-type': 'application/json' };
  if (key.value !== '') headers.authorization = 'Bearer ' + key.value;
  const response = await fetch(path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? answer.error ?? 'status ' + response.status);
  return answer;
}

function decode(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function cosine(a, b) {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.max(Math.sqrt(aa * bb), 1e-12);
}

function cell(kind, text, title = text) {
  const element = document.createElement(kind);
  element.textContent = text;
  element.title = title;
  return element;
}

function show(lines, vectors) {
  const numbers = lines.map((_, index) => cell('th', String(index + 1), lines[index]));
  const head = document.createElement('tr');
  head.append(cell('th', ''), cell('th', ''), ...numbers);
  const rows = lines.map((line, i) => {
    const row = document.createElement('tr');
    const name = cell('th', line);
    name.className = 'text';
    row.append(cell('th', String(i + 1)), name);
    for (const other of vectors) {
      const likeness = cosine(vectors[i], other);
      const value = cell('td', likeness.toFixed(3));
      value.style.background = 'rgb(46 160 67 / ' + Math.max(0, likeness * 0.85).toFixed(3) + ')';
      row.append(value);
    }
    return row;
  });
  matrix.replaceChildren(head, ...rows);
}

async function loadModels() {
  try {
    const { models } = await ask('/info');
    const embedders = models.filter(({ capabilities }) => capabilities.includes('embed'));
    model.replaceChildren(...embedders.map(({ model_id }) => new Option(model_id)));
    say(embedders.length > 0 ? '' : 'No model here makes one vector a text.', embedders.length === 0);
  } catch (error) {
    say(error.message, true);
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const lines = texts.value.split('\\n').map((line) => line.trim()).filter((line) => line !== '');
  if (lines.length === 0 || lines.length > MOST_TEXTS) {
    say('Write from 1 to ' + MOST_TEXTS + ' texts, one a line.', true);
    return;
  }
  if (model.options.length === 0) await loadModels();
  say('Computing …');
  const start = performance.now();
  try {
    const body = { input: lines, model: model.value || null, encoding_format: 'base64', truncate: true };
    const { data, usage } = await ask('/v1/embeddings', body);
    show(lines, data.map(({ embedding }) => decode(embedding)));
    say(lines.length + ' texts, ' + usage.prompt_tokens + ' tokens, ' + Math.round(performance.now() - start) + ' ms');
  } catch (error) {
    say(error.message, true);
  }
});
key.addEventListener('change', loadModels);
loadModels();
`;

/** What the page is made of. */
export const PAGE_FILES = [
  { path: '/', type: 'text/html; charset=utf-8', text: HTML },
  { path: '/page.css', type: 'text/css; charset=utf-8', text: STYLE },
  { path: '/page.js', type: 'text/javascript; charset=utf-8', text: SCRIPT },
] as const;

/** The page loads nothing from elsewhere, runs no script but its own, and is shown in no frame. */
export const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

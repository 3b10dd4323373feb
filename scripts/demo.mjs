/* `npm run demo`: sets up a fresh clone, then embeds a few sentences and shows how alike they are. */
import { isMain, runMain } from './lib/process.mjs';
import { setup } from './setup.mjs';

async function demo() {
  setup();
  const { showSimilarities } = await import('./demo/similarities.mjs');
  await showSimilarities();
}

if (isMain(import.meta.url)) await runMain(demo);

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Linux distributions put it, Debian first; `GEMMULE_CHROMIUM` names another. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts the system's Chromium without a window; playwright-core brings none of its own. Close it when done. */
export function launchChromium(): Promise<Browser> {
  const executablePath = process.env.GEMMULE_CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error('there is no Chromium for the tests; run: apt-get install chromium, or npm run setup');
  }
  // Containers have neither the rights for its sandbox nor, often, shared memory to speak of; pages here are our own.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  // Its start may take long on a busy machine; what hangs is ended by the limit of the test's hook.
  return chromium.launch({ executablePath, args, timeout: 0 });
}

import { onInterrupt } from '../cleanup.js';
import { openSink } from './sink.js';

/** Writes a picture, all or nothing. */
export async function writePicture(out: string, contents: string): Promise<void> {
  const sink = openSink(out, false);
  const forget = onInterrupt(() => sink.discard());
  try {
    await sink.write(contents);
    await sink.finish();
  } catch (error) {
    sink.discard();
    throw error;
  } finally {
    forget();
  }
}

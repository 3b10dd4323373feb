import { ModelError } from '../errors.js';
import type { ConfigReader } from '../io/config-reader.js';
import type { PoolingMode } from '../nn/functional.js';

/** How the token vectors of a text become one. */
export interface PoolingConfig {
  /** One or more; the vectors of several are put side by side. */
  readonly modes: readonly PoolingMode[];
  /** Whether a prompt's tokens count. */
  readonly includePrompt: boolean;
}

/** Modes by the names that configs have given them since 5.4, in the order in which several are put side by side. */
const MODES: ReadonlyMap<string, PoolingMode> = new Map([
  ['cls', 'cls'],
  ['max', 'max'],
  ['mean', 'mean'],
  ['mean_sqrt_len_tokens', 'meanSqrtLength'],
  ['weightedmean', 'weightedMean'],
  ['lasttoken', 'lastToken'],
]);

/** The flags of configs until 5.3, with the mode each stands for and what it is when it is missing. */
const FLAGS: readonly (readonly [string, PoolingMode, boolean])[] = [
  ['pooling_mode_cls_token', 'cls', false],
  ['pooling_mode_max_tokens', 'max', false],
  ['pooling_mode_mean_tokens', 'mean', true],
  ['pooling_mode_mean_sqrt_len_tokens', 'meanSqrtLength', false],
  ['pooling_mode_weightedmean_tokens', 'weightedMean', false],
  ['pooling_mode_lasttoken', 'lastToken', false],
];

/** Reads the config of a pooling module, of either generation. */
export function readPooling(config: ConfigReader): PoolingConfig {
  const modes = config.has('pooling_mode') ? namedModes(config) : flaggedModes(config);
  const includePrompt = config.flag('include_prompt', { fallback: true });
  if (modes.length === 0) throw new ModelError(`${config.path} turns on no way of pooling`);
  if (!includePrompt && modes.includes('weightedMean')) {
    throw new ModelError(`${config.path}: gemmule cannot leave prompts out of a weighted mean`);
  }
  return { modes, includePrompt };
}

function namedModes(config: ConfigReader): PoolingMode[] {
  const names = config.words('pooling_mode').flatMap((word) => word.split('+'));
  const unknown = names.find((name) => !MODES.has(name));
  if (unknown !== undefined) {
    throw new ModelError(`${config.path}: pooling_mode is "${unknown}"; gemmule has ${[...MODES.keys()].join(', ')}`);
  }
  return [...MODES].filter(([name]) => names.includes(name)).map(([, mode]) => mode);
}

function flaggedModes(config: ConfigReader): PoolingMode[] {
  return FLAGS.filter(([field, , fallback]) => config.flag(field, { fallback })).map(([, mode]) => mode);
}

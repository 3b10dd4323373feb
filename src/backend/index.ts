import { ArgumentError } from '../errors.js';
import type { Backend } from './backend.js';
import { loadNativeBackend, requireNativeBackend } from './native/index.js';
import { Recorder } from './recorder/recorder.js';
import { referenceBackend } from './reference/index.js';
import { borrow, isPackedWeight, type Operand, SymbolicValue } from './view.js';

export type { Backend, BackendName } from './backend.js';

let current: Backend | null = null;

function chooseBackend(): Backend {
  const forced = process.env.GEMMULE_BACKEND;
  switch (forced) {
    case undefined:
    case '':
      return loadNativeBackend() ?? referenceBackend;
    case 'native':
      return requireNativeBackend();
    case 'reference':
      return referenceBackend;
    default:
      throw new ArgumentError(`GEMMULE_BACKEND must be "native" or "reference", got "${forced}"`);
  }
}

/** The backend by name. `native` throws a BackendError that says why when the addon cannot be loaded. */
export function getBackend(name: 'native' | 'reference'): Backend {
  if (name === 'native') return requireNativeBackend();
  if (name === 'reference') return referenceBackend;
  throw new ArgumentError(`a backend must be "native" or "reference", got ${JSON.stringify(name)}`);
}

/** The backend that eager operations run on: `GEMMULE_BACKEND`, else native where it loads, else reference. */
export function defaultBackend(): Backend {
  current ??= chooseBackend();
  return current;
}

/** Makes eager operations run on another backend from now on; returns the one before. */
export function setDefaultBackend(backend: Backend | 'native' | 'reference'): Backend {
  const previous = defaultBackend();
  current = typeof backend === 'string' ? getBackend(backend) : backend;
  return previous;
}

/** The backend for these operands: the recorder of a symbolic one, else the default. */
export function backendFor(operands: readonly Operand[]): Backend {
  for (const operand of operands) {
    if (operand === null || isPackedWeight(operand)) continue;
    const data = borrow(operand);
    if (data instanceof SymbolicValue) {
      if (!(data.recorder instanceof Recorder)) break;
      return data.recorder;
    }
  }
  return defaultBackend();
}

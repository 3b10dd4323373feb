import path from 'node:path';
import { defaultBackend } from '../backend/index.js';
import { allocateStorage, releaseStorage } from '../backend/storage.js';
import type { PackFormat, View } from '../backend/view.js';
import { ArgumentError, DisposedError, FileError, ModelError, TruncatedTextError } from '../errors.js';
import { ModelFolder } from '../io/model-folder.js';
import type { EncoderConfig } from '../models/encoder-model.js';
import { loadModel } from '../models/load.js';
import type { PoolingMode } from '../nn/functional.js';
import { contiguousStrides } from '../tensor/dim.js';
import { Tensor } from '../tensor/tensor.js';
import { type Encoding, Tokenizer } from '../tokenizers/tokenizer.js';
import { DEFAULT_MODEL_NAME, defaultModelFolder, isDefaultModelName } from './default-model.js';
import { Dense } from './dense.js';
import {
  type CallOptions,
  type EmbedOptions,
  type LoadOptions,
  requireCount,
  requireText,
  requireTexts,
} from './options.js';
import { type Job, Scheduler } from './scheduler.js';
import { readSentenceConfig, type SentenceConfig } from './sentence-config.js';
import { SentenceModel } from './sentence-model.js';
import { type SimilarityName, similarity } from './similarity.js';
import { normalizeInPlace } from './vectors.js';

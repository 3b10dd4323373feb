import { downloadModel } from '../../index.js';
import { type Command, stringOption, UsageError } from '../command.js';
import { withDownloadProgress } from './model-options.js';

export const downloadCommand: Command = {
  name: 'download',
  summary: 'fetch models from the Hugging Face Hub into the cache',
  usage: `gemmule download MODEL [MODEL...] [options]

Downloads what gemmule needs of models on the Hugging Face Hub, such as BAAI/bge-small-en-v1.5, and prints the folder
of each. Other commands and programs find them in the cache, which Python's huggingface_hub shares.

      --revision NAME    a branch, tag or commit; main without it
      --cache FOLDER     the cache; HF_HUB_CACHE, or hub in HF_HOME, without it
  -h, --help             this text

Environment: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY.
`,
  options: { revision: { type: 'string' }, cache: { type: 'string' } },
  async run({ texts, options, signal }) {
    if (texts.length === 0) throw new UsageError('download takes the names of models, such as BAAI/bge-small-en-v1.5');
    const revision = stringOption(options, 'revision');
    const cacheFolder = stringOption(options, 'cache');
    for (const model of texts) {
      const folder = await withDownloadProgress((onDownload) =>
        downloadModel(model, { revision, cacheFolder, signal, onDownload }),
      );
      process.stdout.write(`${folder}\n`);
    }
  },
};
